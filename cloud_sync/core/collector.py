"""The collector: merges every telemetry batch exactly once.

Sans-IO. Batches are gathered in memory and leave as one :class:`Commit`, which the service writes
in one transaction; only then are devices told to forget them::

    on_telemetry ... on_telemetry -> take_commit -> (transaction) -> committed -> (publish acks)
                                          ^              |
                                          +--- failed <--+

Whatever dies in between, nothing was acknowledged that is not written, and what is written is
known by its marks when it comes again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from cloud_sync.core.collector_config import CollectorConfig
from cloud_sync.core.counting import PLAIN, Counting
from cloud_sync.core.gathering import Gathering
from cloud_sync.core.increments import Commit, Life
from cloud_sync.core.intake import (
    CheckedWindow,
    PackageLookup,
    Refusal,
    RefusalKind,
    UnknownPackageError,
    checked_windows,
    name_of,
    require_plausible,
    speaker_of,
)
from cloud_sync.core.seen import Arrival, Marks, SeenBatches
from cloud_sync.core.segments import Segment
from cloud_sync.core.volume_cap import VolumeCap
from edge_contract.errors import MessageError, UnavailableError, UsageError
from edge_contract.messages import Acks, BatchId, TelemetryBatch, decode
from edge_contract.messages.codec import Tools
from edge_contract.messages.topics import shard_of
from edge_contract.stats import ProfileSpec

__all__ = ["Collector", "CollectorConfig"]

MarksLookup: TypeAlias = Callable[[Life], Marks]
"""Finds which batches of a life have been merged; may raise ``UnavailableError``."""


@dataclass(slots=True)
class _Flight:
    """The commit that was taken, and whether the service is still at it."""

    commit: Commit
    is_pending: bool = True


class _RefusedError(Exception):
    """Ends the way of a batch through the collector."""

    def __init__(self, kind: RefusalKind, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason


class Collector:
    """Gathers telemetry. One thread at a time.

    Args:
        config: Lengths and limits.
        packages: Finds packages.
        marks: Finds what was merged of a life; asked once per life.
        is_known: Whether a device has announced itself; asked only without open enrolment.
        segments: Finds the segments that a device is in now, rising; none of a device that has not
            announced itself, whose counts then go to the whole fleet alone.
        adds_noise: Whether a device adds noise to its counts. They are merged like all others, but
            not judged by alarms: the noise cannot make counts negative, so it moves them all one
            way, which adds up over devices and windows to what a drift would look like.
        is_apart: Whether a device is in quarantine: what it sends waits on it.
        counting: Decodes, checks and adds up.
        cap: Bounds what alarms take from one device; ``None`` for nothing.
    """

    def __init__(  # noqa: PLR0913  all that decides about a batch
        self,
        config: CollectorConfig,
        *,
        packages: PackageLookup,
        marks: MarksLookup,
        is_known: Callable[[str], bool],
        segments: Callable[[str], tuple[Segment, ...]] = lambda _device: (),
        adds_noise: Callable[[str], bool] = lambda _device: False,
        is_apart: Callable[[str], bool] = lambda _device: False,
        counting: Counting = PLAIN,
        cap: VolumeCap | None = None,
    ) -> None:
        self._config = config
        self._packages = packages
        self._load_marks = marks
        self._is_known = is_known
        self._segments = segments
        self._adds_noise = adds_noise
        self._is_apart = is_apart
        self._lives: dict[Life, SeenBatches] = {}
        self._counting = counting
        self._cap = cap
        self._gathering = Gathering(config, counting, cap)
        self._flight: _Flight | None = None
        self._leases: Mapping[int, int] | None = None

    @property
    def is_full(self) -> bool:
        """Whether telemetry is refused until a commit succeeds; tell devices to hold back."""
        return self.room <= 0

    @property
    def room(self) -> int:
        """How many batches can be taken in before it is full."""
        return self._config.max_batches - self._gathering.batches

    def decoded(self, messages: Sequence[tuple[str, bytes]]) -> Sequence[TelemetryBatch | None]:
        """Decode and check topics and payloads of telemetry together: much quicker than by itself.

        Returns:
            For each what :meth:`on_telemetry` may be given along with it, in whatever order.
        """
        found: list[TelemetryBatch | None] = [None] * len(messages)
        places = [place for place, (topic, _) in enumerate(messages) if self._may_merge(topic)]
        batches = self._counting.decode_many(
            [messages[place][1] for place in places], self._spec_of
        )
        for place, batch in zip(places, batches, strict=True):
            found[place] = batch
        return found

    def on_telemetry(
        self,
        topic: str,
        payload: bytes,
        now_unix_s: float,
        *,
        decoded: TelemetryBatch | None = None,
    ) -> BatchId | Refusal:
        """Take in what came over a telemetry topic.

        Args:
            topic: Where it came.
            payload: What came.
            now_unix_s: The time.
            decoded: What :meth:`decoded` found in it.

        Returns:
            The name of the batch if it was merged, now or before; otherwise why not.
        """
        device = ""
        try:
            device = speaker_of(topic, "t")
            if self._leases is not None and shard_of(device) not in self._leases:
                return Refusal(RefusalKind.ELSEWHERE, device, "another collector merges its shard")
            return self._received(device, payload, now_unix_s, decoded)
        except MessageError as error:
            return self._refused(Refusal(RefusalKind.UNREADABLE, device, str(error)))
        except UnavailableError as error:
            return self._refused(Refusal(RefusalKind.BUSY, device, str(error)))
        except _RefusedError as refused:
            acknowledged = refused.kind is RefusalKind.INVALID
            return self._refused(Refusal(refused.kind, device, refused.reason, acknowledged))

    def refuse(self, kind: RefusalKind) -> None:
        """Count a message that was refused before it came here."""
        self._gathering.refuse(kind)

    def take_commit(self) -> Commit | None:
        """Return what is to be written now, or ``None``; then say how it went.

        What failed before is returned again, unchanged, before anything newer.

        Raises:
            UsageError: The last one's fate has not been told.
        """
        if self._flight is None:
            if not self._gathering:
                return None
            self._flight = _Flight(self._gathering.commit(self._lives, self._leases))
            self._gathering = Gathering(self._config, self._counting, self._cap)
        elif self._flight.is_pending:
            raise UsageError("a commit is under way: call committed() or failed() first")
        self._flight.is_pending = True
        return self._flight.commit

    def committed(self) -> Sequence[tuple[str, Acks]]:
        """The commit is written: return what devices may now forget. Losing an ack is fine."""
        commit = self._resolved().commit
        self._flight = None
        self._forget_idle_lives()
        return commit.acks

    def failed(self) -> None:
        """The commit was not written: nothing is acknowledged, all of it is kept."""
        self._resolved().is_pending = False

    def abandon(self) -> int:
        """Forget everything that is not written, and all marks, which others may change.

        Nothing of it was acknowledged: devices send it again, to whoever merges their shard then.

        Returns:
            How many batches those were.
        """
        batches = self._gathering.batches
        if self._flight is not None:
            batches += self._flight.commit.tally.batches
        self._flight = None
        self._gathering = Gathering(self._config, self._counting, self._cap)
        self._lives.clear()
        return batches

    def can_set_leases(self, leases: Mapping[int, int]) -> bool:
        """Whether nothing is gathered of a shard that these do not have, or have anew."""
        changed = self._changed(leases)
        gathered = set(self._gathering.lives)
        if self._flight is not None:
            gathered.update(self._flight.commit.marks)
        return not any(shard_of(life.device) in changed for life in gathered)

    def set_leases(self, leases: Mapping[int, int]) -> None:
        """Merge these shards from now on, under leases of these numbers, and no others.

        Raises:
            UsageError: See :meth:`can_set_leases`.
        """
        if not self.can_set_leases(leases):
            raise UsageError("something is gathered of a shard that is let go of: commit it first")
        changed = self._changed(leases)
        self._leases = dict(leases)
        if changed:
            self._lives = {
                life: seen
                for life, seen in self._lives.items()
                if shard_of(life.device) not in changed
            }

    # The way of a batch.

    def _may_merge(self, topic: str) -> bool:
        """Whether it is worth while to decode what came over a topic before anything else."""
        try:
            device = speaker_of(topic, "t")
        except MessageError:
            return False
        return (
            (self._leases is None or shard_of(device) in self._leases)
            and (self._config.open_enrolment or self._is_known(device))
            and not self._is_apart(device)
        )

    def _spec_of(self, digest: str, role: str) -> ProfileSpec | None:
        try:
            package = self._packages(digest)
        except UnavailableError:
            return None  # who asks again is told
        return None if package is None else package.specs[role]

    def _received(
        self, device: str, payload: bytes, now_unix_s: float, decoded: TelemetryBatch | None
    ) -> BatchId:
        if self.is_full:
            raise _RefusedError(RefusalKind.BUSY, "the collector has too much to write")
        if not self._config.open_enrolment and not self._is_known(device):
            raise _RefusedError(
                RefusalKind.UNKNOWN_DEVICE, f"device {device!r} has not announced itself"
            )
        if self._is_apart(device):
            raise _RefusedError(RefusalKind.QUARANTINED, f"device {device!r} is in quarantine")
        batch, fault = decoded, ""
        if batch is None:
            batch, fault = _decoded(payload, self._counting.tools)
        name = batch.batch_id
        if name.device != device:
            raise _RefusedError(
                RefusalKind.WRONG_DEVICE, f"device {device!r} sent a batch of {name.device!r}"
            )
        life = Life(device, name.boot)
        seen = self._seen(life)
        arrival = seen.arrival(name.seq, batch.span)
        if arrival is Arrival.REPEATED:
            self._gathering.repeat(life)
            return name
        if arrival is Arrival.OVERLAPPING:
            fault = f"batch {name} stands for {batch.span} numbers, some of them merged before"
        self._merge(batch, fault, payload=payload, now_unix_s=now_unix_s)
        return name

    def _merge(
        self, batch: TelemetryBatch, fault: str, *, payload: bytes, now_unix_s: float
    ) -> None:
        """Merge a new batch; one that can never be merged is marked as if it had been."""
        name = batch.batch_id
        life = Life(name.device, name.boot)
        windows: list[CheckedWindow] = []
        try:
            if not fault:
                windows = checked_windows(
                    batch, self._packages, payload=payload, counting=self._counting
                )
                require_plausible(windows, max_rows_per_s=self._config.max_rows_per_s)
        except UnknownPackageError as error:
            raise _RefusedError(RefusalKind.UNKNOWN_PACKAGE, str(error)) from error
        except MessageError as error:
            fault = str(error)
        self._lives[life].add(name.seq, batch.span)
        if fault:
            self._gathering.skip(life)
            raise _RefusedError(RefusalKind.INVALID, fault)
        self._gathering.add(
            life,
            windows,
            segments=self._segments(life.device),
            judged=not self._adds_noise(life.device),
            lost_rows=batch.lost_rows,
            now_unix_s=now_unix_s,
        )

    def _seen(self, life: Life) -> SeenBatches:
        """Return the marks of a life, the most recently used last."""
        seen = self._lives.pop(life, None)
        if seen is None:
            seen = SeenBatches.of(self._load_marks(life))
        self._lives[life] = seen
        return seen

    def _changed(self, leases: Mapping[int, int]) -> set[int]:
        """Return the shards that were ours and are no more, or only again."""
        before = self._leases or {}
        return {shard for shard, number in before.items() if leases.get(shard) != number}

    def _refused(self, refusal: Refusal) -> Refusal:
        self._gathering.refuse(refusal.kind)
        return refusal

    def _resolved(self) -> _Flight:
        if self._flight is None or not self._flight.is_pending:
            raise UsageError("no commit is under way: call take_commit() first")
        return self._flight

    def _forget_idle_lives(self) -> None:
        """Keep memory bounded; what is forgotten is loaded again when it is needed."""
        surplus = len(self._lives) - self._config.max_lives
        for life in list(self._lives)[: max(surplus, 0)]:
            if life not in self._gathering.lives:
                del self._lives[life]


def _decoded(payload: bytes, tools: Tools) -> tuple[TelemetryBatch, str]:
    """Return a batch and what is wrong with it; raises ``MessageError`` if it has no name."""
    try:
        message = decode(payload, tools)
    except MessageError as error:
        named = name_of(payload)
        if named is None:
            raise
        return named, str(error)
    if not isinstance(message, TelemetryBatch):
        raise MessageError(f"{message.kind!r} is no telemetry")
    return message, ""
