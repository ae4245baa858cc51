"""Restarts of the agent's process on demand: only where the program that runs it allows them.

An agent inside an application cannot be restarted without the application, so nobody may unless the
program has said how.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from edge_contract.errors import UsageError

__all__ = ["allowed", "request"]

_DELAY_S: Final = 1.0
"""Time for the answer to leave."""

_how: list[Callable[[], None]] = []


@contextmanager
def allowed(how: Callable[[], None]) -> Iterator[None]:
    """Allow restarts in the block; ``how`` begins one, and is called on a thread of its own."""
    _how.append(how)
    try:
        yield
    finally:
        _how.remove(how)


def request() -> None:
    """Restart the process soon; raises ``UsageError`` if it may not."""
    if not _how:
        raise UsageError(
            "this agent runs inside an application that does not let it restart: restart that one"
        )
    timer = threading.Timer(_DELAY_S, _how[-1])
    timer.daemon = True
    timer.start()
