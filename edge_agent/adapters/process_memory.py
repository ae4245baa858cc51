"""Gives memory that was freed back to the system, and takes threads back in priority."""

import contextlib
import ctypes
import os
import sys
import threading
from collections.abc import Iterator
from typing import Final

__all__ = [
    "brief_turns",
    "give_back_code",
    "give_back_memory",
    "large_blocks_apart",
    "lower_priority",
]

_MMAP_THRESHOLD: Final = -3
_TRIM_THRESHOLD: Final = -1
_APART_BYTES: Final = 256 * 2**10
_USUAL_BYTES: Final = 32 * 2**20
"""Where glibc's own threshold arrives in a program that works with large arrays."""
_DONT_NEED: Final = 4
_MUCH_BYTES: Final = 4 * 2**20
_OF_FILE: Final = 3
"""Words that follow the rights of a mapping: offset, device, number, and then a file, if any."""
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


def give_back_code() -> int:
    """Let go of code that only a start runs, and return how many bytes that were.

    Most of what a large library runs while it is loaded is never run again, and counts as memory of
    the process until the system runs short. What is run again comes back by itself from the file,
    which the system keeps: that takes microseconds. Only Linux can; others let go of nothing.
    """
    library = _glibc()
    if library is None or not hasattr(library, "madvise"):
        return 0
    given = 0
    for start, end, resident in _unwritten_code():
        place, length = ctypes.c_void_p(start), ctypes.c_size_t(end - start)
        if library.madvise(place, length, _DONT_NEED) == 0:
            given += resident
    return given


def _unwritten_code() -> Iterator[tuple[int, int, int]]:
    """Yield where code of large libraries lies, from and to, and how many bytes are in memory.

    Left out is what has been written to since it was read, as a debugger does: nothing else knows
    what is there.
    """
    with contextlib.suppress(OSError), open("/proc/self/smaps") as maps:  # noqa: PTH123
        place, resident = (0, 0), 0
        for line in maps:
            name, value, *rest = line.split()
            if not name.endswith(":"):
                is_code = value == "r-xp" and len(rest) > _OF_FILE and rest[-1].startswith("/")
                place = _place_of(name) if is_code else (0, 0)
            elif name == "Rss:":
                resident = int(value) * 1024
            elif name == "Anonymous:" and value == "0" and place[1] and resident >= _MUCH_BYTES:
                yield *place, resident


def _place_of(text: str) -> tuple[int, int]:
    start, _, end = text.partition("-")
    return int(start, 16), int(end, 16)


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
