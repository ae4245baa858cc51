"""A log of whole calls in a memory-mapped file: many rows cost one copy, and kill -9 loses none.

Rows of a ring stand one beside another, features and answers together, which takes ten times as
long to write as the copy of a block does. Here a call is kept as it came: its input, then the
outputs of the model, and whoever counts them sorts them out.

Positions count bytes and never wrap, only places do. Like those of a
:class:`edge_agent.adapters.ring.Ring` the counters stand twice in the header, and one number says
which of the two counts.
"""

import contextlib
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from edge_agent.adapters.mapped_file import (
    HEADER_BYTES,
    begin_header,
    header_id,
    id_in_file,
    is_header_of,
    mapped,
)
from edge_contract.errors import UnavailableError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["BlockLog", "BlockMark", "Record"]

_MAGIC: Final = 0x45444745424C4B01  # the last byte is the version of the layout
_USUAL_BYTES: Final = 4 << 20
_MOST_BYTES: Final = 32 << 20
_ALIGNED: Final = 64
_SPARE_BYTES: Final = 1024  # more than a record takes besides its arrays

# Places in the header, in words of 8 bytes; the counters stand at 9 to 11 and at 12 to 14.
_ROW_BYTES, _CAPACITY, _OWNER, _TURN, _BASE, _RELEASED, _LOST = range(2, 9)
_COUNTERS: Final = (9, 12)
_NEW: Final = ".new"
_THREE_WORDS: Final = struct.Struct("=QQQ")  # written, rows, calls
_FRONT: Final = struct.Struct("=QQQdd")  # bytes, rows, calls, time, latency


class BlockMark(NamedTuple):
    """Everything a log ever held, at one moment.

    Attributes:
        written: Bytes, the position behind the last record.
        rows: Of all calls.
        calls: How many.
    """

    written: int = 0
    rows: int = 0
    calls: int = 0


class Record(NamedTuple):
    """A call, or a part of one.

    Attributes:
        rows: How many it is of.
        at_unix_s: When it was made.
        latency_us: How long the model took; NaN but in the first part.
        content: The arrays that were appended, one behind another, each from a multiple of 8 bytes
            on. Valid until the record is released.
    """

    rows: int
    at_unix_s: float
    latency_us: float
    content: memoryview


class BlockLog:
    """Calls of many rows; not thread-safe.

    It is as large as most devices ever need. A call that is larger finds it empty and makes it grow
    to eight times that; :meth:`shrink` takes that back.

    Args:
        path: The file; made anew if it is missing, damaged, of other rows or another owner.
        row_bytes: What a row takes; rows of another size cannot be read.
        owner: Whose marks say how far the rows have been saved; below 2**64.

    Raises:
        UnavailableError: The file cannot be made.
    """

    def __init__(self, path: Path, row_bytes: int, *, owner: int = 0) -> None:
        self.path = path
        self._written = self._rows = self._calls = 0
        self._row_bytes = row_bytes
        self._owner = owner
        self._released = 0
        self.largest_bytes = _MOST_BYTES
        """No record can be larger."""
        path.with_suffix(_NEW).unlink(missing_ok=True)
        self._open_map(_capacity_at(path))
        if is_header_of(self._header, _MAGIC, self._words):
            self._recall()
        else:
            self.renew()

    @property
    def ring_id(self) -> str:
        """Names this log's counters in the store; a log made anew has another one."""
        return header_id(self._header)

    @property
    def mark(self) -> BlockMark:
        """Everything kept so far."""
        return BlockMark(self._written, self._rows, self._calls)

    @property
    def is_half_full(self) -> bool:
        """Whether it should be emptied soon."""
        return 2 * (self._written - self._released) > self._capacity

    def has_room(self, size: int) -> bool:
        """Return whether arrays of so many bytes could be appended now."""
        size += _SPARE_BYTES
        waiting = self._written - self._released
        rest = self._capacity - self._written % self._capacity
        if self._capacity - waiting >= size + (rest if size > rest else 0):
            return True
        return waiting == 0 and size <= self.largest_bytes

    def append(
        self,
        arrays: "Sequence[NDArray[np.generic]]",
        rows: int,
        *,
        at_unix_s: float,
        latency_us: float,
        calls: int = 1,
    ) -> bool:
        """Keep the arrays of a call, each contiguous; return whether there was room for them.

        Args:
            arrays: What is to be kept; contiguous, or a ``ValueError`` says so and nothing is.
            rows: How many rows that is.
            at_unix_s: Now.
            latency_us: How long the model took; NaN if that is told with another part.
            calls: To be counted with them; 0 for the later parts of a call.
        """
        content = 0
        for array in arrays:
            content += array.nbytes + 7 & ~7
        size = _FRONT.size + content + _ALIGNED - 1 & -_ALIGNED
        if size > self._capacity and self._written == self._released:
            self._resize(size)
        written, capacity, target = self._written, self._capacity, self._map
        place = written % capacity
        left = capacity - (written - self._released)
        if size > capacity - place:  # it does not go round the end
            skipped = capacity - place
            if size + skipped > left:
                return False
            _FRONT.pack_into(target, HEADER_BYTES + place, skipped, 0, 0, 0.0, 0.0)
            written += skipped
            place = 0
        elif size > left:
            return False
        at = HEADER_BYTES + place
        _FRONT.pack_into(target, at, size, rows, calls, at_unix_s, latency_us)
        at += _FRONT.size
        for array in arrays:
            end = at + array.nbytes
            # That arrays are buffers is in their types from Python 3.12 on.
            target[at:end] = array  # type: ignore[call-overload,unused-ignore]
            at = end + 7 & ~7
        self._commit(written + size, self._rows + rows, self._calls + calls)
        return True

    def read(self, first: BlockMark, last: BlockMark) -> Iterator[Record]:
        """Yield the records from one mark to a later one; first must not be released."""
        position = max(first.written, self._released)
        whole = memoryview(self._map)
        while position < last.written:
            begin = HEADER_BYTES + position % self._capacity
            size, rows, _, at_unix_s, latency_us = _FRONT.unpack_from(self._map, begin)
            if rows:
                content = whole[begin + _FRONT.size : begin + size]
                yield Record(rows, at_unix_s, latency_us, content)
            position += size

    def rows_lost(self, taken: BlockMark) -> int:
        """Return how many rows after a mark have been overwritten."""
        return max(self._header[_LOST] - taken.rows, 0)

    def release(self, mark: BlockMark) -> None:
        """Give the place of everything before a mark free: batches hold it now."""
        if mark.written > self._released:
            self._header[_LOST] = mark.rows
            self._released = self._header[_RELEASED] = mark.written

    def take_back(self, mark: BlockMark) -> bool:
        """Let what was given free count again from a mark on; return whether it is all there.

        An earlier life may have given rows free whose batches were in its memory only.
        """
        header = self._header
        is_there = mark.written >= header[_BASE] and (
            self._written - mark.written <= self._capacity
        )
        if is_there:
            self._released = header[_RELEASED] = mark.written
            header[_LOST] = mark.rows
        return is_there

    def shrink(self) -> None:
        """Give back what an unusually large call took, if nothing waits."""
        if self._capacity > _USUAL_BYTES and self._written == self._released:
            self._resize(0)

    def renew(self) -> None:
        """Begin anew under another identifier, with nothing in it."""
        begin_header(self._header, _MAGIC, self._words)
        self._recall()

    def close(self) -> None:
        """Let go of the file, which stays."""
        self._header.release()
        with contextlib.suppress(BufferError):  # whoever still reads it lets go of it later
            self._map.close()

    @staticmethod
    def id_at(path: Path) -> str | None:
        """Return the identifier of the log in a file; ``None`` if there is none."""
        return id_in_file(path, _MAGIC)

    @property
    def _words(self) -> dict[int, int]:
        """What the header says of the rows."""
        return {_ROW_BYTES: self._row_bytes, _CAPACITY: self._capacity, _OWNER: self._owner}

    def _open_map(self, capacity: int) -> None:
        self._capacity = capacity
        self._map = mapped(self.path, HEADER_BYTES + capacity, at_once=True)
        self._header = memoryview(self._map)[:HEADER_BYTES].cast("Q")

    def _recall(self) -> None:
        self._turn = self._header[_TURN]
        self._written, self._rows, self._calls = _THREE_WORDS.unpack_from(
            self._map, 8 * _COUNTERS[self._turn & 1]
        )
        self._released = self._header[_RELEASED]
        if not 0 <= self._written - self._released <= self._capacity:
            self.renew()  # no crash leaves that: the file was tampered with

    def _commit(self, written: int, rows: int, calls: int) -> None:
        turn = self._turn + 1
        _THREE_WORDS.pack_into(self._map, 8 * _COUNTERS[turn & 1], written, rows, calls)
        self._header[_TURN] = self._turn = turn  # from here on they count
        self._written, self._rows, self._calls = written, rows, calls

    def _resize(self, least: int) -> None:
        """Make room for a record of ``least`` bytes while there is nothing in the file, if we can.

        Where the disk has no room, or the system keeps files that are in use, all stays as it is.
        """
        capacity = _USUAL_BYTES
        while capacity < least:
            capacity *= 2
        if capacity > self.largest_bytes or capacity == self._capacity:
            return
        words = bytes(self._map[:HEADER_BYTES])
        other = self.path.with_suffix(_NEW)
        try:
            found = mapped(other, HEADER_BYTES + capacity, at_once=True)
            found[:HEADER_BYTES] = words
            header = memoryview(found)[:HEADER_BYTES].cast("Q")
            header[_CAPACITY] = capacity
            header[_BASE] = self._written
            other.replace(self.path)
        except (OSError, UnavailableError):
            self.largest_bytes = self._capacity
            return
        self._header.release()
        self._map, self._header, self._capacity = found, header, capacity


def _capacity_at(path: Path) -> int:
    """Return the capacity of the log in a file; the usual one if there is none."""
    try:
        capacity = path.stat().st_size - HEADER_BYTES
    except OSError:
        return _USUAL_BYTES
    is_one = capacity % _USUAL_BYTES == 0 and _USUAL_BYTES <= capacity <= _MOST_BYTES
    return capacity if is_one else _USUAL_BYTES
