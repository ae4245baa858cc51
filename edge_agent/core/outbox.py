"""The outbox: which telemetry batch to send, when, and when to forget it.

Sans-IO: no sockets, files, clocks or threads here. Every input method takes ``now_s``, a monotonic
time in seconds, and returns the effects to carry out, in that order. The same code runs under the
threads of a device and the event loop of a browser tab.

Life of one batch::

    add ---> UNSAVED ---> QUEUED ---send---> IN FLIGHT ---ack---> forgotten
               |  ^          ^                  |
               +--+          +-- timeout, or ---+
            save failed         link lost

Together with the collector, which merges each number once, this gives exactly-once merging over a
link that loses, repeats and reorders: the outbox gives "at least once", the name gives "at most
once". Only a saved batch is sent: otherwise a crash after its merge would count its rows again.

When the outbox grows past its bounds, batches that were never sent are merged into one, oldest
first (windows get longer, nothing is lost). Only when that does not help statistics are forgotten,
oldest first, and the next batch says how many rows they were of.
"""

import heapq
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from edge_agent.core.effects import (
    DeleteBatches,
    Effect,
    Log,
    PublishBatch,
    RingMarks,
    SaveBatches,
)
from edge_contract.errors import MessageError, UsageError
from edge_contract.messages import BatchId, BootAck, TelemetryBatch, WindowEntry, encode

__all__ = ["Outbox", "OutboxConfig"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxConfig:
    """Limits of the outbox. Units are in the names.

    Attributes:
        max_in_flight: Batches sent and not acknowledged at one time.
        ack_timeout_s: How long to wait for an acknowledgement before sending again; doubles with
            each repetition up to ``max_ack_timeout_s``.
        max_ack_timeout_s: The longest such wait.
        max_bytes: Encoded size of all batches together.
        jitter: From 0 to 1, unlike on other devices: spreads repetitions of a whole fleet.
    """

    max_in_flight: int = 8
    ack_timeout_s: float = 10.0
    max_ack_timeout_s: float = 300.0
    max_bytes: int = 32_000_000
    jitter: float = 0.0

    def __post_init__(self) -> None:
        if self.max_in_flight < 1:
            raise UsageError(f"max_in_flight must be at least 1, got {self.max_in_flight}")
        if not 0 < self.ack_timeout_s <= self.max_ack_timeout_s:
            raise UsageError(
                f"ack_timeout_s must be above 0 and at most max_ack_timeout_s, "
                f"got {self.ack_timeout_s} and {self.max_ack_timeout_s}"
            )
        if self.max_bytes < 1:
            raise UsageError(f"max_bytes must be at least 1, got {self.max_bytes}")

    def wait_s(self, sends: int) -> float:
        """Return how long to wait for an acknowledgement after so many times of sending."""
        doubled = self.ack_timeout_s * 2.0 ** min(sends - 1, 20)
        return min(doubled, self.max_ack_timeout_s) * (1.0 + self.jitter / 2)


@dataclass(slots=True)
class _Kept:
    """One batch and what has happened to it."""

    batch: TelemetryBatch
    size_bytes: int
    saved: bool = False
    maybe_sent: bool = False
    mergeable: bool = True  # with the next one; until that was tried in vain
    sends: int = 0  # since the link came up
    in_flight_until_s: float = 0.0  # takes one of the places in flight until then
    rests_until_s: float = 0.0  # not sent again before

    @property
    def rows(self) -> int:
        return self.batch.lost_rows + sum(entry.counters.rows for entry in self.batch.entries)

    def hold_back(self) -> None:
        """Begin anew: nobody is there who could acknowledge it."""
        self.sends = 0
        self.in_flight_until_s = self.rests_until_s = 0.0


class Outbox:
    """Batches that the collector has not acknowledged yet, oldest first.

    Args:
        config: Limits, see :class:`OutboxConfig`.
        merge: Merges the entries of two batches into as few as it can.
        restored: Batches found in the durable store at start, in any order.
    """

    def __init__(
        self,
        config: OutboxConfig,
        merge: Callable[[Sequence[WindowEntry]], tuple[WindowEntry, ...]],
        restored: Iterable[TelemetryBatch] = (),
    ) -> None:
        self._config = config
        self._merge = merge
        self._kept = {
            batch.batch_id: _Kept(batch, len(encode(batch)), saved=True, maybe_sent=True)
            for batch in sorted(restored, key=lambda batch: batch.batch_id)
        }
        self._unsaved_marks: dict[str, tuple[int, ...]] = {}
        self._unsaved_replaces: dict[BatchId, None] = {}
        self._connected = False
        self._listening = True
        self._wake_at_s: float | None = None

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def size_bytes(self) -> int:
        """Encoded size of all batches."""
        return sum(kept.size_bytes for kept in self._kept.values())

    @property
    def wake_at_s(self) -> float | None:
        """When :meth:`on_timer` is due; ``None`` for never."""
        return self._wake_at_s

    # Inputs. Each returns the effects to carry out.

    def add(self, batches: Sequence[TelemetryBatch], marks: RingMarks) -> list[Effect]:
        """Take over closed batches; they are sent once :meth:`on_saved` says that they are durable.

        Raises:
            UsageError: A batch was added before.
            MessageError: A batch is too large to be sent.
        """
        new = {batch.batch_id: _Kept(batch, len(encode(batch))) for batch in batches}
        for batch_id in new.keys() & self._kept.keys():
            raise UsageError(f"batch {batch_id} is in the outbox; names never repeat")
        self._kept |= new
        self._unsaved_marks |= marks
        logs = self._shrink() if new else []
        return [*self.save_due(), *logs]

    def save_due(self) -> list[Effect]:
        """Ask for everything that is not durable yet, in one transaction.

        What the store refused before is always in it: if marks were saved without the batches that
        cover them, a crash would lose rows, and marks that came too late would count rows twice.
        """
        unsaved = tuple(kept.batch for kept in self._kept.values() if not kept.saved)
        if not unsaved and not self._unsaved_marks and not self._unsaved_replaces:
            return []
        return [SaveBatches(unsaved, dict(self._unsaved_marks), tuple(self._unsaved_replaces))]

    def on_saved(self, save: SaveBatches, now_s: float) -> list[Effect]:
        """Batches are durable: they may be sent."""
        for batch in save.batches:
            kept = self._kept.get(batch.batch_id)
            if kept is not None and kept.batch == batch:
                kept.saved = True
        for ring, mark in save.marks.items():
            if self._unsaved_marks.get(ring) == mark:
                del self._unsaved_marks[ring]
        for batch_id in save.replaces:
            self._unsaved_replaces.pop(batch_id, None)
        return self._send_due(now_s)

    def on_connected(self, now_s: float) -> list[Effect]:
        """The link is up: send what waits."""
        self._connected = True
        return self._send_due(now_s)

    def on_disconnected(self) -> None:
        """The link is lost: whatever was in flight may be lost too."""
        self._connected = False
        self._hold_back()

    def on_collector(self, now_s: float, *, listening: bool) -> list[Effect]:
        """The collector says whether it listens; hold back while it does not."""
        self._listening = listening
        if not listening:
            self._hold_back()
        return self._send_due(now_s)

    def on_ack(self, acks: Sequence[BootAck], now_s: float) -> list[Effect]:
        """The collector has merged some batches. Acks repeat and come late; that is fine."""
        done = tuple(
            batch_id for batch_id in self._kept if any(ack.covers(batch_id) for ack in acks)
        )
        for batch_id in done:
            del self._kept[batch_id]
        effects: list[Effect] = [DeleteBatches(done)] if done else []
        return [*effects, *self._send_due(now_s)]

    def on_timer(self, now_s: float) -> list[Effect]:
        """Time has passed: send again what was not acknowledged in time."""
        return self._send_due(now_s)

    # Sending.

    def _send_due(self, now_s: float) -> list[Effect]:
        """Send what may be sent now: what was sent least often first, then the oldest.

        So a batch that the collector cannot take (its package is not in the registry yet) never
        stands in the way of the others.
        """
        self._wake_at_s = None
        if not (self._connected and self._listening):
            return []
        kept = [kept for kept in self._kept.values() if kept.saved]
        in_flight = sum(one.in_flight_until_s > now_s for one in kept)
        due = [one for one in kept if one.rests_until_s <= now_s]
        free = max(self._config.max_in_flight - in_flight, 0)
        sent = heapq.nsmallest(free, due, key=lambda one: one.sends)
        for one in sent:
            one.maybe_sent = True
            one.sends += 1
            one.in_flight_until_s = now_s + self._config.wait_s(1)
            one.rests_until_s = now_s + self._config.wait_s(one.sends)
        times = [one.rests_until_s for one in kept if one.rests_until_s > now_s]
        if len(sent) < len(due):  # the next one goes as soon as there is a place
            times += [one.in_flight_until_s for one in kept if one.in_flight_until_s > now_s]
        self._wake_at_s = min(times, default=None)
        return [PublishBatch(one.batch) for one in sent]

    def _hold_back(self) -> None:
        self._wake_at_s = None
        for kept in self._kept.values():
            kept.hold_back()

    # Staying within bounds.

    def _shrink(self) -> list[Effect]:
        """Bring the outbox below its bound: merge first, forget last."""
        effects: list[Effect] = []
        while self.size_bytes > self._config.max_bytes and len(self._kept) > 1:
            if not self._coarsen():
                effects.append(self._forget_oldest())
        return effects

    def _neighbours(self) -> Iterator[tuple[_Kept, _Kept]]:
        """Yield batches that were never sent and have adjacent numbers, oldest first."""
        fresh = [kept for kept in self._kept.values() if not kept.maybe_sent]
        for older, newer in itertools.pairwise(fresh):
            if _are_adjacent(older, newer):
                yield older, newer

    def _coarsen(self) -> bool:
        """Merge the two oldest neighbours that fit into one message; return whether there were."""
        for older, newer in self._neighbours():
            if not older.mergeable:
                continue
            lost_rows = older.batch.lost_rows + newer.batch.lost_rows
            try:
                entries = self._merge((*older.batch.entries, *newer.batch.entries))
                joined = _joined(older, newer, entries=entries, lost_rows=lost_rows)
            except MessageError:  # together they are too large for one message
                older.mergeable = False
                continue
            self._replace(older, newer, joined)
            return True
        return False

    def _forget_oldest(self) -> Effect:
        """Forget the statistics of one batch; the next one reports its rows as lost.

        Those that were never sent go first: nobody can say whether the others have been merged.
        """
        pair = next(self._neighbours(), None)
        if pair is None:
            kept = list(self._kept.values())
            pair = kept[0], kept[-1]
        older, newer = pair
        entries, forgotten = newer.batch.entries, older.rows
        lost_rows = forgotten + newer.batch.lost_rows
        try:
            joined = _joined(older, newer, entries=entries, lost_rows=lost_rows)
        except MessageError:  # the newer one has no room for the larger numbers
            forgotten = older.rows + newer.rows
            joined = _joined(older, newer, entries=(), lost_rows=forgotten)
        joined.mergeable = newer.mergeable
        self._replace(older, newer, joined)
        return Log(
            "warning",
            f"outbox is full ({self._config.max_bytes} bytes): forgot the statistics of "
            f"{forgotten} rows; raise the outbox's size or bring the device online",
        )

    def _replace(self, older: _Kept, newer: _Kept, joined: _Kept) -> None:
        """Put one batch in the place of two; it takes the number of the newer one."""
        kept: Mapping[BatchId, _Kept] = self._kept
        self._kept = {}
        for batch_id, one in kept.items():
            if one is newer:
                self._kept[batch_id] = joined
            elif one is not older:
                self._kept[batch_id] = one
        stored = [one.batch.batch_id for one in (older, newer) if one.saved]
        self._unsaved_replaces |= dict.fromkeys(stored)


def _joined(
    older: _Kept, newer: _Kept, *, entries: tuple[WindowEntry, ...], lost_rows: int
) -> _Kept:
    """Return the newer batch standing for the older one too; raises ``MessageError``."""
    span = newer.batch.span + (older.batch.span if _are_adjacent(older, newer) else 0)
    batch = replace(newer.batch, entries=entries, span=span, lost_rows=lost_rows)
    return _Kept(batch, len(encode(batch)))


def _are_adjacent(older: _Kept, newer: _Kept) -> bool:
    last = newer.batch.batch_id
    return older.batch.batch_id == last._replace(seq=last.seq - newer.batch.span)
