"""A device's link in memory: the test is the broker."""

import threading
from typing import TypeVar

from edge_agent.ports import LinkHandler
from edge_contract.messages import Message, decode, encode

__all__ = ["MemoryDeviceLink"]

M = TypeVar("M", bound=Message)


class MemoryDeviceLink:
    """Implements ``edge_agent.ports.Link``; connected when the test says so.

    Attributes:
        published: Topic and message of everything that the device said while it was connected.
        farewell: Topic and message of what it said last; ``None`` while it has not left.
    """

    def __init__(self) -> None:
        self.published: list[tuple[str, Message]] = []
        self.farewell: tuple[str, Message] | None = None
        self._handler: LinkHandler | None = None
        self._connected = threading.Event()

    # What the test does.

    def connect(self) -> None:
        """Let the broker be there."""
        self._connected.set()
        self._started().on_connected()

    def disconnect(self) -> None:
        """Let it be gone."""
        self._connected.clear()
        self._started().on_disconnected("the broker is gone")

    def deliver(self, topic: str, message: Message) -> None:
        """Let the cloud say something."""
        self._started().on_message(topic, encode(message))

    def said(self, kind: type[M]) -> list[M]:
        """Everything of one kind that the device said, in order."""
        return [message for _, message in self.published if isinstance(message, kind)]

    def _started(self) -> LinkHandler:
        assert self._handler is not None, "the agent has not started its link"
        return self._handler

    # What the agent does.

    def start(self, handler: LinkHandler) -> None:
        """Remember who listens."""
        self._handler = handler

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Note what the device says, if the broker is there."""
        assert not retain, "devices retain nothing"
        if not self._connected.is_set():
            return False
        self.published.append((topic, decode(payload)))
        return True

    def close(self, *, farewell: tuple[str, bytes] | None = None) -> None:
        """Note the farewell."""
        if farewell is not None:
            self.farewell = farewell[0], decode(farewell[1])
        self._connected.clear()
