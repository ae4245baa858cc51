"""Calls of many rows of one package, from the call to whoever counts them."""

import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from edge_agent.adapters.block_log import BlockLog, BlockMark

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_agent.adapters.block_rows import BlockRows
    from edge_agent.adapters.numpy_sketches import Block

__all__ = ["BlockStream", "Waiting"]

_FULL_WAIT_S: Final = 2.0
_IDLE_S: Final = 60.0


class Waiting(NamedTuple):
    """Calls that have not been counted.

    Attributes:
        blocks: Their rows; to be counted before they are released.
        ring_id: Names the counters of the log.
        mark: Behind the last of them.
        rows: How many rows these are.
        calls: Of how many calls.
        lost: Rows that had been overwritten when their batches were lost.
        opened_unix_s: When the first call was made.
    """

    blocks: "Iterator[Block]"
    ring_id: str
    mark: BlockMark
    rows: int
    calls: int
    lost: int
    opened_unix_s: float


class BlockStream:
    """Any thread may put calls in; one collects them.

    Args:
        rows: How a call is laid out.
        opened: Makes or takes up the log, and says how far it is in batches already; called once,
            when the first call comes.
    """

    def __init__(self, rows: "BlockRows", opened: Callable[[], tuple[BlockLog, BlockMark]]) -> None:
        self.rows = rows
        self._opened = opened
        self._lock = threading.Lock()
        self._room = threading.Condition(self._lock)
        self._log: BlockLog | None = None
        self._taken = BlockMark()
        self._used_s = 0.0
        self._is_stuck = False
        self._is_open = True

    def open(self) -> BlockLog:
        """Return the log, taken up or made if it has not been; raises ``UnavailableError``."""
        if self._log is None:
            log, taken = self._opened()
            if log.take_back(taken):
                self._taken = taken
            else:
                self._taken = taken._replace(written=0)
            self._log = log
        return self._log

    def has_room(self, rows: int) -> bool:
        """Return whether a call of so many rows would not wait."""
        log = self._log
        return log is None or log.has_room(rows * self.rows.row_bytes)

    def put(
        self,
        arrays: "Sequence[NDArray[np.generic]]",
        count: int,
        latency_us: float,
        wake: Callable[[], None],
    ) -> tuple[int, int] | None:
        """Add the rows of one call, in parts if they are too many, when there is room for them.

        Where waiting for room was in vain once, it is not tried again until room was made: a disk
        that is out of order must not hold up predictions.

        Args:
            arrays: The call's input and outputs, each ``count`` long.
            count: How many rows.
            latency_us: How long the model took.
            wake: Asks for rows to be collected soon, because the log fills up.

        Returns:
            ``None`` if all found room; else how many rows did not, and how many calls if none of
            their rows did.

        Raises:
            UnavailableError: The log cannot be made.
        """
        with self._lock:
            if not self._is_open:
                return None
            log = self._log or self.open()
            now_s = time.time()
            try:
                is_in = log.append(arrays, count, at_unix_s=now_s, latency_us=latency_us)
            except ValueError:  # one is not contiguous, which to ask first takes longer
                arrays = [np.ascontiguousarray(array) for array in arrays]
                is_in = log.append(arrays, count, at_unix_s=now_s, latency_us=latency_us)
            if not is_in:
                return self._put_later(log, arrays, count, now_s, latency_us, wake)
            if log.is_half_full:
                wake()
            return None

    def mark(self) -> BlockMark:
        """Return everything that was ever put in."""
        with self._lock:
            return BlockMark() if self._log is None else self._log.mark

    def waiting(self) -> Waiting | None:
        """Return what was put in since the last :meth:`take`; ``None`` if that is nothing."""
        with self._lock:
            log, before = self._log, self._taken
            if log is None:
                return None
            mark = log.mark
            lost = log.rows_lost(before)
            if mark == before:
                if time.monotonic() - self._used_s > _IDLE_S:
                    log.shrink()
                return None
            self._used_s = time.monotonic()
            first = next(log.read(before, mark), None)
        return Waiting(
            blocks=self.rows.blocks(log.read(before, mark)),
            ring_id=log.ring_id,
            mark=mark,
            rows=mark.rows - before.rows - lost,
            calls=mark.calls - before.calls,
            lost=lost,
            opened_unix_s=0.0 if first is None else first.at_unix_s,
        )

    def take(self, mark: BlockMark) -> None:
        """Everything up to a mark has been counted."""
        self._taken = mark

    def release(self, marks: Mapping[str, tuple[int, ...]]) -> None:
        """What these marks reach is in a batch: its place is free."""
        with self._lock:
            log = self._log
            mark = None if log is None or not self._is_open else marks.get(log.ring_id)
            if log is not None and mark is not None:
                log.release(BlockMark(*mark))
                self._is_stuck = False
                self._room.notify_all()

    def close(self) -> None:
        """Let go of the log for good; what is put in afterwards is not kept."""
        with self._lock:
            self._is_open = False
            self._room.notify_all()
            if self._log is not None:
                self._log.close()
                self._log = None

    def _is_over(self, log: BlockLog, size: int) -> bool:
        """Return whether a wait for so much room is over; with 0, whether all is."""
        return not self._is_open or (size > 0 and log.has_room(size))

    def _put_later(
        self,
        log: BlockLog,
        arrays: "Sequence[NDArray[np.generic]]",
        count: int,
        at_unix_s: float,
        latency_us: float,
        wake: Callable[[], None],
    ) -> tuple[int, int] | None:
        step = max(min(count, log.largest_bytes // (2 * self.rows.row_bytes)), 1)
        dropped, calls = 0, 1
        for first in range(0, count, step):
            last = min(first + step, count)
            part = [array[first:last] for array in arrays]
            size = (last - first) * self.rows.row_bytes
            wake()
            if self._is_open and not self._is_stuck:
                self._is_stuck = not self._room.wait_for(
                    partial(self._is_over, log, size), _FULL_WAIT_S
                )
            if self._is_over(log, 0):
                return None
            if log.append(
                part, last - first, at_unix_s=at_unix_s, latency_us=latency_us, calls=calls
            ):
                calls, latency_us = 0, math.nan
            else:
                dropped += last - first
        return (dropped, calls) if dropped else None
