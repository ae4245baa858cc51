"""What connections and whoever accepts them know of each other."""

from collections.abc import Callable
from typing import Protocol

from edge_agent.serving.answer import Answer
from edge_agent.serving.batching import Job
from edge_agent.serving.service import Call
from edge_contract.records import dataclass

__all__ = ["ClientLimits", "Connection", "Listener"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientLimits:
    """What one client may take.

    Attributes:
        body_bytes: Longest body.
        head_bytes: Longest request line and headers, roughly.
        pipelined: Requests of one connection that may wait for their answers.
        request_s: How long a request may take to arrive, and an answer to be taken.
        idle_s: How long an HTTP connection may be silent.
    """

    body_bytes: int = 16_000_000
    head_bytes: int = 64_000
    pipelined: int = 128
    request_s: float = 30.0
    idle_s: float = 75.0


class Connection(Protocol):
    """A client, for whoever accepts them."""

    def leave(self) -> None:
        """Close as soon as nothing is under way."""
        ...

    def abort(self) -> None:
        """Close now."""
        ...

    def look(self, now_s: float) -> None:
        """Close if the client is too slow; to be called now and then."""
        ...


class Listener(Protocol):
    """Whom connections tell what they hear."""

    def handle(self, call: Call, reply: Callable[[Answer], None]) -> Job | None:
        """Answer a call, now or later; return what can be given up if nobody waits any more."""
        ...

    def joined(self, connection: Connection) -> str:
        """A client has connected; return why it has to leave, or nothing."""
        ...

    def left(self, connection: Connection) -> None:
        """A client is gone."""
        ...
