"""Waits for something in the cloud by asking again and again."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

from edge_contract.errors import UnavailableError

__all__ = ["PATIENCE_S", "poll"]

V = TypeVar("V")

POLL_S: Final = 0.5
PATIENCE_S: Final = 30.0
"""How long waiting outlives a cloud that does not answer, for example while it restarts."""


def poll(
    read: Callable[[], V],
    *,
    until: Callable[[V], bool],
    timeout_s: float | None = None,
    on_change: Callable[[V], None] | None = None,
) -> V:
    """Return what ``read`` gave last: when it is what was waited for, or when time was up.

    Args:
        read: Asks once.
        until: Whether that is it.
        timeout_s: How long to wait; ``None`` for as long as it takes.
        on_change: Called with the first answer and with every other one that differs.

    Raises:
        UnavailableError: ``read`` failed at first, or for :data:`PATIENCE_S`.
    """
    value = read()
    begun_s = heard_s = time.monotonic()
    if on_change is not None:
        on_change(value)
    while not until(value) and not _is_over(begun_s, timeout_s):
        time.sleep(POLL_S)
        try:
            new = read()
        except UnavailableError:
            if time.monotonic() - heard_s > PATIENCE_S:
                raise
            continue
        heard_s = time.monotonic()
        if new != value and on_change is not None:
            on_change(new)
        value = new
    return value


def _is_over(begun_s: float, timeout_s: float | None) -> bool:
    return timeout_s is not None and time.monotonic() - begun_s > timeout_s
