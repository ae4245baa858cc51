"""Ports: what the cloud needs from the outside world. Adapters implement them, by shape.

Every method may be called from any thread. Besides what is named, every method of a store raises
``UnavailableError`` while the store is out of reach (locked, full, damaged): nothing was written
then, and the same call may succeed later.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from cloud_sync.core.facts import CohortStatistics, PackageFacts
from cloud_sync.core.increments import (
    AnalysisSubject,
    Commit,
    DeviceRole,
    Life,
    PackageRole,
    Tally,
)
from cloud_sync.core.pending import Analysis, Pending
from cloud_sync.core.records import (
    AlarmRecord,
    AuditRecord,
    CommandRecord,
    DetectorRecord,
    EvidencePoint,
    RolloutEvent,
    RolloutRecord,
)
from cloud_sync.core.seen import Marks
from cloud_sync.core.segments import Segment
from cloud_sync.core.twin import DeviceTwin
from edge_contract.delta import Way
from edge_contract.messages import CommandResult, Counters
from edge_contract.package import Package
from edge_contract.stats import ProfileSpec

__all__ = [
    "Analysis",
    "AnalysisStore",
    "DeltaShelf",
    "FleetLink",
    "FleetLinkHandler",
    "FleetStore",
    "PackageRepository",
    "PackageVersion",
    "Pending",
    "Recipe",
    "RolloutStore",
    "StatisticsStore",
    "Totals",
    "Warehouse",
]


class FleetLinkHandler(Protocol):
    """Hears what happens on the cloud's link: one call at a time, on the link's thread."""

    def on_connected(self) -> None:
        """The broker has confirmed every subscription."""
        ...

    def on_disconnected(self, reason: str) -> None:
        """The connection is lost, or still cannot be made, for a reason that was not told yet."""
        ...

    def on_message(self, topic: str, payload: bytes) -> None:
        """A message came; it may be a repetition."""
        ...


class FleetLink(Protocol):
    """The cloud's connection to the broker; it comes back for ever."""

    def start(self, handler: FleetLinkHandler) -> None:
        """Return at once and connect in the background."""
        ...

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Hand a message to the broker at QoS 1; return whether it is on its way."""
        ...

    def close(self) -> None:
        """Leave in good order. Idempotent."""
        ...


@dataclass(frozen=True, slots=True)
class Totals:
    """Everything that was ever merged.

    Attributes:
        tally: What the collector counted about its work.
        refused: Messages refused, by kind.
        by_role: Rows, calls, failures and drops by role; ``primary`` is what was served.
    """

    tally: Tally = field(default_factory=Tally)
    refused: Mapping[str, int] = field(default_factory=dict)
    by_role: Mapping[str, Counters] = field(default_factory=dict)


class StatisticsStore(Protocol):
    """Merged statistics, written by the collector alone."""

    def commit(self, commit: Commit) -> None:
        """Write everything in one transaction; on return it survives loss of power."""
        ...

    def marks(self, life: Life) -> Marks:
        """Return which batches of one life of a device have been merged."""
        ...

    def cohort(
        self,
        subject: PackageRole,
        spec: ProfileSpec,
        *,
        devices: frozenset[str] | None = None,
        since_unix_s: float = 0.0,
        until_unix_s: float | None = None,
    ) -> CohortStatistics:
        """Return what devices counted, see :meth:`EvidenceSource.cohort`.

        Of all devices together windows are finer (``window_s``) than of some of them
        (``device_window_s``).
        """
        ...

    def by_device(
        self,
        subject: PackageRole,
        spec: ProfileSpec,
        *,
        since_unix_s: float = 0.0,
        columns: Collection[int] | None = None,
    ) -> dict[str, CohortStatistics]:
        """Return the same for each device by itself.

        Args:
            subject: Which package in which role.
            spec: What its profiles hold.
            since_unix_s: Only windows that began then or later.
            columns: Only these of the profiles, which spares reading the others; ``None`` for all.
        """
        ...

    def totals(self) -> Totals:
        """Return everything that was ever merged, in numbers."""
        ...

    def device_totals(self) -> dict[DeviceRole, Counters]:
        """Return what each device ever counted for each package."""
        ...


class AnalysisStore(Protocol):
    """What the alarm analysis works on and what it remembers."""

    def pending_subjects(self) -> list[PackageRole]:
        """Return what there are unseen counts of."""
        ...

    def pending(self, subject: PackageRole, spec: ProfileSpec) -> Pending | None:
        """Return the counts that came since the last :meth:`commit_analysis`, if any."""
        ...

    def detectors(self, subject: PackageRole) -> dict[Segment, DetectorRecord]:
        """Return what the detectors of a package in a role remember, by segment."""
        ...

    def commit_analysis(self, subject: PackageRole, analysis: Analysis) -> None:
        """Keep what a look came to and forget the counts it was at, in one transaction."""
        ...

    def evidence_history(
        self, subject: AnalysisSubject, *, since_unix_s: float = 0.0
    ) -> list[EvidencePoint]:
        """Return where the detectors of a segment stood, oldest first.

        There is at most one point a minute, and of what is older than two days one an hour: the
        one with the greatest evidence, see :meth:`thin_evidence`.
        """
        ...

    def thin_evidence(self, now_unix_s: float) -> int:
        """Forget points of evidence that are too many or older than 90 days; return how many."""
        ...

    def alarms(self, *, model: str = "", limit: int = 100) -> list[AlarmRecord]:
        """Return alarms, newest first."""
        ...


class FleetStore(Protocol):
    """Devices and their commands."""

    def save_fleet(
        self,
        *,
        twins: Iterable[DeviceTwin] = (),
        commands: Iterable[CommandRecord] = (),
        results: Iterable[tuple[CommandResult, float]] = (),
    ) -> None:
        """Keep twins, new commands and devices' answers, all or nothing.

        Args:
            twins: Each replaces an earlier one of its name.
            commands: Their results are kept apart; an identifier that is there stays as it is.
            results: With the time at which they came. A device's first answer to a command stays;
                answers to commands that are not there are dropped.
        """
        ...

    def devices(self) -> list[DeviceTwin]:
        """Return all twins by rising name."""
        ...

    def command(self, command_id: str) -> CommandRecord | None:
        """Return a command with its results."""
        ...

    def commands(self, *, limit: int = 100) -> list[CommandRecord]:
        """Return commands, newest first."""
        ...

    def open_commands(self, at_unix_s: float) -> list[CommandRecord]:
        """Return all commands that had not expired then."""
        ...


class RolloutStore(Protocol):
    """Rollouts and the record of who did what."""

    def save_rollout(
        self,
        record: RolloutRecord,
        *,
        events: Sequence[RolloutEvent] = (),
        executions: Mapping[str, str] | None = None,
    ) -> None:
        """Save a rollout, append to its history and change devices' executions, all or nothing."""
        ...

    def rollouts(self) -> list[RolloutRecord]:
        """Return all rollouts, newest first."""
        ...

    def rollout_events(self, rollout_id: str) -> list[RolloutEvent]:
        """Return a rollout's history, oldest first."""
        ...

    def executions(self, rollout_id: str) -> dict[str, str]:
        """Return the state of each device in a rollout."""
        ...

    def add_audit(self, record: AuditRecord) -> None:
        """Append to the record of who did what."""
        ...

    def audit(self, *, limit: int = 100) -> list[AuditRecord]:
        """Return who did what, newest first."""
        ...


class Warehouse(StatisticsStore, AnalysisStore, FleetStore, RolloutStore, Protocol):
    """Everything that the cloud remembers. Checked by ``tests/ports/test_warehouse.py``."""

    def prune(self, *, windows_before_unix_s: float, device_windows_before_unix_s: float) -> int:
        """Forget statistics of windows that began before; return how many windows those were.

        Totals, marks of merged batches, alarms, rollouts and the audit record stay for ever.
        """
        ...

    def close(self) -> None:
        """Release everything. Idempotent."""
        ...


@dataclass(frozen=True, slots=True)
class PackageVersion:
    """A version in the registry.

    Attributes:
        model: Name of the model.
        version: Its version.
        digest: Of the package.
        pushed_unix_s: When it was pushed.
    """

    model: str
    version: str
    digest: str
    pushed_unix_s: float


class PackageRepository(Protocol):
    """Model packages by content. Checked by ``tests/ports/test_package_repository.py``."""

    def put(self, package: Package, *, at_unix_s: float) -> PackageVersion:
        """Keep a package durably; all of it is there on return, or nothing.

        Putting the same package again changes nothing. The first version of a model becomes its
        stable one.

        Raises:
            UsageError: The version is there with other content, or it compares rows by the hours of
                a time zone that is not known on this machine.
            PackageError: Its reference cannot be used.
        """
        ...

    def find(self, digest: str) -> PackageFacts | None:
        """Return a package, or ``None`` if there is none of that digest."""
        ...

    def models(self) -> list[str]:
        """Return the names of all models, rising."""
        ...

    def versions(self, model: str) -> list[PackageVersion]:
        """Return the versions of a model, newest first; raises ``UsageError`` if unknown."""
        ...

    def version(self, model: str, version: str) -> PackageVersion:
        """Return one version; raises ``UsageError`` if it is not there."""
        ...

    def stable(self, model: str) -> PackageVersion:
        """Return the version that the fleet runs by default."""
        ...

    def set_stable(self, model: str, version: str) -> None:
        """Make a version the one that the fleet runs by default, durably."""
        ...

    def blob_path(self, digest: str) -> Path:
        """Return the file of a manifest or artifact; raises ``UsageError`` if it is not there."""
        ...


class Recipe(NamedTuple):
    """A delta that can be made.

    Attributes:
        new: Digest of the file that it makes.
        old: Digest of the file that it begins with; empty for one that needs none.
        compression: That it uses.
    """

    new: str
    old: str
    compression: str


class DeltaShelf(Protocol):
    """Deltas between files of the registry, made beside everything else. Thread-safe."""

    @property
    def compressions(self) -> Sequence[str]:
        """Those that deltas can be made with, the best first."""
        ...

    def find(self, recipe: Recipe) -> Way | None:
        """Return a delta if it is there, and note that it is in use."""
        ...

    def want(self, recipes: Sequence[Recipe], *, is_urgent: bool = False) -> bool:
        """Make deltas soon, urgent ones first; return whether any of them is still to be made.

        Never waits. What was made, or is not worth it, is not made again.
        """
        ...

    def path(self, digest: str) -> Path | None:
        """Return the file of a delta, by its own digest."""
        ...
