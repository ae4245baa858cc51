"""Gives memory that was freed back to the system, and takes threads back in priority."""

import ctypes
import os
import sys
import threading
from typing import Final

__all__ = ["give_back_memory", "lower_priority"]

_NICENESS: Final = 10


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
