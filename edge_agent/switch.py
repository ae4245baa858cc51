"""The switch: which loaded packages answer calls now, changed in one step."""

import threading

from edge_agent.servable import Servable
from edge_contract.records import dataclass

__all__ = ["Routing", "Switch"]


@dataclass(frozen=True, slots=True)
class Routing:
    """Where calls go.

    Attributes:
        serve: Answers.
        shadow: Sees the same inputs.
        fallback: Answers where ``serve`` fails.
    """

    serve: Servable
    shadow: Servable | None = None
    fallback: Servable | None = None


class Switch:
    """Set by the agent's thread, read by the threads that predict.

    Attributes:
        routing: ``None`` while no version can answer, and after the end.
    """

    def __init__(self) -> None:
        self.routing: Routing | None = None
        self._changed = threading.Condition()
        self._closed = False

    def turn(self, routing: Routing | None) -> None:
        """Send calls elsewhere; those under way end where they are."""
        with self._changed:
            if not self._closed:
                self.routing = routing
                self._changed.notify_all()

    def wait(self, timeout_s: float) -> Routing | None:
        """Wait until a version can answer; ``None`` if there is none by then, or at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self.routing is not None or self._closed, timeout_s)
            return self.routing

    def close(self) -> None:
        """Send calls nowhere from now on."""
        with self._changed:
            self._closed = True
            self.routing = None
            self._changed.notify_all()
