"""A link that is made when the agent answers, or has nothing to answer with."""

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from edge_contract.errors import UsageError

if TYPE_CHECKING:
    from edge_agent.ports import Link, LinkHandler

__all__ = ["LaterLink"]

_log = logging.getLogger("edgefleet.agent")

_PATIENCE_S: Final = 2.0
_ANSWER_S: Final = 0.05  # a caller that waited for a version is given this much to get its answer


class LaterLink:
    """A :class:`edge_agent.ports.Link`, without what it takes until it is used.

    The client for MQTT takes as long to load as a small model and all that it needs, and nobody
    who waits for a prediction waits for the cloud.

    Args:
        make: Makes the link, on a thread of its own. What can be wrong with how it was asked for
            has been told before.
        ready: Set when something serves, or when nothing on this device can; the link is made soon
            after, and after two seconds at the latest.
    """

    def __init__(self, make: "Callable[[], Link]", ready: threading.Event) -> None:
        self._make = make
        self._ready = ready
        self._lock = threading.Lock()
        self._leaving = threading.Event()
        self._link: Link | None = None
        self._thread: threading.Thread | None = None

    def start(self, handler: "LinkHandler") -> None:
        """Return at once and connect in the background; raises ``UsageError`` if started before."""
        if self._thread is not None or self._leaving.is_set():
            raise UsageError("a link can be started once: make a new one")
        self._thread = threading.Thread(
            target=self._begin, args=(handler,), name="edgefleet-link", daemon=True
        )
        self._thread.start()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Hand a message to the broker; ``False`` before there is a connection."""
        link = self._link
        return link is not None and link.publish(topic, payload, retain=retain)

    def close(self, *, farewell: tuple[str, bytes] | None = None) -> None:
        """Leave in good order. Idempotent."""
        with self._lock:
            self._leaving.set()
            link = self._link
        self._ready.set()  # nobody is to wait for it any more
        if link is not None:
            link.close(farewell=farewell)

    def _begin(self, handler: "LinkHandler") -> None:
        self._ready.wait(_PATIENCE_S)
        if self._leaving.wait(_ANSWER_S):
            return
        try:
            link = self._make()
        except Exception:  # noqa: BLE001  predictions go on without a cloud, and rows are kept
            _log.exception("a defect in the link: nothing is sent until the agent starts again")
            return
        with self._lock:
            if self._leaving.is_set():
                return
            self._link = link  # before it can tell the handler, who may publish at once
            link.start(handler)
