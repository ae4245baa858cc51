"""Gives memory that was freed back to the system, and takes threads back in priority."""

import contextlib
import ctypes
import os
import sys
import threading
from collections.abc import Iterator
from typing import Final

__all__ = ["brief_turns", "give_back_memory", "large_blocks_apart", "lower_priority"]

_MMAP_THRESHOLD: Final = -3
_TRIM_THRESHOLD: Final = -1
_APART_BYTES: Final = 256 * 2**10
_USUAL_BYTES: Final = 32 * 2**20
"""Where glibc's own threshold arrives in a program that works with large arrays."""
_NICENESS: Final = 10
_TURN_S: Final = 0.0001


@contextlib.contextmanager
def brief_turns() -> Iterator[None]:
    """Let no thread keep the interpreter from others for longer than a tenth of a millisecond.

    By default it may for fifty times that, each time that another thread wants to go on: a model
    that is loaded in the background would hold up calls.
    """
    _turns.begin()
    try:
        yield
    finally:
        _turns.end()


class _Turns:
    """Several threads may want brief turns; the last one that ends brings the usual ones back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wanted_by = 0
        self._usual_s = 0.0

    def begin(self) -> None:
        with self._lock:
            if not self._wanted_by:
                self._usual_s = sys.getswitchinterval()
                sys.setswitchinterval(min(_TURN_S, self._usual_s))
            self._wanted_by += 1

    def end(self) -> None:
        with self._lock:
            self._wanted_by -= 1
            if not self._wanted_by:
                sys.setswitchinterval(self._usual_s)


_turns: Final = _Turns()


@contextlib.contextmanager
def large_blocks_apart() -> Iterator[None]:
    """Let large blocks of memory go back to the system one by one, as they are freed.

    Loading a model takes many for a moment. Among all others they would stay, until somebody asks
    glibc for them: that goes over all memory, and every thread that needs some waits meanwhile.
    """
    library = _glibc()
    if library is None:
        yield
        return
    library.mallopt(_MMAP_THRESHOLD, _APART_BYTES)
    try:
        yield
    finally:
        library.mallopt(_MMAP_THRESHOLD, _USUAL_BYTES)
        library.mallopt(_TRIM_THRESHOLD, 2 * _USUAL_BYTES)


def give_back_memory() -> bool:
    """Give freed memory back to the system; return whether something was.

    What loading a model takes for a moment is several times the model. glibc keeps it for later,
    other C libraries give it back by themselves or not at all: there this does nothing.
    """
    library = _glibc()
    return library is not None and bool(library.malloc_trim(0))


def _glibc() -> ctypes.CDLL | None:
    """Return glibc if the process has it; calls of its functions let other threads run."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "malloc_trim") else None


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
