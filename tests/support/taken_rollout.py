"""A rollout with a device in somebody's hands, judged by the sums that the cloud keeps."""

from collections.abc import Collection

from cloud_sync.adapters.running_evidence import RunningEvidence
from cloud_sync.adapters.sql.feed import StoredWindow
from cloud_sync.adapters.sql.profiles import pack
from cloud_sync.core.facts import CohortStatistics
from cloud_sync.core.increments import PackageRole
from edge_contract.messages import Counters
from edge_contract.package import Role
from edge_contract.stats import Profile
from tests.support.behaviours import Behaviour, window
from tests.support.rollout_world import ROWS, STEP_S, Device, Row, World

__all__ = ["Feed", "TakenWorld"]


class Feed:
    """Implements ``WindowFeed`` over a list of rows."""

    def __init__(self, rows: list[Row]) -> None:
        self._rows = rows
        self._packed: dict[int, tuple[Profile, bytes]] = {}

    def newest_window(self) -> int:
        return len(self._rows)

    def window_numbers(self, *, after: int) -> set[int]:
        return set(range(after + 1, len(self._rows) + 1))

    def windows_after(self, number: int, *, limit: int) -> list[StoredWindow]:
        last = min(number + limit, len(self._rows))
        return [self._window(at) for at in range(number + 1, last + 1)]

    def windows_numbered(self, numbers: Collection[int]) -> list[StoredWindow]:
        return [self._window(at) for at in sorted(numbers) if at <= len(self._rows)]

    def windows_of(
        self,
        subject: PackageRole,
        devices: Collection[str],
        *,
        since_unix_s: float,
        until_unix_s: float,
        up_to: int,
    ) -> list[StoredWindow]:
        return [
            self._window(at + 1)
            for at, (digest, role, device, at_s, _, _) in enumerate(self._rows[:up_to])
            if (digest, role) == subject
            and device in devices
            and since_unix_s <= at_s < until_unix_s
        ]

    def devices_of(self, subject: PackageRole) -> list[str]:
        return sorted({row[2] for row in self._rows if row[:2] == subject})

    def _window(self, number: int) -> StoredWindow:
        digest, role, device, at_s, counters, profile = self._rows[number - 1]
        known = self._packed.get(id(profile))
        if known is None:
            known = self._packed[id(profile)] = (profile, pack(profile.to_state()))
        subject = PackageRole(digest, role)
        return StoredWindow(number, device, subject, int(at_s), int(STEP_S), counters, known[1])


class TakenWorld(World):
    """A fleet of which one device also counts what somebody makes up."""

    taken = ""
    forged = ""
    looks: Behaviour | None = None
    times = 0
    failing = ""
    """Of this package a fifth of all calls fails."""
    running: RunningEvidence | None = None

    def bound(self) -> None:
        """Judge by running sums, in which each device has its part at most."""
        self.running = RunningEvidence(self, Feed(self.rows), fine_s=3600.0, turn_s=60.0)

    def take(self, name: str, version: str, *, looks: Behaviour, times: int) -> None:
        """While this device serves a version it counts so many windows more that look like this."""
        package = self.behaviours[version][0]
        self.taken, self.forged, self.looks, self.times = name, package.digest, looks, times
        self._lie = window(package, looks, self.rng, rows=ROWS * times, dirty=False)

    def _count(self, device: Device) -> None:
        super()._count(device)
        if self.failing and self.rows and device.serving == self.failing:
            digest, role, name, at_s, _, profile = self.rows[-1]
            self.rows[-1] = (digest, role, name, at_s, Counters(ROWS, ROWS - 8, 8), profile)
        if device.name == self.taken and device.serving == self.forged and device.online:
            rows = ROWS * self.times
            at_s = self.now_s - STEP_S
            counters = Counters(rows=rows, calls=rows)
            self.rows.append((self.forged, Role.PRIMARY, device.name, at_s, counters, self._lie))

    def cohort(
        self,
        digest: str,
        role: str = Role.PRIMARY,
        *,
        devices: frozenset[str] | None = None,
        since_unix_s: float = 0.0,
        until_unix_s: float | None = None,
    ) -> CohortStatistics:
        ask = super().cohort if self.running is None or devices is None else self.running.cohort
        return ask(
            digest, role, devices=devices, since_unix_s=since_unix_s, until_unix_s=until_unix_s
        )
