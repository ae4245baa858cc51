"""Sends orders with the director's signature, so that devices can tell them from anybody's."""

from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

from cloud_sync.ports import FleetLink, FleetLinkHandler

__all__ = ["Seal", "SealedLink"]

Seal: TypeAlias = Callable[[str, bytes], bytes]
"""Returns a message, given its topic and payload, as it is sent."""

_ORDERS: Final = ("c", "d")
"""Kinds of topics on which the cloud tells devices what to do."""


class SealedLink:
    """A :class:`cloud_sync.ports.FleetLink` in front of another one.

    Args:
        link: To the broker.
        seal: Signs desired states and commands; all else goes as it is.
    """

    def __init__(self, link: FleetLink, seal: Seal) -> None:
        self._link = link
        self._seal = seal

    def start(self, handler: FleetLinkHandler) -> None:
        """Return at once and connect in the background."""
        self._link.start(handler)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False, qos: int = 1) -> bool:
        """Hand a message to the broker."""
        if topic.split("/")[2:3] and topic.split("/")[2] in _ORDERS:
            payload = self._seal(topic, payload)
        return self._link.publish(topic, payload, retain=retain, qos=qos)

    def hear(self, filters: Iterable[str]) -> None:
        """Subscribe to these from now on."""
        self._link.hear(filters)

    def close(self) -> None:
        """Leave in good order."""
        self._link.close()
