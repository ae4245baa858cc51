"""What a message is, and where all of them are listed.

To add a message: write a frozen dataclass with ``to_body`` and ``from_body`` in one file beside
this one, decorate it with ``@register`` and import it in ``edge_contract/messages/__init__.py``.
The laws in ``tests/laws/test_message_laws.py`` then run on it.
"""

from typing import ClassVar, Protocol, Self, TypeVar

from edge_contract.errors import UsageError
from edge_contract.reading import JsonValue, Reader

__all__ = ["MESSAGES", "Message", "register"]


class Message(Protocol):
    """Something that travels between device and cloud; frozen, compared by value.

    Law: ``from_body`` of a decoded ``to_body`` is the same message.
    """

    kind: ClassVar[str]
    """The name on the wire."""

    def to_body(self) -> list[JsonValue]:
        """Return the fields by position; new ones are only ever added at the end."""
        ...

    @classmethod
    def from_body(cls, body: Reader) -> Self:
        """Read the fields; surplus ones, from a newer peer, are ignored.

        Raises:
            MessageError: A field is missing or wrong.
        """
        ...


MESSAGES: dict[str, type[Message]] = {}
"""Every kind of message by its wire name."""

M = TypeVar("M", bound=Message)


def register(cls: type[M]) -> type[M]:
    """List ``cls`` under ``cls.kind``. The name is on the wire: never reuse or rename it."""
    if cls.kind in MESSAGES:
        raise UsageError(f"message kind {cls.kind!r} is already taken; choose another name")
    MESSAGES[cls.kind] = cls
    return cls
