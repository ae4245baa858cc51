"""Hears orders only from the director: sealed messages are opened before the agent sees them."""

import contextlib
import logging
import queue
import threading
from collections.abc import Callable, Collection
from typing import Final

from edge_agent.adapters.tuf_verifier import TufVerifier
from edge_agent.ports import Link, LinkHandler
from edge_contract.errors import EdgeError, MessageError
from edge_contract.messages import DesiredState, decode
from edge_contract.trust import Seal

__all__ = ["OpenedLink"]

_log = logging.getLogger("edgefleet.agent")

_MOST_WAITING: Final = 100


class OpenedLink:
    """A :class:`edge_agent.ports.Link` in front of another one.

    Opening may need metadata from the network, so it is done on a thread of its own; what comes
    while the link is down is left out, as the cloud says it again.

    Args:
        link: To the broker.
        verifier: Knows the director's keys.
        topics: Whose messages have to be sealed.
        metadata_url: Says where metadata is, from the URL of packages.
    """

    def __init__(
        self,
        link: Link,
        verifier: TufVerifier,
        topics: Collection[str],
        metadata_url: Callable[[str], str],
    ) -> None:
        self._link = link
        self._verifier = verifier
        self._topics = frozenset(topics)
        self._metadata_url = metadata_url
        self._opener: _Opener | None = None

    def start(self, handler: LinkHandler) -> None:
        """Return at once and connect in the background."""
        self._opener = _Opener(handler, self._topics, self._open)
        self._opener.start()
        self._link.start(self._opener)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Hand a message to the broker."""
        return self._link.publish(topic, payload, retain=retain)

    def close(self, *, farewell: tuple[str, bytes] | None = None) -> None:
        """Leave in good order. Idempotent."""
        self._link.close(farewell=farewell)
        if self._opener is not None:
            self._opener.close()

    def _open(self, topic: str, data: bytes) -> bytes:
        return self._verifier.opened(topic, data, url=self._url_in(data))

    def _url_in(self, data: bytes) -> str:
        """Return where the message says that metadata is: any mirror will do."""
        message = decode(Seal.from_bytes(data).payload)
        if isinstance(message, DesiredState) and message.packages_url:
            return self._metadata_url(message.packages_url)
        return ""


class _Opener:
    """The handler between: one call at a time, as handlers are promised."""

    def __init__(
        self,
        handler: LinkHandler,
        topics: frozenset[str],
        opened: Callable[[str, bytes], bytes],
    ) -> None:
        self._handler = handler
        self._topics = topics
        self._opened = opened
        self._telling = threading.Lock()
        self._connection = 0
        self._is_up = False
        self._waiting: queue.Queue[tuple[int, str, bytes] | None] = queue.Queue(_MOST_WAITING)
        # A daemon: a mirror that is silent must not hold up the end of the process.
        self._thread = threading.Thread(target=self._run, name="edgefleet-opener", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._is_up = False  # what is opened from now on is not told
        with contextlib.suppress(queue.Full):  # then the thread ends with the process
            self._waiting.put_nowait(None)

    def on_connected(self) -> None:
        """See :class:`edge_agent.ports.LinkHandler`."""
        with self._telling:
            self._connection += 1
            self._is_up = True
            self._handler.on_connected()

    def on_disconnected(self, reason: str) -> None:
        """See :class:`edge_agent.ports.LinkHandler`."""
        with self._telling:
            self._is_up = False
            self._handler.on_disconnected(reason)

    def on_message(self, topic: str, payload: bytes) -> None:
        """Pass on what needs no seal, and have the rest opened."""
        if topic in self._topics:
            try:
                self._waiting.put_nowait((self._connection, topic, payload))
            except queue.Full:
                _log.warning("a message on %s is left out: too many wait to be opened", topic)
            return
        with self._telling:
            self._handler.on_message(topic, payload)

    def _run(self) -> None:
        while (waiting := self._waiting.get()) is not None:
            connection, topic, data = waiting
            try:
                payload = self._opened(topic, data)
            except MessageError as error:
                _log.warning("a message on %s is refused: %s", topic, error)
                continue
            except EdgeError as error:
                _log.warning("a message on %s is left out until it comes again: %s", topic, error)
                continue
            with self._telling:
                if self._is_up and connection == self._connection:
                    self._handler.on_message(topic, payload)
