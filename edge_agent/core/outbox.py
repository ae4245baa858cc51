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

It stays within its bounds as :mod:`edge_agent.core.kept_batches` says.
"""

import heapq
from collections.abc import Iterable, Sequence

from edge_agent.core.effects import (
    DeleteBatches,
    Effect,
    Log,
    PublishBatch,
    RingMarks,
    SaveBatches,
)
from edge_agent.core.kept_batches import Kept, KeptBatches, Merge, StoredBatch
from edge_contract.errors import MessageError, UsageError
from edge_contract.messages import BatchId, BootAck, TelemetryBatch
from edge_contract.records import dataclass

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


class Outbox:
    """Batches that the collector has not acknowledged yet, oldest first.

    Args:
        config: Limits, see :class:`OutboxConfig`.
        merge: Merges the entries of two batches into as few as it can, see :data:`Merge`.
        restored: Batches found in the durable store at start, in any order.
        unsent_since: The first life since which none was ever sent; ``None`` if nobody knows: then
            the restored ones are not merged.
    """

    def __init__(
        self,
        config: OutboxConfig,
        merge: Merge,
        restored: Iterable[TelemetryBatch | StoredBatch] = (),
        unsent_since: int | None = None,
    ) -> None:
        self._config = config
        self._kept = KeptBatches(merge, restored, unsent_since)
        self._unsaved_marks: dict[str, tuple[int, ...]] = {}
        self._connected = False
        self._listening = True
        self._wake_at_s: float | None = None
        self._told_of_merging = False

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def size_bytes(self) -> int:
        """Encoded size of all batches."""
        return self._kept.size_bytes

    @property
    def latest_boot(self) -> int:
        """The latest life that it holds batches of; -1 if it holds none."""
        return max((kept.batch_id.boot for kept in self._kept), default=-1)

    @property
    def wake_at_s(self) -> float | None:
        """When :meth:`on_timer` is due; ``None`` for never."""
        return self._wake_at_s

    def message_of(self, batch_id: BatchId) -> bytes | None:
        """Return a batch as it is sent; ``None`` if it is not here."""
        return self._kept.message_of(batch_id)

    # Inputs. Each returns the effects to carry out.

    def add(
        self,
        batches: Sequence[TelemetryBatch],
        marks: RingMarks,
        *,
        messages: Sequence[bytes] = (),
    ) -> list[Effect]:
        """Take over closed batches; they are sent once :meth:`on_saved` says that they are durable.

        Args:
            batches: Closed batches.
            marks: Up to where they cover the rings.
            messages: The batches as they are sent, if somebody has written them already.

        Raises:
            UsageError: A batch was added before.
            MessageError: A batch is too large to be sent.
        """
        self._kept.add(batches, messages)
        self._unsaved_marks |= marks
        merges = self._kept.merges
        forgotten = self._kept.shrink(self._config.max_bytes) if batches else 0
        logs = self._complaint(forgotten)
        if self._kept.merges > merges and not self._told_of_merging:
            self._told_of_merging = True
            text = (
                f"outbox is full ({self._config.max_bytes} bytes): from now on its oldest windows "
                "are merged into longer ones; nothing is lost"
            )
            logs.append(Log("warning", text))
        return [*self.save_due(), *logs]

    def save_due(self) -> list[Effect]:
        """Ask for everything that is not durable yet, in one transaction.

        What the store refused before is always in it: if marks were saved without the batches that
        cover them, a crash would lose rows, and marks that came too late would count rows twice.
        """
        unsaved = tuple(kept.batch for kept in self._kept if not kept.saved)
        if not unsaved and not self._unsaved_marks and not self._kept.replaced:
            return []
        return [SaveBatches(unsaved, dict(self._unsaved_marks), tuple(self._kept.replaced))]

    def on_saved(self, save: SaveBatches, now_s: float) -> list[Effect]:
        """Batches are durable: they may be sent."""
        self._kept.on_saved(save.batches, save.replaces)
        for ring, mark in save.marks.items():
            if self._unsaved_marks.get(ring) == mark:
                del self._unsaved_marks[ring]
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
        names = [kept.batch_id for kept in self._kept]
        done = tuple(name for name in names if any(ack.covers(name) for ack in acks))
        self._kept.remove(done)
        if not self._kept:
            self._told_of_merging = False
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
        kept = [kept for kept in self._kept if kept.saved]
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
        return self._published(sent)

    def _published(self, sent: Iterable[Kept]) -> list[Effect]:
        """Return how to send batches; one that an earlier version stored in another form goes."""
        effects: list[Effect] = []
        for one in sent:
            try:
                one.require_readable()
            except MessageError as error:
                self._kept.remove([one.batch_id])
                text = f"forgot batch {one.batch_id}, which cannot be read: {error}"
                effects += [DeleteBatches((one.batch_id,)), Log("warning", text)]
            else:
                effects.append(PublishBatch(one.batch_id, one.message))
        return effects

    def _hold_back(self) -> None:
        self._wake_at_s = None
        for kept in self._kept:
            kept.hold_back()

    def _complaint(self, forgotten: int) -> list[Effect]:
        if not forgotten:
            return []
        text = (
            f"outbox is full ({self._config.max_bytes} bytes): forgot the statistics of "
            f"{forgotten} rows; raise the outbox's size or bring the device online"
        )
        return [Log("warning", text)]
