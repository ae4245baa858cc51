"""A ring of observed rows in a memory-mapped file: a process killed with -9 loses none.

The file should lie on a memory file system where there is one (no wear, gone after a reboot).
Positions count all rows that there ever were; they never wrap, only places do. Rows between
*released* and *committed* have not been saved in a batch yet.

The counters stand twice in the header, and one number says which of the two counts: a new set is
written beside the old one and then put into force by that number, in one store. In place of
calls the header counts the rows that no call of one row explains, so that such a call, by far the
commonest, changes one counter only, in one store. The kernel keeps the file's pages when the
process dies, so the next start finds every row that was committed, and rows, calls, failures and
drops that belong together.
"""

import math
import struct
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from threading import get_ident
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

import numpy as np

from edge_agent.adapters.mapped_file import (
    HEADER_BYTES,
    begin_header,
    header_id,
    id_in_file,
    is_header_of,
    mapped,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Parts: TypeAlias = Sequence[NDArray[np.float32] | float]

__all__ = ["Ring", "RingMark", "rows_of"]

_MAGIC: Final = 0x45444745464C5404  # the last byte is the version of the layout
_MAX_FILE_BYTES: Final = 4_000_000
_MIN_ROWS: Final = 256
_MAX_ROWS: Final = 16_384

# Places in the header, in words of 8 bytes; the counters stand at 8 to 11 and at 12 to 15.
_WIDTH, _ROWS, _OWNER, _TURN, _RELEASED, _OPENED = range(2, 8)
_COUNTERS: Final = (8, 12)
_NOBODY: Final = 0  # no thread has that identifier
_FOUR_WORDS: Final = struct.Struct("=QqQQ")  # rows, rows less calls, failures, dropped


class RingMark(NamedTuple):
    """Everything a ring ever counted, at one moment."""

    rows: int = 0
    calls: int = 0
    failures: int = 0
    dropped: int = 0

    def reaches(self, other: "RingMark") -> bool:
        """Return whether this can be a later moment of the same ring."""
        return all(now >= then for now, then in zip(self, other, strict=True))


class Ring:
    """Rows of ``width`` float32 numbers.

    One process at a time; within it, one thread at a time, that which holds :attr:`lock`.

    Args:
        path: The file; made anew if it is missing, damaged, of another width or another owner.
        width: Numbers in a row, at least 1.
        owner: Whose marks say how far the rows have been saved; below 2**64.

    Raises:
        UnavailableError: The file cannot be made.
    """

    def __init__(self, path: Path, width: int, *, owner: int = 0) -> None:
        self.path = path
        self.width = width
        self.rows = max(min(_MAX_FILE_BYTES // (4 * width), _MAX_ROWS), _MIN_ROWS)
        self._map = mapped(path, HEADER_BYTES + 4 * width * self.rows)
        self._header = memoryview(self._map)[:HEADER_BYTES].cast("Q")
        self._times = memoryview(self._map)[:HEADER_BYTES].cast("d")
        self._table: NDArray[np.float32] = np.frombuffer(
            self._map, np.float32, width * self.rows, HEADER_BYTES
        ).reshape(self.rows, width)
        self._numbers = memoryview(self._map).cast("f")
        self._row_bytes = 4 * width
        self._front_bytes = 0
        self._backs = self._table[:, :0]
        self.lock = threading.Lock()
        """To be held around everything but :meth:`append_call` and :meth:`append_row`. What changes
        rows or counters, or asks whether there is room, calls :meth:`exclude_others` first."""
        self._favourite: int | None = None
        self._is_appending = False
        self._rows = 0
        self._end = self.rows
        self._others = (0, 0, 0)
        self.released = 0
        """All rows below this position may be overwritten."""
        self._words = {_WIDTH: width, _ROWS: self.rows, _OWNER: owner}
        if is_header_of(self._header, _MAGIC, self._words):
            self._recall()
        else:
            self.renew()

    @property
    def ring_id(self) -> str:
        """Names this ring's counters in the store; a ring made anew has another one."""
        return header_id(self._header)

    @property
    def mark(self) -> RingMark:
        """Everything counted so far; to be read while nobody changes it."""
        rows = self._rows
        without_call, failures, dropped = self._others
        return RingMark(rows, rows - without_call, failures, dropped)

    @property
    def opened_unix_s(self) -> float:
        """When the oldest row that is not released was observed, as far as is known."""
        return self._times[_OPENED]

    @property
    def free(self) -> int:
        """Rows that can be appended now."""
        return self._end - self._rows

    def append(
        self,
        parts: "Parts",
        count: int,
        at_unix_s: float,
        *,
        calls: int = 0,
    ) -> None:
        """Add rows and the calls that they came with, in one last step.

        Args:
            parts: Side by side a row's ``width`` numbers: ``float32[count, n]``, or
                ``float32[count]`` for one column, or a number that stands in the first row, with
                NaN below.
            count: At most :attr:`free`.
            at_unix_s: Now.
            calls: To be counted with them.
        """
        first = self._rows
        if first == self.released:
            self._times[_OPENED] = at_unix_s
        place = first % self.rows
        split = self.rows - place
        if count <= split:
            self._write(parts, place, count)
        else:
            self._write(rows_of(parts, 0, split), place, split)
            self._write(rows_of(parts, split, count), 0, count - split)
        without_call, failures, dropped = self._others
        self._commit(first + count, (without_call + count - calls, failures, dropped))

    def lay_out_calls(self, front: int) -> None:
        """Say how many numbers stand in a row before the three that :meth:`append_call` is given.

        It must be done before the first such call.
        """
        self._front_bytes = 4 * front
        self._backs = self._table[:, front + 3 :]

    def append_call(
        self,
        front: "NDArray[np.float32]",
        first: float,
        second: float,
        third: float,
        back: "NDArray[np.float32] | None" = None,
    ) -> int:
        """Add one row and the call that it came with, several times quicker than :meth:`append`.

        Any thread may call it, without :attr:`lock`. Everything goes by position: names would cost
        a tenth of it.

        Args:
            front: ``float32[1, numbers]``, its numbers side by side.
            first: What stands behind it in the row.
            second: What stands behind that.
            third: And behind that.
            back: The rest of the row, like ``front``; ``None`` if there is none.

        Returns:
            For how many rows there was room; if there was none, nothing changed.
        """
        if self._favourite == get_ident():
            try:
                self._is_appending = True
                if self._favourite:  # nobody took that away meanwhile
                    row = self._rows
                    room = self._end - row
                    if room <= 0:
                        return 0
                    if row == self.released:  # it is the only one that waits
                        self._times[_OPENED] = time.time()
                    place = row % self.rows
                    begin = HEADER_BYTES + place * self._row_bytes
                    end = begin + self._front_bytes
                    # As bytes, in half the time of an assignment by numpy. That arrays are buffers
                    # is in their types from Python 3.12 on.
                    self._map[begin:end] = front  # type: ignore[call-overload,unused-ignore]
                    numbers = self._numbers
                    at = end >> 2
                    numbers[at] = first
                    numbers[at + 1] = second
                    numbers[at + 2] = third
                    if back is not None:
                        self._backs[place] = back
                    self._header[self._place_of_rows] = self._rows = row + 1  # now it counts
                    return room
            except ValueError:
                pass  # its numbers do not lie side by side: below, they need not
            finally:
                self._is_appending = False
        with self.lock:
            self.exclude_others()
            if self._favourite is None:
                self._favourite = get_ident()
            room = self._end - self._rows
            if room <= 0:
                return 0
            rest = () if back is None else (back,)
            parts = (front, float(first), float(second), float(third), *rest)
            self.append(parts, 1, time.time(), calls=1)
            return room

    def append_row(self, row: memoryview) -> int:
        """Do what :meth:`append_call` does with a row that is put together already.

        Args:
            row: The bytes of its ``width`` float32 numbers.

        Returns:
            For how many rows there was room; if there was none, nothing changed.
        """
        if self._favourite == get_ident():
            try:
                self._is_appending = True
                if self._favourite:  # nobody took that away meanwhile
                    number = self._rows
                    room = self._end - number
                    if room > 0 and number > self.released:  # as below, but for a call
                        size = self._row_bytes
                        begin = HEADER_BYTES + number % self.rows * size
                        self._map[begin : begin + size] = row
                        self._header[self._place_of_rows] = self._rows = number + 1
                        return room
                    return self._take(row)
            finally:
                self._is_appending = False
        with self.lock:
            self.exclude_others()
            if self._favourite is None:
                self._favourite = get_ident()
            return self._take(row)

    def exclude_others(self) -> None:
        """Keep calls of other threads waiting for :attr:`lock`, which is held.

        The first thread that ever appends one does so without the lock, which would take a third of
        the time, until another thread needs the ring for itself; then it queues like all others.
        It says that it is appending before it looks whether it still may, and is told that it may
        not before anybody looks whether it is appending: one of the two sees the other.
        """
        if self._favourite and self._favourite != get_ident():
            self._favourite = _NOBODY
            while self._is_appending:
                time.sleep(0)

    def count(self, *, calls: int = 0, failures: int = 0, dropped: int = 0) -> None:
        """Raise the other counters, in one step."""
        without_call, failed, lost = self._others
        self._commit(self._rows, (without_call - calls, failed + failures, lost + dropped))

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

    def release(self, rows: int, opened_unix_s: float) -> None:
        """Give the place of all rows below position ``rows`` free: a batch holds them now.

        Args:
            rows: Not above the rows that there are. It may be lower than before, to take rows back
                that were given free, if they have not been overwritten.
            opened_unix_s: When the oldest row that is left was observed, at the earliest.
        """
        self.released = max(rows, self._rows - self.rows)
        self._end = self.released + self.rows
        self._header[_RELEASED] = self.released
        self._times[_OPENED] = opened_unix_s

    def renew(self) -> None:
        """Begin anew under another identifier, with nothing in it."""
        begin_header(self._header, _MAGIC, self._words)
        self._recall()

    def close(self) -> None:
        """Let go of the file, which stays."""
        self.exclude_others()
        self._favourite = _NOBODY
        self._end = 0
        del self._table, self._backs
        self._numbers.release()
        self._header.release()
        self._times.release()
        self._map.close()

    @staticmethod
    def id_at(path: Path) -> str | None:
        """Return the identifier of the ring in a file; ``None`` if there is none."""
        return id_in_file(path, _MAGIC)

    def _recall(self) -> None:
        header = self._header
        self._turn = header[_TURN]
        self._place_of_rows = begin = _COUNTERS[self._turn & 1]
        self._rows, *others = _FOUR_WORDS.unpack_from(self._map, 8 * begin)
        self._others = (others[0], others[1], others[2])
        self.released = header[_RELEASED]
        self._end = self.released + self.rows
        if not 0 <= self.free <= self.rows:  # no crash leaves that: the file was tampered with
            self.renew()

    def _commit(self, rows: int, others: tuple[int, int, int]) -> None:
        turn = self._turn + 1
        begin = _COUNTERS[turn & 1]
        _FOUR_WORDS.pack_into(self._map, 8 * begin, rows, *others)
        self._header[_TURN] = turn  # from here on they count
        self._turn = turn
        self._place_of_rows = begin
        self._rows = rows
        self._others = others

    def _take(self, row: memoryview) -> int:
        number = self._rows
        room = self._end - number
        if room <= 0:
            return 0
        if number == self.released:  # it is the only one that waits
            self._times[_OPENED] = time.time()
        size = self._row_bytes
        begin = HEADER_BYTES + number % self.rows * size
        self._map[begin : begin + size] = row
        self._header[self._place_of_rows] = self._rows = number + 1  # now it counts
        return room

    def _write(self, parts: "Parts", place: int, count: int) -> None:
        rows = self._table[place : place + count]
        column = 0
        for part in parts:
            if isinstance(part, float):
                if count > 1:
                    rows[1:, column] = math.nan
                rows[0, column] = part
                column += 1
            elif part.ndim == 1:
                rows[:, column] = part
                column += 1
            else:
                end = column + part.shape[1]
                rows[:, column:end] = part
                column = end


def rows_of(parts: "Parts", first: int, last: int) -> "Parts":
    """Return the rows from ``first`` up to ``last`` of what is appended."""
    return [
        (part if first == 0 else math.nan) if isinstance(part, float) else part[first:last]
        for part in parts
    ]
