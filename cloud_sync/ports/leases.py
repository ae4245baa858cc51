"""Which collector merges which shard of the fleet."""

from collections.abc import Collection
from typing import Protocol

from cloud_sync.core.shards import CollectorId, Leases

__all__ = ["LeaseStore"]


class LeaseStore(Protocol):
    """Shares the shards among the collectors that are alive, by the clock of the store."""

    def join(self, collector: CollectorId) -> None:
        """Take over at once from earlier instances of the same name; none is alive any more."""
        ...

    def renew_leases(self, collector: CollectorId, *, lease_s: float) -> Leases:
        """Say that a collector is alive, and return what it may merge now.

        Shards of a collector that has not said so for ``lease_s`` go to the others, and so do
        those that nobody has. A shard changes hands only here: with a lease of a greater number,
        under which ``StatisticsStore.commit`` refuses what was gathered under an earlier one.
        """
        ...

    def release_leases(self, collector: CollectorId, shards: Collection[int]) -> None:
        """Let others have shards, after what was gathered of them has been committed."""
        ...

    def leave(self, collector: CollectorId) -> None:
        """Let others have everything at once. Idempotent."""
        ...
