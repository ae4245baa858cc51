"""The collector's desk: what it gathers goes to the warehouse, and only then to the devices.

With several collectors each merges the shards that it has leases of. A lease that was lost takes
everything with it that is not written yet: nothing of that was acknowledged, so devices send it
again, to whoever has the shard then.
"""

import logging
import time
from typing import Final

from cloud_sync.core.collector import Collector
from cloud_sync.core.shards import CollectorId, LeaseLostError
from cloud_sync.ports import FleetLink, Warehouse
from edge_contract.messages import FleetTopics, encode
from edge_contract.messages.topics import SHARDS

__all__ = ["LEASE_S", "CollectorDesk"]

_log = logging.getLogger("edgefleet.cloud")

LEASE_S: Final = 10.0
"""A collector that was not heard of for so long is taken for dead."""

_RENEWALS: Final = 5
"""Times in the life of a lease that it is renewed, if all goes well."""


class CollectorDesk:
    """Writes what the collector gathered, acknowledges it, and looks after the shards.

    One thread at a time.

    Args:
        collector: Merges telemetry.
        topics: Of the fleet.
        warehouse: Where it is written.
        link: Carries acknowledgements.
        identity: Who we are among several collectors; ``None`` for the only one.
        besides: Filters to hear besides telemetry.
        lease_s: Silence after which others take over.

    Attributes:
        failed: Whether the last :meth:`flush` could not write.
    """

    def __init__(
        self,
        collector: Collector,
        *,
        topics: FleetTopics,
        warehouse: Warehouse,
        link: FleetLink,
        identity: CollectorId | None = None,
        besides: tuple[str, ...] = (),
        lease_s: float = LEASE_S,
    ) -> None:
        self._collector = collector
        self._topics = topics
        self._warehouse = warehouse
        self._link = link
        self._identity = identity
        self._besides = besides
        self._lease_s = lease_s
        self._held: dict[int, int] = {}
        self._renew_at_s = 0.0
        self._has_joined = False
        self.failed = False
        if identity is not None:
            collector.set_leases({})

    @property
    def shares(self) -> bool:
        """Whether there may be other collectors."""
        return self._identity is not None

    @property
    def filters(self) -> tuple[str, ...]:
        """What to hear from the broker now."""
        if not self.shares or len(self._held) == SHARDS:
            return (self._topics.all_telemetry, *self._besides)
        return (*map(self._topics.telemetry_of, sorted(self._held)), *self._besides)

    def flush(self) -> bool:
        """Write what was gathered and acknowledge it; return whether there was anything.

        Raises:
            UnavailableError: The warehouse cannot be written; everything is kept for the next try.
        """
        commit = self._collector.take_commit()
        self.failed = False
        if commit is None:
            return False
        try:
            self._warehouse.commit(commit, collector=self._identity)
        except LeaseLostError as error:
            _log.warning("%s", error)
            self._abandon()
            self._renew_at_s = 0.0
            return True
        except BaseException:
            self.failed = True
            self._collector.failed()
            raise
        for device, acks in self._collector.committed():
            # One that is lost is repeated when the batch comes again.
            self._link.publish(self._topics.acks_of(device), encode(acks), qos=0)
        return True

    def tick(self) -> None:
        """Renew our leases when it is time, take over from the dead, and let others have theirs."""
        if self._identity is None or time.monotonic() < self._renew_at_s:
            return
        self._renew_at_s = time.monotonic() + self._lease_s / _RENEWALS
        if not self._has_joined:
            self._warehouse.join(self._identity)
            self._has_joined = True
        leases = self._warehouse.renew_leases(self._identity, lease_s=self._lease_s)
        self._take(dict(leases.held))
        if leases.surplus:
            self.flush()
            kept = {shard: n for shard, n in self._held.items() if shard not in leases.surplus}
            self._take(kept)
            self._warehouse.release_leases(self._identity, leases.surplus)

    def leave(self) -> None:
        """Let others take over at once; call it after the last :meth:`flush`."""
        if self._identity is not None and self._has_joined:
            self._warehouse.leave(self._identity)

    def _take(self, held: dict[int, int]) -> None:
        if held == self._held:
            return
        if not self._collector.can_set_leases(held):
            self._abandon()
        self._collector.set_leases(held)
        _log.info("this collector merges %d of %d shards", len(held), SHARDS)
        self._held = held
        self._link.hear(self.filters)

    def _abandon(self) -> None:
        batches = self._collector.abandon()
        if batches:
            _log.warning("dropped %d batches of lost shards; devices send them again", batches)
