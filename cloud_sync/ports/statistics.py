"""Where merged statistics are kept."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from cloud_sync.core.facts import CohortStatistics
from cloud_sync.core.increments import Commit, DeviceRole, Life, PackageRole, Tally
from cloud_sync.core.seen import Marks
from cloud_sync.core.shards import CollectorId
from edge_contract.messages import Counters
from edge_contract.stats import ProfileSpec

__all__ = ["StatisticsStore", "Totals"]


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

    def commit(self, commit: Commit, *, collector: CollectorId | None = None) -> None:
        """Write everything in one transaction; on return it survives loss of power.

        Args:
            commit: What to write.
            collector: Who gathered it; needed for a commit under leases.

        Raises:
            LeaseLostError: A lease of the commit is not the newest of its shard: nothing was
                written, and the same commit never will be.
        """
        ...

    def marks(self, life: Life) -> Marks:
        """Return which batches of one life of a device have been merged."""
        ...

    def heard_since(self, unix_s: float) -> dict[str, float]:
        """Return which devices a batch came of then or later, to any collector, and when."""
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

    def device_totals(self, devices: Collection[str] | None = None) -> dict[DeviceRole, Counters]:
        """Return what each device ever counted for each package; of all devices, or only these."""
        ...
