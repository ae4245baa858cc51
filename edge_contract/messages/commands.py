"""Commands to devices and their results."""

from collections.abc import Mapping
from typing import ClassVar, Self

from edge_contract.messages.base import register
from edge_contract.names import NAME_PATTERN
from edge_contract.reading import JsonValue, Reader
from edge_contract.records import dataclass, field

__all__ = ["Command", "CommandResult"]

_ID_PATTERN = r"[0-9A-Za-z_-]{1,64}"


@register
@dataclass(frozen=True, slots=True)
class Command:
    """Something to do once. Never retained; a device ignores it after it expired, or twice.

    Attributes:
        command_id: Its name.
        name: What to do: ``ping``, ``report``, ``set-interval``, ...
        arguments: By name.
        expires_unix_s: After it, too late.
    """

    kind: ClassVar[str] = "c"

    command_id: str
    name: str
    expires_unix_s: float
    arguments: Mapping[str, JsonValue] = field(default_factory=dict)

    def to_body(self) -> list[JsonValue]:
        """Return the fields by position."""
        return [self.command_id, self.name, self.expires_unix_s, dict(self.arguments)]

    @classmethod
    def from_body(cls, body: Reader) -> Self:
        """Read the fields."""
        return cls(
            command_id=body[0].text(pattern=_ID_PATTERN),
            name=body[1].text(max_length=64),
            expires_unix_s=body[2].number(low=0.0),
            arguments=body[3].json_object(),
        )


@register
@dataclass(frozen=True, slots=True)
class CommandResult:
    """What came of a command.

    Attributes:
        device: Who answers.
        command_id: Which command.
        ok: Whether it was done.
        detail: The answer, or why not.
        final: Whether that is all; else the device has taken the command up, and a final result
            follows.
    """

    kind: ClassVar[str] = "o"

    device: str
    command_id: str
    ok: bool
    detail: str = ""
    final: bool = True

    def to_body(self) -> list[JsonValue]:
        """Return the fields by position."""
        return [self.device, self.command_id, self.ok, self.detail, self.final]

    @classmethod
    def from_body(cls, body: Reader) -> Self:
        """Read the fields."""
        return cls(
            device=body[0].text(pattern=NAME_PATTERN),
            command_id=body[1].text(pattern=_ID_PATTERN),
            ok=body[2].flag(),
            detail=body[3].text(max_length=10_000),
            final=body[4].flag(),
        )
