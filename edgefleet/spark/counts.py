"""What partitions counted, gathered on the driver; each counts once, computed twice or not."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from pyspark.accumulators import AccumulatorParam

from edge_contract.messages import TelemetryBatch, decode

if TYPE_CHECKING:
    from pyspark.accumulators import Accumulator

__all__ = ["Adding", "Counts", "Gathering", "Partition", "batches_in", "rows_in"]


class Partition(NamedTuple):
    """One partition of one data frame that is scored."""

    frame: int
    number: int


Counts: TypeAlias = dict[Partition, tuple[bytes, ...]]
"""Telemetry by partition, as it is sent."""


class Gathering(AccumulatorParam[Counts]):  # type: ignore[misc,unused-ignore]
    """Joins counts. Of a partition that was computed several times that with the most rows counts.

    All are of the same rows, but an action that wants only some of them ends in the midst.
    """

    def zero(self, value: Counts) -> Counts:
        """Return nothing counted."""
        return {}

    def addInPlace(self, value1: Counts, value2: Counts) -> Counts:  # noqa: N802  the interface's
        """Return both."""
        joined = dict(value1)
        for partition, messages in value2.items():
            if rows_in(messages) >= rows_in(joined.get(partition, ())):
                joined[partition] = messages
        return joined


def batches_in(messages: Iterable[bytes]) -> list[TelemetryBatch]:
    """Return telemetry as it can be looked into."""
    found = (decode(message) for message in messages)
    return [batch for batch in found if isinstance(batch, TelemetryBatch)]


def rows_in(messages: Iterable[bytes]) -> int:
    """Return how many rows were counted."""
    return sum(entry.counters.rows for it in batches_in(messages) for entry in it.entries)


@dataclass(frozen=True, slots=True)
class Adding:
    """What a task adds its counts to."""

    total: "Accumulator[Counts]"
    frame: int

    def __call__(self, partition: int, messages: tuple[bytes, ...]) -> None:
        """Add what a partition counted."""
        self.total.add({Partition(self.frame, partition): messages})
