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
first (windows get longer, nothing is lost). Only when that does not help the oldest batch is
dropped, and its rows are reported as lost.
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
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
from edge_contract.messages import BootAck, TelemetryBatch, WindowEntry, encode

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


@dataclass(slots=True)
class _Kept:
    """One batch and what has happened to it."""

    batch: TelemetryBatch
    size_bytes: int
    saved: bool = False
    maybe_sent: bool = False
    deadline_s: float | None = None  # in flight until then
    sends: int = 0


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
        self._refused_saves: list[SaveBatches] = []
        self._connected = False
        self._listening = True
        self.lost_rows = 0
        """Rows dropped for want of room that no batch has reported yet."""

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def size_bytes(self) -> int:
        """Encoded size of all batches."""
        return sum(kept.size_bytes for kept in self._kept.values())

    @property
    def wake_at_s(self) -> float | None:
        """When :meth:`on_timer` is due; ``None`` for never."""
        return min(
            (kept.deadline_s for kept in self._kept.values() if kept.deadline_s is not None),
            default=None,
        )

    # Inputs. Each returns the effects to carry out.

    def add(self, batches: Sequence[TelemetryBatch], marks: RingMarks) -> list[Effect]:
        """Take over closed batches; they are sent once :meth:`on_saved` says that they are durable.

        Raises:
            UsageError: A batch was added before.
            MessageError: A batch is too large to be sent.
        """
        for batch in batches:
            if batch.batch_id in self._kept:
                raise UsageError(f"batch {batch.batch_id} is in the outbox; names never repeat")
            self._kept[batch.batch_id] = _Kept(batch, len(encode(batch)))
        return [SaveBatches(tuple(batches), marks), *self._shrink()]

    def on_saved(self, save: SaveBatches, now_s: float) -> list[Effect]:
        """Batches are durable: they may be sent."""
        for batch in save.batches:
            kept = self._kept.get(batch.batch_id)
            if kept is not None:
                kept.saved = True
        return self.send_due(now_s)

    def on_save_failed(self, save: SaveBatches) -> None:
        """The store refused batches: keep them here, unsent, until :meth:`retry_saves`."""
        self._refused_saves.append(save)

    def retry_saves(self) -> list[Effect]:
        """Try again to save what the store refused, in the same order."""
        refused, self._refused_saves = self._refused_saves, []
        return [*refused]

    def on_connected(self, now_s: float) -> list[Effect]:
        """The link is up: send what waits.

        Whether the collector listens is not known any more. It is believed to, because a broker
        that has just started may never deliver the retained message that says so.
        """
        self._connected = True
        self._listening = True
        return self.send_due(now_s)

    def on_disconnected(self) -> None:
        """The link is lost: whatever was in flight may be lost too."""
        self._connected = False
        for kept in self._kept.values():
            kept.deadline_s = None
            kept.sends = 0

    def on_collector(self, now_s: float, *, listening: bool) -> list[Effect]:
        """The collector says whether it listens; hold back while it does not."""
        self._listening = listening
        return self.send_due(now_s)

    def on_ack(self, acks: Sequence[BootAck], now_s: float) -> list[Effect]:
        """The collector has merged some batches. Acks repeat and come late; that is fine."""
        done = tuple(
            batch_id for batch_id in self._kept if any(ack.covers(batch_id) for ack in acks)
        )
        for batch_id in done:
            del self._kept[batch_id]
        effects: list[Effect] = [DeleteBatches(done)] if done else []
        return [*effects, *self.send_due(now_s)]

    def on_timer(self, now_s: float) -> list[Effect]:
        """Time has passed: send again what was not acknowledged in time."""
        for kept in self._kept.values():
            if kept.deadline_s is not None and kept.deadline_s <= now_s:
                kept.deadline_s = None
        return self.send_due(now_s)

    def send_due(self, now_s: float) -> list[Effect]:
        """Send what may be sent now, oldest first."""
        if not (self._connected and self._listening):
            return []
        in_flight = sum(kept.deadline_s is not None for kept in self._kept.values())
        waiting = [k for k in self._kept.values() if k.saved and k.deadline_s is None]
        effects: list[Effect] = []
        for kept in waiting[: max(self._config.max_in_flight - in_flight, 0)]:
            kept.deadline_s = now_s + self._timeout_s(kept.sends)
            kept.sends += 1
            kept.maybe_sent = True
            effects.append(PublishBatch(kept.batch))
        return effects

    # Decisions.

    def _timeout_s(self, sends: int) -> float:
        doubled = self._config.ack_timeout_s * 2.0 ** min(sends, 20)
        return min(doubled, self._config.max_ack_timeout_s) * (1.0 + self._config.jitter / 2)

    def _shrink(self) -> list[Effect]:
        """Bring the outbox below its bound: merge first, drop last."""
        effects: list[Effect] = []
        while self.size_bytes > self._config.max_bytes and len(self._kept) > 1:
            pair = self._coarsest_pair()
            effects += self._coarsened(*pair) if pair is not None else self._dropped_oldest()
        return effects

    def _coarsest_pair(self) -> tuple[_Kept, _Kept] | None:
        """Return the two oldest neighbours that were never sent and fit into one message."""
        fresh = [k for k in self._kept.values() if not k.maybe_sent and k.saved]
        for older, newer in itertools.pairwise(fresh):
            follows = newer.batch.batch_id.seq - newer.batch.span == older.batch.batch_id.seq
            if follows and self._joined(older, newer) is not None:
                return older, newer
        return None

    def _joined(self, older: _Kept, newer: _Kept) -> tuple[TelemetryBatch, int] | None:
        joined = replace(
            newer.batch,
            entries=self._merge((*older.batch.entries, *newer.batch.entries)),
            span=older.batch.span + newer.batch.span,
            lost_rows=older.batch.lost_rows + newer.batch.lost_rows,
        )
        try:
            size_bytes = len(encode(joined))
        except MessageError:  # together they are too large for one message
            return None
        gained = size_bytes < older.size_bytes + newer.size_bytes
        return (joined, size_bytes) if gained else None

    def _coarsened(self, older: _Kept, newer: _Kept) -> list[Effect]:
        result = self._joined(older, newer)
        if result is None:
            return []
        joined, size_bytes = result
        replaced = (older.batch.batch_id, newer.batch.batch_id)
        kept = dict(self._kept)
        self._kept = {}
        for batch_id, one in kept.items():
            if batch_id == older.batch.batch_id:  # the merged batch takes the older one's place
                self._kept[joined.batch_id] = _Kept(joined, size_bytes)
            elif batch_id not in replaced:
                self._kept[batch_id] = one
        return [SaveBatches((joined,), replaces=replaced)]

    def _dropped_oldest(self) -> list[Effect]:
        batch_id, kept = next(iter(self._kept.items()))
        del self._kept[batch_id]
        rows = sum(e.counters.rows for e in kept.batch.entries) + kept.batch.lost_rows
        self.lost_rows += rows
        return [
            DeleteBatches((batch_id,)),
            Log(
                "warning",
                f"outbox is full ({self._config.max_bytes} bytes): dropped the statistics of "
                f"{rows} rows in batch {batch_id.boot}/{batch_id.seq}; raise the outbox's size or "
                "bring the device online",
            ),
        ]
