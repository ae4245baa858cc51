"""What a simulation counts; tallies of several processes add up."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Final

__all__ = ["Delays", "Tally"]

_PER_OCTAVE: Final = 16
_SHORTEST_S: Final = 1e-5


@dataclass(slots=True)
class Delays:
    """How long things took: counts by bucket, 4 % wide, so that millions of them take no room.

    Attributes:
        buckets: Counts.
        longest_s: The longest of all.
    """

    buckets: Counter[int] = field(default_factory=Counter)
    longest_s: float = 0.0

    def __len__(self) -> int:
        """How many there are."""
        return self.buckets.total()

    def add(self, delay_s: float) -> None:
        """Count one."""
        self.buckets[round(_PER_OCTAVE * math.log2(max(delay_s, _SHORTEST_S)))] += 1
        self.longest_s = max(self.longest_s, delay_s)

    def plus(self, other: "Delays") -> "Delays":
        """Return those of both."""
        return Delays(self.buckets + other.buckets, max(self.longest_s, other.longest_s))

    def quantile_s(self, share: float) -> float:
        """Return what so large a share of them did not exceed, about; 0 if there are none."""
        left = share * len(self)
        for bucket in sorted(self.buckets):
            left -= self.buckets[bucket]
            if left <= 0:
                return min(float(2.0 ** (bucket / _PER_OCTAVE)), self.longest_s)
        return self.longest_s


@dataclass(slots=True)
class Tally:
    """Counts of one process, or of all of them.

    Attributes:
        devices: How many there are.
        connected: How many have a connection now.
        connects: Connections that were made.
        failed_connects: Attempts in vain.
        losses: Connections that were lost or broken on purpose.
        restarts: Agents that were killed and started anew.
        rows: Rows that devices observed and counted.
        acked_rows: Of those, the ones in batches that the collector has acknowledged.
        lost_rows: Rows that devices said they had to forget, acknowledged.
        batches: Batches that were made.
        acked_batches: Of those, the acknowledged ones.
        waiting_batches: Batches that no collector has acknowledged.
        sent_bytes: Payload of what devices published.
        heard_bytes: Payload of what they heard.
        commands: Commands that were answered.
        warnings: What devices logged as a warning, by text.
        arriving: From the beginning until a device had its first connection.
        connecting: From the first packet to the confirmed subscriptions.
        merging: From the end of a window to the acknowledgement: then it can be queried.
    """

    devices: int = 0
    connected: int = 0
    connects: int = 0
    failed_connects: int = 0
    losses: int = 0
    restarts: int = 0
    rows: int = 0
    acked_rows: int = 0
    lost_rows: int = 0
    batches: int = 0
    acked_batches: int = 0
    waiting_batches: int = 0
    sent_bytes: int = 0
    heard_bytes: int = 0
    commands: int = 0
    warnings: Counter[str] = field(default_factory=Counter)
    arriving: Delays = field(default_factory=Delays)
    connecting: Delays = field(default_factory=Delays)
    merging: Delays = field(default_factory=Delays)

    def plus(self, other: "Tally") -> "Tally":
        """Return the sums."""
        sums: dict[str, object] = {}
        for one in fields(self):
            mine, others = getattr(self, one.name), getattr(other, one.name)
            sums[one.name] = mine.plus(others) if isinstance(mine, Delays) else mine + others
        return Tally(**sums)  # type: ignore[arg-type]  # by name, each as it was

    @classmethod
    def sum(cls, tallies: Iterable["Tally"]) -> "Tally":
        """Return the sums of any number of them."""
        total = cls()
        for tally in tallies:
            total = total.plus(tally)
        return total
