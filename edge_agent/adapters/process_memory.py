"""Gives memory that was freed back to the system, and takes threads back in priority."""

import contextlib
import ctypes
import os
import sys
import threading
from collections.abc import Iterator
from typing import Final

__all__ = ["brief_turns", "give_back_memory", "lower_priority"]

_NICENESS: Final = 10
_TURN_S: Final = 0.0005


@contextlib.contextmanager
def brief_turns() -> Iterator[None]:
    """Let no thread keep the interpreter from others for longer than half a millisecond.

    By default it may for ten times that, each time that another thread wants to go on: a model that
    is loaded in the background would hold up calls.
    """
    usual_s = sys.getswitchinterval()
    sys.setswitchinterval(min(_TURN_S, usual_s))
    try:
        yield
    finally:
        sys.setswitchinterval(usual_s)


def give_back_memory() -> bool:
    """Give freed memory back to the system; return whether something was.

    What loading a model takes for a moment is several times the model. glibc keeps it for later,
    other C libraries give it back by themselves or not at all: there this does nothing.
    """
    if not sys.platform.startswith("linux"):
        return False
    library = ctypes.CDLL(None)  # what the process has loaded; calls let other threads run
    if not hasattr(library, "malloc_trim"):
        return False
    return bool(library.malloc_trim(0))


def lower_priority() -> bool:
    """Let others go before this thread, and before those it starts, from now on.

    Returns:
        Whether that is possible: Linux alone gives threads priorities of their own.
    """
    if not sys.platform.startswith("linux"):
        return False
    thread = threading.get_native_id()
    if os.getpriority(os.PRIO_PROCESS, thread) < _NICENESS:
        os.setpriority(os.PRIO_PROCESS, thread, _NICENESS)
    return True
