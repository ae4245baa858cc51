"""What the collector adds to the warehouse: counts by window, and which batches they came from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from cloud_sync.core.seen import Marks
from cloud_sync.core.segments import WHOLE_FLEET, Segment
from edge_contract.messages import Acks, Counters
from edge_contract.package import Role
from edge_contract.reading import JsonValue
from edge_contract.stats import Profile, ProfileSpec

__all__ = [
    "AnalysisSubject",
    "Commit",
    "DeviceIncrement",
    "DeviceRole",
    "DeviceWindow",
    "FleetWindow",
    "Increment",
    "Life",
    "PackageRole",
    "PendingKey",
    "StatePiece",
    "Tally",
]

StatePiece: TypeAlias = bytes | Mapping[int, JsonValue]
"""What a device counted, known to be right: a telemetry message of this one window, as it came, or
the states by column where the message had several windows."""


class PackageRole(NamedTuple):
    """A package in one of its roles: what statistics are about."""

    package: str
    role: str = Role.PRIMARY


class AnalysisSubject(NamedTuple):
    """What a detector watches: a package in one of its roles on the devices of one segment."""

    package: str
    role: str = Role.PRIMARY
    segment: Segment = WHOLE_FLEET


class PendingKey(NamedTuple):
    """Counts that the alarm analysis takes together.

    Attributes:
        subject: Which package in which role.
        segments: Every segment of the devices that counted, rising; empty if they are in none.
            Each row is in one such group, so that it is written once however many segments there
            are; the analysis adds the groups up, see :class:`cloud_sync.core.pending.Pending`.
        stratum: Part of the day or week that the rows belong to; empty if the package's reference
            does not tell them apart.
    """

    subject: PackageRole
    segments: tuple[Segment, ...] = ()
    stratum: str = ""


class FleetWindow(NamedTuple):
    """A span of time in which all devices are counted together.

    Attributes:
        subject: Which package in which role.
        start_unix_s: When it began; a multiple of the collector's ``window_s``.
    """

    subject: PackageRole
    start_unix_s: int


class DeviceWindow(NamedTuple):
    """A span of time of one device; its start is a multiple of ``device_window_s``."""

    device: str
    subject: PackageRole
    start_unix_s: int


class DeviceRole(NamedTuple):
    """What one device counted for one package in one role, ever."""

    device: str
    subject: PackageRole


@dataclass(frozen=True, slots=True)
class Increment:
    """Counts to be added: of all devices together."""

    counters: Counters
    profile: Profile

    def merged(self, other: "Increment") -> "Increment":
        """Return the sum of both."""
        return Increment(
            self.counters.plus(other.counters),
            self.profile.merged(other.profile),
        )


@dataclass(frozen=True, slots=True)
class DeviceIncrement:
    """Counts to be added: of one device.

    Most windows of one device come in one piece and are never looked at again; so pieces are stored
    as they came, and merged when they are read.

    Attributes:
        counters: Rows, calls, failures and drops.
        spec: What the pieces mean.
        pieces: Profiles as they came over the wire.
    """

    counters: Counters
    spec: ProfileSpec
    pieces: tuple[StatePiece, ...]

    def merged(self, other: "DeviceIncrement") -> "DeviceIncrement":
        """Return the sum of both."""
        return DeviceIncrement(
            self.counters.plus(other.counters), self.spec, self.pieces + other.pieces
        )


class Life(NamedTuple):
    """One life of a device, from a start of its agent to the end."""

    device: str
    boot: int


class Tally(NamedTuple):
    """What the collector counts about its own work. All add up.

    Attributes:
        batches: Merged.
        repeated: Arrived again after they had been merged.
        lost_rows: Rows that devices say they had to forget.
        misdated: Windows whose dates could not be true, filed under the time of their arrival.
        unjudged: Windows that the alarm analysis leaves out, because nobody can tell which part of
            the day or week they belong to, because the device adds noise to its counts, or because
            it counts more than its part of the fleet.
    """

    batches: int = 0
    repeated: int = 0
    lost_rows: int = 0
    misdated: int = 0
    unjudged: int = 0

    def plus(self, other: "Tally") -> "Tally":
        """Return the sums."""
        return Tally(
            self.batches + other.batches,
            self.repeated + other.repeated,
            self.lost_rows + other.lost_rows,
            self.misdated + other.misdated,
            self.unjudged + other.unjudged,
        )


@dataclass(frozen=True, slots=True)
class Commit:
    """Everything that must be written in one transaction, or not at all.

    Attributes:
        windows: Counts of all devices together.
        device_windows: The same counts, device by device.
        pending: The same counts for the alarm analysis, which takes them from there.
        marks: Which batches have been merged, as they stand after this commit.
        tally: The collector's own counts.
        refused: Messages refused, by kind.
        acks: What to tell devices after the transaction: also of batches merged earlier.
        window_s: Length of the windows of all devices together.
        device_window_s: Length of the windows of single devices.
        at_unix_s: When the newest batch came.
        leases: Numbers of the leases, by shard, without which it must not be written; empty where
            there is one collector.
    """

    windows: Mapping[FleetWindow, Increment] = field(default_factory=dict)
    device_windows: Mapping[DeviceWindow, DeviceIncrement] = field(default_factory=dict)
    pending: Mapping[PendingKey, Increment] = field(default_factory=dict)
    marks: Mapping[Life, Marks] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    refused: Mapping[str, int] = field(default_factory=dict)
    acks: Sequence[tuple[str, Acks]] = ()
    window_s: int = 60
    device_window_s: int = 60
    at_unix_s: float = 0.0
    leases: Mapping[int, int] = field(default_factory=dict)

    @property
    def totals(self) -> dict[DeviceRole, Counters]:
        """The counts of each device, whatever their window."""
        totals: dict[DeviceRole, Counters] = {}
        for window, increment in self.device_windows.items():
            key = DeviceRole(window.device, window.subject)
            totals[key] = totals.get(key, Counters()).plus(increment.counters)
        return totals
