"""A ring of observed rows in a memory-mapped file: a process killed with -9 loses none.

The file should lie on a memory file system where there is one (no wear, gone after a reboot). Its
header holds how many rows and calls there ever were; positions never wrap, only places do. Rows
between *released* and *committed* have not been saved in a batch yet. The kernel keeps the file's
pages when the process dies, so the next start finds every row whose count was raised.
"""

import mmap
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from edge_contract.errors import UnavailableError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Ring", "RingMark"]

_MAGIC: Final = 0x45444745464C5402  # the last byte is the version of the layout
_HEADER_BYTES: Final = 128
_MAX_FILE_BYTES: Final = 4_000_000
_MIN_ROWS: Final = 256
_MAX_ROWS: Final = 8192

_M, _NONCE, _WIDTH, _ROWS, _COMMITTED, _RELEASED, _CALLS, _FAILURES, _DROPPED = range(9)
_OPENED: Final = 9


class RingMark(NamedTuple):
    """Everything a ring ever counted, at one moment."""

    rows: int
    calls: int
    failures: int
    dropped: int


class Ring:
    """Rows of ``width`` float32 numbers.

    One process at a time; within it, whoever appends holds the recorder's lock.

    Args:
        path: The file; made anew if it is missing, damaged or of another width.
        width: Numbers in a row, at least 1.

    Raises:
        UnavailableError: The file cannot be made.
    """

    def __init__(self, path: Path, width: int) -> None:
        self.path = path
        self.width = width
        self.rows = max(min(_MAX_FILE_BYTES // (4 * width), _MAX_ROWS), _MIN_ROWS)
        size = _HEADER_BYTES + 4 * width * self.rows
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                if os.fstat(handle).st_size != size:
                    os.ftruncate(handle, 0)
                    os.ftruncate(handle, size)
                self._map = mmap.mmap(handle, size)
            finally:
                os.close(handle)
        except OSError as error:
            raise UnavailableError(
                f"cannot make ring {str(path)!r} ({size} bytes): {error.strerror}"
            ) from error
        self._header: NDArray[np.uint64] = np.frombuffer(self._map, np.uint64, 16)
        self._times: NDArray[np.float64] = np.frombuffer(self._map, np.float64, 16)
        self._table: NDArray[np.float32] = np.frombuffer(
            self._map, np.float32, width * self.rows, _HEADER_BYTES
        ).reshape(self.rows, width)
        header = self._header
        if tuple(header[[_M, _WIDTH, _ROWS]]) != (_MAGIC, width, self.rows):
            header[:] = 0
            header[[_NONCE, _WIDTH, _ROWS]] = (secrets.randbits(63), width, self.rows)
            header[_M] = _MAGIC

    @property
    def ring_id(self) -> str:
        """Names this ring's counters in the store; a ring made anew has another one."""
        return f"{int(self._header[_NONCE]):016x}"

    @property
    def mark(self) -> RingMark:
        """Everything counted so far."""
        header = self._header
        return RingMark(
            int(header[_COMMITTED]),
            int(header[_CALLS]),
            int(header[_FAILURES]),
            int(header[_DROPPED]),
        )

    @property
    def opened_unix_s(self) -> float:
        """When the oldest row that is not released was observed; 0 if there is none."""
        return float(self._times[_OPENED])

    @property
    def free(self) -> int:
        """Rows that can be appended now."""
        return self.rows - int(self._header[_COMMITTED] - self._header[_RELEASED])

    def append(self, parts: "list[NDArray[np.float32]]", count: int, at_unix_s: float) -> int:
        """Add rows and raise the count in one last step; return the first row's position.

        Args:
            parts: ``float32[count, n]`` each, side by side a row's ``width`` numbers.
            count: At most :attr:`free`.
            at_unix_s: Now.
        """
        header = self._header
        first = int(header[_COMMITTED])
        if first == int(header[_RELEASED]):
            self._times[_OPENED] = at_unix_s
        place = first % self.rows
        split = min(count, self.rows - place)
        column = 0
        for part in parts:
            last = column + part.shape[1]
            self._table[place : place + split, column:last] = part[:split]
            if split < count:
                self._table[: count - split, column:last] = part[split:count]
            column = last
        header[_COMMITTED] = first + count
        return first

    def count(self, *, calls: int = 0, failures: int = 0, dropped: int = 0) -> None:
        """Raise the other counters."""
        if calls:
            self._header[_CALLS] += np.uint64(calls)
        if failures:
            self._header[_FAILURES] += np.uint64(failures)
        if dropped:
            self._header[_DROPPED] += np.uint64(dropped)

    def read(self, first: int, last: int) -> "list[NDArray[np.float32]]":
        """Return views of the rows from position ``first`` up to ``last``: one block or two.

        They stay valid until the rows are released.
        """
        if first >= last:
            return []
        start, end = first % self.rows, (last - 1) % self.rows + 1
        if start < end:
            return [self._table[start:end]]
        return [self._table[start:], self._table[:end]]

    def release(self, rows: int, at_unix_s: float) -> None:
        """Give the place of all rows below position ``rows`` free: a batch holds them now."""
        self._header[_RELEASED] = max(int(self._header[_RELEASED]), rows)
        self._times[_OPENED] = at_unix_s

    def close(self) -> None:
        """Let go of the file, which stays."""
        del self._header, self._times, self._table
        self._map.close()
