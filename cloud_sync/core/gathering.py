"""What has been merged since the last commit, in memory."""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeVar

from cloud_sync.core.collector_config import CollectorConfig
from cloud_sync.core.counting import Counting, PlainCounting, ProfileSum
from cloud_sync.core.increments import (
    Commit,
    DeviceIncrement,
    DeviceWindow,
    FleetWindow,
    Increment,
    Life,
    PendingKey,
    Tally,
)
from cloud_sync.core.intake import CheckedWindow, RefusalKind
from cloud_sync.core.seen import Marks, SeenBatches
from cloud_sync.core.segments import Segment
from cloud_sync.core.volume_cap import VolumeCap
from edge_contract.messages import Acks, BootAck, Counters
from edge_contract.messages.topics import shard_of

__all__ = ["Gathering"]

_Key = TypeVar("_Key", bound=Hashable)


class _PieceKey(NamedTuple):
    """What is merged as it comes: everything else is a sum of these."""

    window: FleetWindow
    segments: tuple[Segment, ...]
    stratum: str | None


class _Total:
    """What several windows add up to, so far."""

    __slots__ = ("_counters", "_profile")

    def __init__(self, profile: ProfileSum) -> None:
        self._profile = profile
        self._counters = Counters()

    def add(self, window: CheckedWindow) -> None:
        self._counters = self._counters.plus(window.counters)
        self._profile.add(window.state)

    @property
    def increment(self) -> Increment:
        return Increment(self._counters, self._profile.profile())


class Gathering:
    """Increments that no commit holds yet.

    Args:
        config: Lengths of windows.
        counting: Adds profiles up.
        cap: Says which windows alarms take; ``None`` for all.

    Attributes:
        batches: Merged batches in it.
        lives: Lives that it says anything about.
    """

    def __init__(
        self,
        config: CollectorConfig,
        counting: Counting | None = None,
        cap: VolumeCap | None = None,
    ) -> None:
        self._config = config
        self._counting = counting or PlainCounting()
        self._cap = cap
        self._pieces: dict[_PieceKey, _Total] = {}
        self._device_windows: dict[DeviceWindow, DeviceIncrement] = {}
        self._marked: set[Life] = set()
        self._repeated = self._lost_rows = self._misdated = self._unjudged = 0
        self._refused: Counter[str] = Counter()
        self._heard_unix_s = 0.0
        self.lives: set[Life] = set()
        self.batches = 0

    def __bool__(self) -> bool:
        """Whether there is anything to write or to acknowledge."""
        return bool(self.lives or self._refused)

    def add(
        self,
        life: Life,
        windows: Iterable[CheckedWindow],
        *,
        segments: tuple[Segment, ...],
        judged: bool,
        lost_rows: int,
        now_unix_s: float,
    ) -> None:
        """Merge a batch of a device that is in some segments now, for alarms or without them."""
        self.skip(life)
        self.batches += 1
        self._heard_unix_s = max(self._heard_unix_s, now_unix_s)
        self._lost_rows += lost_rows
        for window in windows:
            filed = window if judged else replace(window, stratum=None)
            self._file(life.device, filed, segments=segments, now_unix_s=now_unix_s)

    def skip(self, life: Life) -> None:
        """Note that a life's marks have changed."""
        self._marked.add(life)
        self.lives.add(life)

    def repeat(self, life: Life) -> None:
        """Note a batch that was merged before: its acknowledgement may have been lost."""
        self._repeated += 1
        self.lives.add(life)

    def refuse(self, kind: RefusalKind) -> None:
        """Note a refusal."""
        self._refused[kind.value] += 1

    def commit(
        self, lives: Mapping[Life, SeenBatches], leases: Mapping[int, int] | None = None
    ) -> Commit:
        """Return everything as one commit, with marks as they stand now.

        Args:
            lives: Marks of every life that was merged.
            leases: Number of the lease by shard; ``None`` where there is one collector.
        """
        marks = {life: lives[life].marks for life in sorted(self.lives)}
        pieces = {key: total.increment for key, total in self._pieces.items()}
        return Commit(
            windows=_sums((key.window, piece) for key, piece in pieces.items()),
            device_windows=self._device_windows,
            pending=self._pending(pieces),
            marks={life: found for life, found in marks.items() if life in self._marked},
            tally=Tally(
                self.batches, self._repeated, self._lost_rows, self._misdated, self._unjudged
            ),
            refused=dict(self._refused),
            acks=_acks(marks),
            window_s=self._config.window_s,
            device_window_s=self._config.device_window_s,
            at_unix_s=self._heard_unix_s,
            leases=_needed(leases, marks) if leases is not None else {},
        )

    def _file(
        self,
        device: str,
        window: CheckedWindow,
        *,
        segments: tuple[Segment, ...],
        now_unix_s: float,
    ) -> None:
        start_unix_s, stratum = window.start_unix_s, window.stratum
        if not self._is_dated(window, now_unix_s):
            self._misdated += 1
            start_unix_s = now_unix_s
            stratum = None if stratum else stratum  # nobody knows when its rows were seen
        start_unix_s = min(start_unix_s, now_unix_s)
        fleet = FleetWindow(window.subject, _aligned(start_unix_s, self._config.window_s))
        if stratum is not None and self._cap is not None and window.counters.rows:
            at, rows = _aligned(now_unix_s, self._config.window_s), window.counters.rows
            if not self._cap.takes(device, window.subject, at_unix_s=at, rows=rows):
                stratum = None
        if stratum is None:
            self._unjudged += 1
        key = _PieceKey(fleet, segments, stratum)
        total = self._pieces.get(key)
        if total is None:
            total = self._pieces[key] = _Total(self._counting.sum(window.spec))
        total.add(window)

        begins_unix_s = _aligned(start_unix_s, self._config.device_window_s)
        own = DeviceWindow(device, window.subject, begins_unix_s)
        piece = DeviceIncrement(window.counters, window.spec, (window.piece,))
        known = self._device_windows.get(own)
        self._device_windows[own] = known.merged(piece) if known else piece

    def _is_dated(self, window: CheckedWindow, now_unix_s: float) -> bool:
        """A device's clock may be wrong: it has no battery, or nobody ever set it."""
        age_s = now_unix_s - window.end_unix_s
        return -self._config.max_future_s <= age_s <= self._config.max_age_s

    def _pending(self, pieces: Mapping[_PieceKey, Increment]) -> dict[PendingKey, Increment]:
        return _sums(
            (PendingKey(key.window.subject, key.segments, key.stratum), piece)
            for key, piece in pieces.items()
            if key.stratum is not None and key.window.subject.role in self._config.analysed_roles
        )


def _sums(pieces: Iterable[tuple[_Key, Increment]]) -> dict[_Key, Increment]:
    sums: dict[_Key, Increment] = {}
    for key, piece in pieces:
        _add(sums, key, piece)
    return sums


def _add(sums: dict[_Key, Increment], key: _Key, piece: Increment) -> None:
    before = sums.get(key)
    sums[key] = before.merged(piece) if before else piece


def _aligned(unix_s: float, length_s: int) -> int:
    return int(unix_s // length_s) * length_s


def _needed(leases: Mapping[int, int], marks: Iterable[Life]) -> dict[int, int]:
    shards = {shard_of(life.device) for life in marks}
    return {shard: leases[shard] for shard in sorted(shards)}


def _acks(marks: Mapping[Life, Marks]) -> Sequence[tuple[str, Acks]]:
    boots: dict[str, list[BootAck]] = {}
    for life, found in marks.items():
        boots.setdefault(life.device, []).append(found.ack(life.boot))
    return tuple((device, Acks(tuple(acks))) for device, acks in boots.items())
