"""A camera's own count of its predictions, in a file that survives kill -9.

The demo compares it with what the warehouse holds, so it is kept apart from everything that the
agent counts. ``started`` is raised before ``predict`` and ``returned`` after it: a camera killed in
between leaves them unequal, and then the ring of its agent settles whether that row was observed.
"""

import mmap
import os
import struct
from pathlib import Path
from typing import Final, NamedTuple

__all__ = ["Tally", "TallyFile"]

_FORMAT: Final = struct.Struct("<7q")


class Tally(NamedTuple):
    """Counts of one camera over all its lives.

    Attributes:
        started: Calls of ``predict`` that began.
        returned: Those that returned a prediction.
        failed: Those that raised an error.
        clean: Predictions of clean images whose truth the camera knows.
        clean_right: Of those, the right ones.
        dirty: The same behind a dirty lens.
        dirty_right: Of those, the right ones.
    """

    started: int = 0
    returned: int = 0
    failed: int = 0
    clean: int = 0
    clean_right: int = 0
    dirty: int = 0
    dirty_right: int = 0


class TallyFile:
    """The counts in a memory-mapped file; made if missing."""

    def __init__(self, path: Path) -> None:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if os.fstat(handle).st_size < _FORMAT.size:
                os.ftruncate(handle, _FORMAT.size)
            self._map = mmap.mmap(handle, _FORMAT.size)
        finally:
            os.close(handle)

    @property
    def value(self) -> Tally:
        """The counts."""
        return Tally(*_FORMAT.unpack_from(self._map))

    @value.setter
    def value(self, tally: Tally) -> None:
        _FORMAT.pack_into(self._map, 0, *tally)

    def close(self) -> None:
        """Let go of the file."""
        self._map.close()
