"""Kept batches: what the outbox holds, and how it becomes less when there is too much.

Batches that were never sent are merged, oldest first: windows get longer, nothing is lost. Only
when that does not help statistics are forgotten, oldest first, and the next batch says how many
rows they were of.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeAlias

from edge_contract.errors import MessageError, UsageError
from edge_contract.messages import BatchId, TelemetryBatch, WindowEntry, decode, encode

__all__ = ["Kept", "KeptBatches", "Merge", "StoredBatch"]

Merge: TypeAlias = Callable[[Sequence[WindowEntry]], tuple[WindowEntry, ...]]
"""Merges the entries of two batches into as few as it can; raises ``MessageError`` if it cannot."""


class StoredBatch(NamedTuple):
    """A batch as it lies in the store, to be read when it is needed.

    Attributes:
        batch_id: Its name.
        message: As it is sent.
    """

    batch_id: BatchId
    message: bytes


class Kept:
    """One batch and what has happened to it.

    Held as the message that is sent, because a batch takes ten times as much memory; once it is
    durable only the few that are looked at are batches at any time.

    Attributes:
        batch_id: Its name.
        saved: Whether it is durable.
        maybe_sent: Whether the collector may have seen it.
        mergeable: Whether it may be merged with the next one; until that was tried in vain.
        sends: How often it was sent since the link came up.
        in_flight_until_s: Takes one of the places in flight until then.
        rests_until_s: It is not sent again before.
    """

    __slots__ = (
        "_batch",
        "_is_readable",
        "_message",
        "_span",
        "batch_id",
        "in_flight_until_s",
        "maybe_sent",
        "mergeable",
        "rests_until_s",
        "saved",
        "sends",
    )

    def __init__(
        self,
        found: "TelemetryBatch | StoredBatch",
        *,
        message: bytes = b"",
        saved: bool = False,
        sent: bool = False,
    ) -> None:
        match found:
            case StoredBatch():
                self._batch: TelemetryBatch | None = None
                self._message = found.message
                self._span: int | None = None
                self._is_readable = False
            case _:
                self._batch = None if saved else found
                self._message = message or encode(found)
                self._span = found.span
                self._is_readable = True
        self.batch_id = found.batch_id
        self.saved = saved
        self.maybe_sent = sent
        self.mergeable = True
        self.sends = 0
        self.hold_back()

    @property
    def message(self) -> bytes:
        """The batch as it is sent."""
        return self._message

    def require_readable(self) -> None:
        """Raise ``MessageError`` if another version of the agent stored what nobody can read."""
        if not self._is_readable:
            self._is_readable = bool(self.batch)

    @property
    def size_bytes(self) -> int:
        """Of the message."""
        return len(self._message)

    @property
    def span(self) -> int:
        """How many numbers it stands for."""
        if self._span is None:
            self._span = self.batch.span
        return self._span

    @property
    def rows(self) -> int:
        """Rows that its statistics are of."""
        return sum(entry.counters.rows for entry in self.batch.entries)

    @property
    def batch(self) -> TelemetryBatch:
        """The batch itself; raises ``MessageError`` if another version of the agent stored it."""
        if self._batch is not None:
            return self._batch
        found = decode(self._message)
        if not isinstance(found, TelemetryBatch):
            raise MessageError(f"message of batch {self.batch_id} is a {type(found).__name__}")
        return found

    def on_saved(self, batch: TelemetryBatch) -> None:
        """Note that ``batch`` is durable, if that is still what is held here."""
        if self._batch == batch:
            self.saved = True
            self._batch = None

    def hold_back(self) -> None:
        """Begin anew: nobody is there who could acknowledge it."""
        self.sends = 0
        self.in_flight_until_s = self.rests_until_s = 0.0


class KeptBatches:
    """Batches by rising name.

    Args:
        merge: See :data:`Merge`.
        restored: Batches found in the durable store at start, in any order.
        unsent_since: The first life since which none was ever sent; ``None`` if nobody knows.

    Attributes:
        replaced: Stored batches that others stand for since :meth:`on_saved`.
        merges: How often two batches became one.
    """

    def __init__(
        self,
        merge: Merge,
        restored: Iterable[TelemetryBatch | StoredBatch],
        unsent_since: int | None = None,
    ) -> None:
        self._merge = merge
        found = (  # one after the other, to save memory
            Kept(
                batch,
                saved=True,
                sent=unsent_since is None or batch.batch_id.boot < unsent_since,
            )
            for batch in restored
        )
        self._kept = {kept.batch_id: kept for kept in sorted(found, key=lambda kept: kept.batch_id)}
        self.replaced: dict[BatchId, None] = {}
        self.merges = 0

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[Kept]:
        """The oldest first."""
        return iter(self._kept.values())

    def message_of(self, batch_id: BatchId) -> bytes | None:
        """Return a batch as it is sent; ``None`` if it is not here."""
        kept = self._kept.get(batch_id)
        return None if kept is None else kept.message

    @property
    def size_bytes(self) -> int:
        """Encoded size of all batches."""
        return sum(kept.size_bytes for kept in self)

    def add(self, batches: Sequence[TelemetryBatch], messages: Sequence[bytes] = ()) -> None:
        """Keep new batches; ``messages`` are the same as they are sent, if they were written.

        Raises:
            UsageError: A batch was added before.
            MessageError: A batch is too large to be sent.
        """
        written = messages or [encode(batch) for batch in batches]
        new = {
            batch.batch_id: Kept(batch, message=message)
            for batch, message in zip(batches, written, strict=True)
        }
        for batch_id in new.keys() & self._kept.keys():
            raise UsageError(f"batch {batch_id} is in the outbox; names never repeat")
        self._kept |= new

    def on_saved(self, batches: Iterable[TelemetryBatch], replaced: Iterable[BatchId]) -> None:
        """Note what is durable."""
        for batch in batches:
            kept = self._kept.get(batch.batch_id)
            if kept is not None:
                kept.on_saved(batch)
        for batch_id in replaced:
            self.replaced.pop(batch_id, None)

    def remove(self, batch_ids: Iterable[BatchId]) -> None:
        """Forget batches."""
        for batch_id in batch_ids:
            del self._kept[batch_id]

    def shrink(self, max_bytes: int) -> int:
        """Bring the size below a bound, if more than one batch is left.

        Call it when a batch was added that was never sent.

        Returns:
            How many rows had their statistics forgotten.
        """
        forgotten = 0
        while self.size_bytes > max_bytes and len(self) > 1:
            forgotten += 0 if self._coarsen() else self._forget_oldest()
        return forgotten

    def _neighbours(self) -> Iterator[tuple[Kept, Kept]]:
        """Yield batches that were never sent and have adjacent numbers, oldest first."""
        fresh = [kept for kept in self if not kept.maybe_sent]
        for older, newer in itertools.pairwise(fresh):
            if _are_adjacent(older, newer):
                yield older, newer

    def _coarsen(self) -> bool:
        """Merge the two oldest neighbours that fit into one message; return whether there were."""
        for older, newer in self._neighbours():
            if not older.mergeable:
                continue
            first, second = older.batch, newer.batch
            lost_rows = first.lost_rows + second.lost_rows
            try:
                entries = self._merge((*first.entries, *second.entries))
                joined = _joined(older, newer, entries=entries, lost_rows=lost_rows)
            except MessageError:  # together they are too large for one message
                older.mergeable = False
                continue
            self._replace(older, newer, joined)
            self.merges += 1
            return True
        return False

    def _forget_oldest(self) -> int:
        """Forget the statistics of one batch; the next one reports its rows as lost.

        Those that were never sent go first: nobody can say whether the others have been merged.
        """
        pair = next(self._neighbours(), None)
        if pair is None:
            kept = list(self)
            pair = kept[0], kept[-1]
        older, newer = pair
        entries, lost_rows = newer.batch.entries, newer.batch.lost_rows
        try:
            lost_rows, forgotten = lost_rows + older.batch.lost_rows, older.rows
        except MessageError:  # another version stored it, and nobody can say what it held
            forgotten = 0
        try:
            joined = _joined(older, newer, entries=entries, lost_rows=lost_rows + forgotten)
        except MessageError:  # the newer one has no room for the larger numbers
            forgotten += newer.rows
            joined = _joined(older, newer, entries=(), lost_rows=lost_rows + forgotten)
        joined.mergeable = newer.mergeable
        self._replace(older, newer, joined)
        return forgotten

    def _replace(self, older: Kept, newer: Kept, joined: Kept) -> None:
        """Put one batch in the place of two; it takes the number of the newer one."""
        before = self._kept
        self._kept = {}
        for batch_id, one in before.items():
            if one is newer:
                self._kept[batch_id] = joined
            elif one is not older:
                self._kept[batch_id] = one
        stored = [one.batch_id for one in (older, newer) if one.saved]
        self.replaced |= dict.fromkeys(stored)


def _joined(older: Kept, newer: Kept, *, entries: tuple[WindowEntry, ...], lost_rows: int) -> Kept:
    """Return the newer batch standing for the older one too; raises ``MessageError``."""
    span = newer.span + (older.span if _are_adjacent(older, newer) else 0)
    return Kept(replace(newer.batch, entries=entries, span=span, lost_rows=lost_rows))


def _are_adjacent(older: Kept, newer: Kept) -> bool:
    last = newer.batch_id
    return older.batch_id == last._replace(seq=last.seq - newer.span)
