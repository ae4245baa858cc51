"""A stream: the rows of one package in one role, from the call that saw them to a window entry."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from edge_agent.adapters.block_stream import BlockStream
from edge_agent.adapters.ring import Ring, RingMark, rows_of
from edge_contract.messages import Counters, WindowEntry
from edge_contract.messages.telemetry import LATEST_UNIX_S
from edge_contract.stats import Profile, ProfileSpec

if TYPE_CHECKING:
    from edge_agent.adapters.numpy_counting import BlockCounter
    from edge_agent.adapters.ring import Parts

__all__ = ["Collected", "Stream"]

_FULL_WAIT_S: Final = 2.0


class Collected(NamedTuple):
    """What was counted, and the marks that say how far, by ring."""

    entry: WindowEntry
    marks: Mapping[str, tuple[int, ...]]


class Stream:
    """The rows of one package in one role. Any thread may put rows in; one collects them.

    Args:
        digest: Of the package.
        role: One of :class:`edge_contract.package.Role`.
        spec: What is counted.
        counter: Makes what counts blocks of rows, when there are any.
        ring: Where rows wait.
        taken: How far they are in batches already; not above what the ring has counted.
        blocks: Where calls of many rows wait; ``None`` if the ring takes them too.
    """

    def __init__(
        self,
        digest: str,
        role: str,
        *,
        spec: ProfileSpec,
        counter: "Callable[[], BlockCounter]",
        ring: Ring,
        taken: RingMark,
        blocks: BlockStream | None = None,
    ) -> None:
        self.digest = digest
        self.role = role
        self.ring = ring
        self.blocks = blocks
        self._spec = spec
        self._make_counter = counter
        self._made_counter: BlockCounter | None = None
        self._taken = taken
        self._taken_unix_s = ring.opened_unix_s
        self._lock = ring.lock
        self._room = threading.Condition(self._lock)
        self.append_call = ring.append_call
        """Adds the row of a call of one row: see :meth:`Ring.append_call`."""
        self.append_row = ring.append_row
        """The same for a row that is put together already: see :meth:`Ring.append_row`."""
        self.enough = ring.rows // 2
        """Above so much room nobody has to be woken."""
        self._stuck = False
        self._open = True
        # An earlier life may have given rows free whose batches were in its memory only. They are
        # here again unless they were overwritten, and must not be from now on.
        ring.release(taken.rows, ring.opened_unix_s)

    def put(
        self,
        parts: "Parts",
        count: int,
        at_unix_s: float,
        *,
        wake: Callable[[], None],
        calls: int = 1,
    ) -> None:
        """Add the rows of ``calls`` calls, in one step if there is room for all of them.

        Otherwise they are added in parts, after a wait for room if that was not in vain before.
        What finds no room is counted as dropped: predictions matter more.

        Args:
            parts: See :meth:`Ring.append`.
            count: How many rows.
            at_unix_s: Now.
            wake: Asks for rows to be collected soon, because the ring fills up.
            calls: Are counted with the first rows.
        """
        ring = self.ring
        with self._lock:
            ring.exclude_others()
            free = ring.free
            fits = self._open and free >= count
            if fits:
                ring.append(parts, count, at_unix_s, calls=calls)
        if 2 * (free - count) < ring.rows:
            wake()
        if fits:
            return
        step = ring.rows // 2
        for first in range(0, count, step):
            wake()
            last = min(first + step, count)
            some = rows_of(parts, first, last)
            self._put_later(some, last - first, at_unix_s, calls if first == 0 else 0)

    def lay_out_calls(self, features: int) -> None:
        """Say how many features a row has, before the first :attr:`append_call`."""
        self.ring.lay_out_calls(features)

    def after_call(self, room: int, parts: "Parts", wake: Callable[[], None]) -> None:
        """Make room, and put in the row of a call if :attr:`append_call` found none for it.

        Args:
            room: What ``append_call`` returned; there is nothing to do above :attr:`enough`.
            parts: The row, as :meth:`put` takes it.
            wake: Asks for rows to be collected soon.
        """
        if room:
            wake()
        else:
            self.put(parts, 1, time.time(), wake=wake)

    def offer(self, parts: "Parts", count: int, at_unix_s: float) -> None:
        """Add the rows of a call if there is room, and count them as dropped if there is none."""
        with self._lock:
            self.ring.exclude_others()
            if self._open and self.ring.free >= count:
                self.ring.append(parts, count, at_unix_s, calls=1)
            elif self._open:
                self.ring.count(dropped=count)

    def count(self, *, calls: int = 0, failures: int = 0, dropped: int = 0) -> None:
        """Count what has no row."""
        with self._lock:
            self.ring.exclude_others()
            if self._open:
                self.ring.count(calls=calls, failures=failures, dropped=dropped)

    def has_room(self, rows: int) -> bool:
        """Return whether a call of so many rows would not wait for others to be counted."""
        if rows > 1 and self.blocks is not None:
            return self.blocks.has_room(rows)
        return self.ring.free >= rows

    def mark(self) -> RingMark:
        """Return everything that was ever counted."""
        with self._lock:
            mark = self.ring.mark
        if self.blocks is None:
            return mark
        _, rows, calls = self.blocks.mark()
        return mark._replace(rows=mark.rows + rows, calls=mark.calls + calls)

    def collect(self, at_unix_s: float) -> "Collected | None":
        """Return what was counted since the last time; ``None`` if that is nothing."""
        ring, before = self.ring, self._taken
        with self._lock:
            mark, opened_unix_s = ring.mark, ring.opened_unix_s
        waiting = None if self.blocks is None else self.blocks.waiting()
        if mark == before and waiting is None:
            return None
        first = max(before.rows, ring.released)
        profile: Profile = self._spec.empty()
        for rows in ring.read(first, mark.rows):
            profile = profile.merged(self._counter.count(rows))
        counters = Counters(
            rows=mark.rows - first,
            calls=mark.calls - before.calls,
            failures=mark.failures - before.failures,
            dropped=mark.dropped - before.dropped + first - before.rows,
        )
        marks: dict[str, tuple[int, ...]] = {ring.ring_id: tuple(mark)}
        if waiting is not None:
            for block in waiting.blocks:
                profile = profile.merged(self._counter.count_columns(block))
            counters = Counters(
                rows=counters.rows + waiting.rows,
                calls=counters.calls + waiting.calls,
                failures=counters.failures,
                dropped=counters.dropped + waiting.lost,
            )
            marks[waiting.ring_id] = tuple(waiting.mark)
            if mark.rows == first or waiting.opened_unix_s < opened_unix_s:
                opened_unix_s = waiting.opened_unix_s
        # A clock may say anything; what no window can have would be refused for ever.
        ended_unix_s = min(max(at_unix_s, 0.0), LATEST_UNIX_S)
        is_known = 0.0 < opened_unix_s < ended_unix_s
        entry = WindowEntry(
            package=self.digest,
            role=self.role,
            start_unix_s=round(opened_unix_s if is_known else ended_unix_s, 3),
            end_unix_s=round(ended_unix_s, 3),
            counters=counters,
            profile=profile.brief().to_state(),
        )
        self._taken, self._taken_unix_s = mark, at_unix_s
        if self.blocks is not None and waiting is not None:
            self.blocks.take(waiting.mark)
        return Collected(entry, marks)

    @property
    def _counter(self) -> "BlockCounter":
        if self._made_counter is None:
            self._made_counter = self._make_counter()
        return self._made_counter

    def release(self, marks: Mapping[str, tuple[int, ...]]) -> None:
        """Rows below these marks are in a batch: their place is free."""
        with self._lock:
            mark = marks.get(self.ring.ring_id) if self._open else None
            if mark is not None:
                self.ring.release(max(mark[0], self.ring.released), self._taken_unix_s)
                self._stuck = False
                self._room.notify_all()
        if self.blocks is not None:
            self.blocks.release(marks)

    def close(self) -> None:
        """Let go of the ring for good; what is put in afterwards is not counted."""
        with self._lock:
            self._open = False
            self._room.notify_all()
            self.ring.close()
        if self.blocks is not None:
            self.blocks.close()

    def _put_later(
        self,
        parts: "Parts",
        count: int,
        at_unix_s: float,
        calls: int,
    ) -> None:
        """Add rows as soon as they have room.

        Where waiting was in vain once, it is not tried again until room was made: a disk that is
        out of order must not hold up predictions.
        """
        ring = self.ring
        with self._lock:
            ring.exclude_others()
            if self._open and not self._stuck:
                has_room = self._room.wait_for(
                    lambda: not self._open or ring.free >= count, _FULL_WAIT_S
                )
                self._stuck = not has_room
                ring.exclude_others()  # the lock was free while this thread waited
            if self._open and ring.free >= count:
                ring.append(parts, count, at_unix_s, calls=calls)
            elif self._open:
                ring.count(calls=calls, dropped=count)
