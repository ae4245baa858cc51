"""The collector's state: whether devices should send telemetry at all."""

from typing import ClassVar, Self

from edge_contract.messages.base import register
from edge_contract.reading import JsonValue, Reader
from edge_contract.records import dataclass

__all__ = ["CollectorState"]


@register
@dataclass(frozen=True, slots=True)
class CollectorState:
    """Retained; devices hold telemetry back while nobody would acknowledge it.

    Attributes:
        listening: Whether a collector merges telemetry now.
    """

    kind: ClassVar[str] = "s"

    listening: bool

    def to_body(self) -> list[JsonValue]:
        """Return the fields by position."""
        return [self.listening]

    @classmethod
    def from_body(cls, body: Reader) -> Self:
        """Read the fields."""
        return cls(body[0].flag())
