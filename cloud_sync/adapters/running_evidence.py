"""Evidence for rollouts: sums that are asked for again and again, and read each window once.

A rollout looks every few minutes at what its devices counted since a stage began. Read anew every
time, the windows of a thousand devices would keep the cloud from everything else. So a sum stays,
and only windows that have been written since are added. What a look needs for the first time is
read in turns of about a second; until all of it is there the look waits. No device is more than a
third of the sum of a cohort.
"""

import threading
import time
from collections.abc import Callable, Collection, Iterable
from typing import Final, NamedTuple, Protocol

from cloud_sync.adapters.capped_sum import CappedSum
from cloud_sync.adapters.sql.adding import AddingUp
from cloud_sync.adapters.sql.feed import StoredWindow
from cloud_sync.core.facts import CohortStatistics, EvidenceSource, PackageFacts
from cloud_sync.core.increments import PackageRole
from edge_contract.errors import UnavailableError
from edge_contract.package import Role
from edge_contract.stats import ProfileSpec

__all__ = ["RunningEvidence", "WindowFeed"]

_TURN_S: Final = 1.0
_DEVICES_AT_ONCE: Final = 20
_WINDOWS_AT_ONCE: Final = 5_000
_UNUSED_S: Final = 4 * 3600.0
_LATE_S: Final = 120.0  # no transaction stays open for longer
_LOOK_BACK: Final = 20_000
_FOR_EVER_UNIX_S: Final = 2.0**53
_HOUR_S: Final = 3600  # windows that are rolled up are as long at least


class WindowFeed(Protocol):
    """Windows of devices by number; :class:`cloud_sync.adapters.sql.feed.SqlFeed` reads them."""

    def newest_window(self) -> int:
        """Return the number of the newest window; 0 where there is none."""
        ...

    def window_numbers(self, *, after: int) -> set[int]:
        """Return the numbers above one."""
        ...

    def windows_after(self, number: int, *, limit: int) -> list[StoredWindow]:
        """Return the next windows by rising number."""
        ...

    def windows_numbered(self, numbers: Collection[int]) -> list[StoredWindow]:
        """Return those of some windows that are there."""
        ...

    def windows_of(
        self,
        subject: PackageRole,
        devices: Collection[str],
        *,
        since_unix_s: float,
        until_unix_s: float,
        up_to: int,
    ) -> list[StoredWindow]:
        """Return what some devices counted in a span of time, up to a number."""
        ...

    def devices_of(self, subject: PackageRole) -> list[str]:
        """Return the devices that ever counted for a package in a role."""
        ...


class _Question(NamedTuple):
    """What a sum is of, but for its devices; with ``apart`` each device has its own."""

    subject: PackageRole
    since_unix_s: float
    until_unix_s: float
    columns: frozenset[int] | None
    apart: bool


class _Sum:
    """What some devices counted in a span of time, as far as it was read."""

    def __init__(self, question: _Question, spec: ProfileSpec) -> None:
        self.question = question
        self.devices: frozenset[str] = frozenset()
        self.todo: list[str] = []
        self.begun_at: dict[str, tuple[int, frozenset[int]]] = {}
        self.used_s = 0.0
        self._spec = spec
        self._parts: dict[str, AddingUp] = {}
        self._together = CappedSum(spec)

    def extend(self, devices: frozenset[str], *, position: int, late: frozenset[int]) -> None:
        """Take in more devices; of those, windows up to the position are to be read."""
        new = sorted(devices - self.devices)
        self.begun_at.update(dict.fromkeys(new, (position, late)))
        self.todo += new
        self.devices |= devices

    def wants(self, window: StoredWindow) -> bool:
        """Return whether a window belongs to it."""
        asked = self.question
        return (
            window.subject == asked.subject
            and asked.since_unix_s <= window.start_unix_s < asked.until_unix_s
            and window.device in self.devices
        )

    def add(self, window: StoredWindow) -> None:
        """Add a window."""
        if not self.question.apart:
            self._together.add(window)
            return
        if window.device not in self._parts:
            self._parts[window.device] = AddingUp(self._spec, columns=self.question.columns)
        self._parts[window.device].add(window.counters, window.data)

    def settle(self) -> None:
        """Read what was added, as far as no device gets more than its part of the sum."""
        self._together.settle()

    def whole(self) -> CohortStatistics:
        """Return the sum of all."""
        return self._together.total()

    def by_device(self) -> dict[str, CohortStatistics]:
        """Return the sum of each device."""
        totals = {name: part.total() for name, part in sorted(self._parts.items())}
        return {
            name: CohortStatistics(total.counters, total.profile, 1)
            for name, total in totals.items()
        }


class RunningEvidence:
    """Implements :class:`cloud_sync.core.facts.EvidenceSource` for looks that come again.

    Args:
        plain: What to ask for everything else.
        feed: Windows by number.
        fine_s: Windows that are older may have been rolled up.
        turn_s: Reading for the first time ends after so long, to go on with the next call.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        plain: EvidenceSource,
        feed: WindowFeed,
        *,
        fine_s: float,
        turn_s: float = _TURN_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._plain = plain
        self._feed = feed
        self._fine_s = fine_s
        self._turn_s = turn_s
        self._clock = clock
        self._lock = threading.Lock()
        self._sums: dict[_Question, list[_Sum]] = {}
        self._position = 0
        self._late: dict[int, float] = {}

    def package(self, digest: str) -> PackageFacts:
        """Return a package of the registry."""
        return self._plain.package(digest)

    def cohort(
        self,
        digest: str,
        role: str = Role.PRIMARY,
        *,
        devices: frozenset[str] | None = None,
        since_unix_s: float = 0.0,
        until_unix_s: float | None = None,
    ) -> CohortStatistics:
        """Return what devices counted; raises ``UnavailableError`` while it is being read."""
        if devices is None:
            return self._plain.cohort(
                digest, role, since_unix_s=since_unix_s, until_unix_s=until_unix_s
            )
        until = _FOR_EVER_UNIX_S if until_unix_s is None else until_unix_s
        asked = _Question(PackageRole(digest, role), since_unix_s, until, None, apart=False)
        with self._lock:
            return self._answer(asked, devices).whole()

    def by_device(
        self,
        digest: str,
        role: str = Role.PRIMARY,
        *,
        since_unix_s: float = 0.0,
        subjects: Collection[str] | None = None,
    ) -> dict[str, CohortStatistics]:
        """Return the same for each device by itself."""
        if subjects is not None and not subjects:
            counted = self._plain.by_device(
                digest, role, since_unix_s=since_unix_s, subjects=subjects
            )
            return dict(counted)
        subject, columns = PackageRole(digest, role), None
        if subjects is not None:
            spec = self._spec(subject)
            columns = frozenset(i for i, one in enumerate(spec.columns) if one.subject in subjects)
        asked = _Question(subject, since_unix_s, _FOR_EVER_UNIX_S, columns, apart=True)
        with self._lock:
            devices = frozenset(self._feed.devices_of(subject))
            return self._answer(asked, devices).by_device()

    def _answer(self, asked: _Question, devices: frozenset[str]) -> _Sum:
        """Return a sum when all of it has been read."""
        until_s = self._clock() + self._turn_s
        self._forget_unused()
        self._catch_up(until_s)
        found = self._sum_of(asked, devices)
        found.used_s = self._clock()
        self._fill(found, until_s)
        return found

    def _sum_of(self, asked: _Question, devices: frozenset[str]) -> _Sum:
        """Return the sum of these devices, or of some of them and let it grow, or a new one."""
        known = self._sums.setdefault(asked, [])
        parts = [one for one in known if one.devices <= devices]
        found = max(parts, key=lambda one: len(one.devices), default=None)
        if found is None:
            found = _Sum(asked, self._spec(asked.subject))
            known.append(found)
        if found.devices != devices:
            found.extend(devices, position=self._position, late=frozenset(self._late))
        return found

    def _fill(self, found: _Sum, until_s: float) -> None:
        asked = found.question
        while found.todo:
            some = found.todo[:_DEVICES_AT_ONCE]
            position = max(found.begun_at[name][0] for name in some)
            windows = self._feed.windows_of(
                asked.subject,
                some,
                since_unix_s=asked.since_unix_s,
                until_unix_s=asked.until_unix_s,
                up_to=position,
            )
            for window in windows:
                begun_at, late = found.begun_at[window.device]
                if window.number <= begun_at and window.number not in late:
                    found.add(window)
            found.settle()
            del found.todo[: len(some)]
            if found.todo and self._clock() >= until_s:
                raise UnavailableError(
                    "what its devices counted is still being read: it goes on by itself"
                )
        found.begun_at.clear()

    def _catch_up(self, until_s: float) -> None:
        """Add what was written since the last call, also what became visible late."""
        if not any(self._sums.values()):
            self._position = self._feed.newest_window()
            self._expect(range(max(self._position - _LOOK_BACK, 0) + 1, self._position + 1), None)
            return
        if self._late:
            self._take(self._feed.windows_numbered(self._late))
        while windows := self._feed.windows_after(self._position, limit=_WINDOWS_AT_ONCE):
            before, self._position = self._position, windows[-1].number
            self._expect(
                range(before + 1, self._position + 1), {window.number for window in windows}
            )
            self._take(windows)
            if len(windows) == _WINDOWS_AT_ONCE and self._clock() >= until_s:
                raise UnavailableError(
                    "what its devices counted is still being read: it goes on by itself"
                )

    def _expect(self, numbers: range, there: set[int] | None) -> None:
        """Note numbers that are missing: another collector may be about to write them."""
        now_s = self._clock()
        if there is None:
            there = self._feed.window_numbers(after=numbers.start - 1)
        self._late = {number: at_s for number, at_s in self._late.items() if at_s > now_s}
        self._late |= {number: now_s + _LATE_S for number in numbers if number not in there}

    def _take(self, windows: Iterable[StoredWindow]) -> None:
        rolled_before_unix_s = time.time() - self._fine_s
        sums = [one for some in self._sums.values() for one in some]
        for window in windows:
            self._late.pop(window.number, None)
            if window.span_s >= _HOUR_S and window.start_unix_s < rolled_before_unix_s:
                continue  # made of windows that have been added
            for one in sums:
                if one.wants(window):
                    one.add(window)
        for one in sums:
            one.settle()

    def _forget_unused(self) -> None:
        since_s = self._clock() - _UNUSED_S
        for asked, some in list(self._sums.items()):
            self._sums[asked] = [one for one in some if one.used_s > since_s or not one.used_s]
            if not self._sums[asked]:
                del self._sums[asked]

    def _spec(self, subject: PackageRole) -> ProfileSpec:
        return self._plain.package(subject.package).specs[subject.role]
