"""Everything that the cloud remembers, in one."""

from collections.abc import Callable
from typing import Protocol, TypeAlias

from cloud_sync.core.increments import PackageRole
from cloud_sync.ports.access import AccessStore
from cloud_sync.ports.admission import AdmissionStore
from cloud_sync.ports.analysis import AnalysisStore
from cloud_sync.ports.erasure import ErasureStore
from cloud_sync.ports.fleet import FleetStore
from cloud_sync.ports.groups import GroupStore
from cloud_sync.ports.labels import LabelLedger
from cloud_sync.ports.leases import LeaseStore
from cloud_sync.ports.rollouts import RolloutStore
from cloud_sync.ports.statistics import StatisticsStore
from edge_contract.stats import ProfileSpec

__all__ = ["SpecLookup", "Warehouse"]

SpecLookup: TypeAlias = Callable[[PackageRole], ProfileSpec | None]
"""Finds what the profiles of a package in a role hold; ``None`` if nobody knows any more."""


class Warehouse(
    StatisticsStore,
    AnalysisStore,
    FleetStore,
    RolloutStore,
    LeaseStore,
    GroupStore,
    AccessStore,
    AdmissionStore,
    ErasureStore,
    LabelLedger,
    Protocol,
):
    """Everything that the cloud remembers. Checked by ``tests/ports/test_warehouse.py``."""

    def roll_up(
        self,
        specs: SpecLookup,
        *,
        before_unix_s: float,
        span_s: int,
        since_unix_s: float = 0.0,
        limit: int = 1000,
    ) -> int:
        """Merge windows that ended before into windows of a greater length.

        Counts stay what they are; only how finely they can be told apart in time becomes less.

        Args:
            specs: What profiles hold; windows of a package that it does not know stay.
            before_unix_s: A multiple of ``span_s``.
            span_s: Length of the new windows; they begin at multiples of it.
            since_unix_s: Look no further back.
            limit: Make at most so many new windows, so that nobody waits long.

        Returns:
            How many new windows were made; as many as ``limit`` if there is more to do.
        """
        ...

    def prune(self, *, windows_before_unix_s: float, device_windows_before_unix_s: float) -> int:
        """Forget statistics of windows that began before; return how many windows those were.

        Totals, marks of merged batches, alarms, rollouts and the audit record stay for ever.
        """
        ...

    def close(self) -> None:
        """Release everything. Idempotent."""
        ...
