"""Which batches of one life of a device have been merged: the half that makes it "at most once".

Sans-IO. The outbox of a device sends a batch until it is acknowledged, so a batch may come twice,
late or out of order; its number decides. A plain high-water mark would be wrong: it would take a
batch that was overtaken for one that was merged.
"""

import enum
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from edge_contract.messages import BootAck

__all__ = ["MAX_AHEAD", "Arrival", "Marks", "SeenBatches"]

MAX_AHEAD: Final = 1000
"""Batches that may have overtaken a missing one before that one is given up.

A device has a handful of batches on the way at once and sends the oldest first. What a thousand
later ones have overtaken is no longer there: the device lost its disk's tail, or the cloud was
restored from a backup. Waiting for it would stop the device's telemetry for ever.
"""


class Arrival(enum.Enum):
    """What a batch is to the collector."""

    NEW = "new"
    REPEATED = "repeated"
    OVERLAPPING = "overlapping"
    """Some of its rows, nobody can say which, have been merged with another batch."""


class Marks(NamedTuple):
    """The same as plain data.

    Attributes:
        floor: Every number below it has been merged or given up.
        ahead: First and last number of each batch above it that has been merged, rising.
    """

    floor: int = 0
    ahead: tuple[tuple[int, int], ...] = ()

    def ack(self, boot: int) -> BootAck:
        """Return what to tell the device; batches are named by their last number."""
        return BootAck(boot, self.floor, tuple(sorted(last for _, last in self.ahead)))


@dataclass(slots=True)
class SeenBatches:
    """Merged batches of one life of a device.

    Memory is the number of batches that overtook a missing one, whatever their span.

    Attributes:
        floor: Every number below it has been merged or given up.
        ahead: First number by last number of each merged batch above the floor.
    """

    floor: int = 0
    ahead: dict[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, marks: Marks) -> "SeenBatches":
        """Return what was saved as marks."""
        return cls(marks.floor, {last: first for first, last in marks.ahead})

    @property
    def marks(self) -> Marks:
        """The same as plain data, to be saved."""
        return Marks(self.floor, tuple(sorted((f, last) for last, f in self.ahead.items())))

    def arrival(self, seq: int, span: int = 1) -> Arrival:
        """Return what a batch of the numbers ``seq - span + 1`` to ``seq`` would be."""
        if seq < self.floor or seq in self.ahead:
            return Arrival.REPEATED
        first = seq - span + 1
        if first < self.floor:
            return Arrival.OVERLAPPING
        if any(first <= last and start <= seq for last, start in self.ahead.items()):
            return Arrival.OVERLAPPING
        return Arrival.NEW

    def add(self, seq: int, span: int = 1) -> None:
        """Note a batch, whatever its arrival."""
        if seq < self.floor:
            return
        if not self.ahead and seq - span < self.floor:  # nearly always: the next one
            self.floor = seq + 1
            return
        self.ahead[seq] = min(seq - span + 1, self.ahead.get(seq, seq))
        self._raise_floor()
        if len(self.ahead) > MAX_AHEAD:
            self.floor = min(self.ahead.values())
            self._raise_floor()

    def _raise_floor(self) -> None:
        """Move the floor past everything that touches it."""
        for first, last in self.marks.ahead:
            if first > self.floor:
                return
            self.floor = max(self.floor, last + 1)
            del self.ahead[last]
