"""Acknowledgements: which batches the collector has merged for good."""

from typing import ClassVar, Self

from edge_contract.messages.base import register
from edge_contract.messages.telemetry import BatchId
from edge_contract.reading import JsonValue, Reader
from edge_contract.records import dataclass

__all__ = ["Acks", "BootAck"]


@dataclass(frozen=True, slots=True)
class BootAck:
    """What has been merged of one life of a device.

    Attributes:
        boot: The life.
        floor: Every ``seq`` below it has been merged.
        ahead: Numbers at or above it that have been merged too, rising.
    """

    boot: int
    floor: int
    ahead: tuple[int, ...] = ()

    def covers(self, batch_id: BatchId) -> bool:
        """Return whether a batch of this life has been merged."""
        return batch_id.boot == self.boot and (
            batch_id.seq < self.floor or batch_id.seq in self.ahead
        )


@register
@dataclass(frozen=True, slots=True)
class Acks:
    """Sent after the database commit; repeating or losing one does no harm."""

    kind: ClassVar[str] = "a"

    boots: tuple[BootAck, ...] = ()

    def to_body(self) -> list[JsonValue]:
        """Return the fields by position."""
        return [[[ack.boot, ack.floor, list(ack.ahead)] for ack in self.boots]]

    @classmethod
    def from_body(cls, body: Reader) -> Self:
        """Read the fields."""
        return cls(tuple(_boot_ack(item) for item in body[0].items()))


def _boot_ack(item: Reader) -> BootAck:
    floor = item[1].integer(low=0)
    ahead = item[2].integers(low=floor)
    if ahead != sorted(set(ahead)):
        raise item[2].refused("rising numbers")
    return BootAck(item[0].integer(low=0), floor, tuple(ahead))
