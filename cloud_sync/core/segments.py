"""Segments: groups of devices that are looked at by themselves, so that none is averaged away.

A segment is all devices that have one thing in common: a tag of their birth, or the class of their
hardware. A device is in as many segments as it has such things, and always in the whole fleet.
"""

from typing import Final, NamedTuple, Self

from edge_contract.errors import UsageError

__all__ = ["HARDWARE", "OTHER", "TAG", "WHOLE_FLEET", "Segment"]

TAG: Final = "tag:"
"""What a source begins with that is a tag of the devices: ``tag:site``."""

HARDWARE: Final = "hardware"
"""The source that is the class of the devices' hardware."""

OTHER: Final = "(other)"
"""The value under which devices stand whose own value is one too many to be watched."""


class Segment(NamedTuple):
    """A group of devices.

    Attributes:
        source: What they have in common: ``tag:site``, ``hardware``; empty for the whole fleet.
        value: Which one: ``oslo``, ``aarch64``.
    """

    source: str = ""
    value: str = ""

    @property
    def key(self) -> str:
        """The segment as text: ``tag:site=oslo``; empty for the whole fleet."""
        return f"{self.source}={self.value}" if self.source else ""

    @property
    def title(self) -> str:
        """What people call it: ``site=oslo``, ``hardware=aarch64``, ``the whole fleet``."""
        return self.key.removeprefix(TAG) or "the whole fleet"

    @classmethod
    def from_key(cls, key: str) -> Self:
        """Read :attr:`key`; raises ``UsageError`` if it names no segment."""
        if not key:
            return cls()
        source, equals, value = key.partition("=")
        if not equals or not (source == HARDWARE or source.removeprefix(TAG) not in {"", source}):
            raise UsageError(
                f"segment {key!r} is none: give tag:NAME=VALUE such as 'tag:site=oslo', "
                f"or {HARDWARE}=CLASS"
            )
        return cls(source, value)


WHOLE_FLEET: Final = Segment()
"""All devices."""
