"""Ports: what a shell needs from the outside world. Adapters implement them, by shape."""

from dataclasses import dataclass, field
from typing import Protocol

from edge_contract.errors import UsageError

__all__ = ["Link", "LinkHandler", "LinkOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkOptions:
    """How to reach the broker, and what to say and hear there.

    Attributes:
        url: ``mqtt://host[:port]``, ``mqtts://``, ``ws://`` or ``wss://``, without credentials.
        client_id: Unique in the fleet; a broker throws out the elder of two.
        username: ``None`` if the broker asks for none.
        password: Goes with ``username``.
        ca_file: Certificates to trust; ``None`` trusts what the system trusts.
        cert_file: This device's certificate, PEM.
        key_file: Its key; ``None`` if it is in ``cert_file``.
        will_topic: Where the broker says that this device is gone when it left without a farewell.
        will_payload: What it says there, at QoS 1, not retained.
        subscriptions: Filters to hear, at QoS 0, subscribed again after each connect.
        keepalive_s: After this long without a sign of life the other side counts as gone.
    """

    url: str
    client_id: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    will_topic: str
    will_payload: bytes
    subscriptions: tuple[str, ...]
    keepalive_s: int = 30

    def __post_init__(self) -> None:
        if not self.client_id:
            raise UsageError("a link needs a client id of its own, got an empty one")
        if self.password is not None and self.username is None:
            raise UsageError("a password was given without a username: give both or neither")


class LinkHandler(Protocol):
    """Hears what happens on a link: one call at a time, on the link's thread, so be quick.

    Messages come only between :meth:`on_connected` and the next :meth:`on_disconnected`.
    """

    def on_connected(self) -> None:
        """The broker has confirmed every subscription; from now on ``publish`` works."""
        ...

    def on_disconnected(self, reason: str) -> None:
        """The connection is lost, or still cannot be made, for a reason that was not told yet."""
        ...

    def on_message(self, topic: str, payload: bytes) -> None:
        """A message came; it may be a repetition."""
        ...


class Link(Protocol):
    """A connection to a broker that comes back for ever.

    Checked by ``tests/ports/test_link.py`` for every adapter.
    """

    def start(self, handler: LinkHandler) -> None:
        """Return at once and connect in the background; a lost connection is made again.

        Raises:
            UsageError: It was started before.
        """
        ...

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Hand a message to the broker at QoS 1; it may still be lost. Never blocks.

        Returns:
            Whether it is on its way. ``False`` while the link is down or too much is on its way:
            nothing is kept, so hand it over again later.

        Raises:
            UsageError: No message can be published to such a topic.
        """
        ...

    def close(self, *, farewell: tuple[str, bytes] | None = None) -> None:
        """Leave in good order, so that the broker does not publish the will. Idempotent.

        Not to be called by the handler. Afterwards the handler hears nothing more.

        Args:
            farewell: Topic and payload of a last message; up to 2 s are spent on having the broker
                confirm it.
        """
        ...
