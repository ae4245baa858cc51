"""The cloud's connection to the broker."""

from collections.abc import Iterable
from typing import Protocol

__all__ = ["FleetLink", "FleetLinkHandler"]


class FleetLinkHandler(Protocol):
    """Hears what happens on the cloud's link: one call at a time, on the link's thread."""

    def on_connected(self) -> None:
        """The broker has confirmed every subscription."""
        ...

    def on_disconnected(self, reason: str) -> None:
        """The connection is lost, or still cannot be made, for a reason that was not told yet."""
        ...

    def on_message(self, topic: str, payload: bytes) -> None:
        """A message came; it may be a repetition."""
        ...


class FleetLink(Protocol):
    """The cloud's connection to the broker; it comes back for ever."""

    def start(self, handler: FleetLinkHandler) -> None:
        """Return at once and connect in the background."""
        ...

    def publish(self, topic: str, payload: bytes, *, retain: bool = False, qos: int = 1) -> bool:
        """Hand a message to the broker; return whether it is on its way.

        At QoS 0 it is lost if the connection breaks now: for what is said again when it is missed.
        """
        ...

    def hear(self, filters: Iterable[str]) -> None:
        """Subscribe to these from now on, and to nothing else; also after the next connect.

        What the broker had on its way may still come, or no more: devices send it again.
        """
        ...

    def close(self) -> None:
        """Leave in good order. Idempotent."""
        ...
