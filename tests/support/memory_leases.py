"""Leases in memory: keeps the promises of ``cloud_sync.ports.LeaseStore`` within one process."""

import time
from collections.abc import Collection, Mapping
from math import ceil

from cloud_sync.core.shards import CollectorId, LeaseLostError, Leases
from edge_contract.messages.topics import SHARDS

__all__ = ["MemoryLeases"]


class MemoryLeases:
    """Implements ``LeaseStore``."""

    def __init__(self) -> None:
        self._shards: dict[int, tuple[CollectorId | None, int]] = dict.fromkeys(
            range(SHARDS), (None, 0)
        )
        self._seen_s: dict[CollectorId, float] = {}

    def join(self, collector: CollectorId) -> None:
        """See ``LeaseStore``."""
        for other in list(self._seen_s):
            if other.name == collector.name and other != collector:
                del self._seen_s[other]

    def renew_leases(self, collector: CollectorId, *, lease_s: float) -> Leases:
        """See ``LeaseStore``."""
        now_s = time.monotonic()
        self._seen_s = {
            other: seen_s for other, seen_s in self._seen_s.items() if seen_s >= now_s - lease_s
        }
        self._seen_s[collector] = now_s
        share = ceil(SHARDS / len(self._seen_s))
        held = self._held_by(collector)
        for number, (holder, lease) in self._shards.items():
            if len(held) < share and holder not in self._seen_s:
                held[number] = lease + 1
                self._shards[number] = (collector, lease + 1)
        return Leases(held, frozenset(sorted(held)[share:]))

    def release_leases(self, collector: CollectorId, shards: Collection[int]) -> None:
        """See ``LeaseStore``."""
        for number in self._held_by(collector).keys() & set(shards):
            self._shards[number] = (None, self._shards[number][1])

    def leave(self, collector: CollectorId) -> None:
        """See ``LeaseStore``."""
        self.release_leases(collector, range(SHARDS))
        self._seen_s.pop(collector, None)

    def require(self, collector: CollectorId | None, leases: Mapping[int, int]) -> None:
        """Raise ``LeaseLostError`` unless the collector holds all of them."""
        held = {} if collector is None else self._held_by(collector)
        lost = [number for number, lease in leases.items() if held.get(number) != lease]
        if lost:
            raise LeaseLostError(f"shards {lost} were taken over")

    def _held_by(self, collector: CollectorId) -> dict[int, int]:
        return {
            number: lease for number, (holder, lease) in self._shards.items() if holder == collector
        }
