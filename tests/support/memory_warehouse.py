"""A warehouse in memory: keeps the promises of ``cloud_sync.ports.Warehouse``, survives nothing."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from cloud_sync.core.facts import CohortStatistics
from cloud_sync.core.increments import (
    AnalysisSubject,
    Commit,
    DeviceRole,
    DeviceWindow,
    FleetWindow,
    Increment,
    Life,
    PackageRole,
    PendingKey,
    StatePiece,
    Tally,
)
from cloud_sync.core.intake import state_of_message
from cloud_sync.core.pending import Analysis, Pending
from cloud_sync.core.records import (
    AlarmRecord,
    DetectorRecord,
    EvidencePoint,
)
from cloud_sync.core.seen import Marks
from cloud_sync.core.segments import Segment
from cloud_sync.core.shards import CollectorId
from cloud_sync.ports import Erased, SpecLookup, Totals
from edge_contract.messages import Counters
from edge_contract.reading import JsonValue
from edge_contract.stats import Profile, ProfileSpec
from tests.support.memory_leases import MemoryLeases
from tests.support.memory_records import MemoryRecords, copied
from tests.support.memory_samples import MemoryLedger

__all__ = ["MemoryWarehouse"]

_DAY_S = 86_400.0
K = TypeVar("K")
V = TypeVar("V")
W = TypeVar("W", FleetWindow, DeviceWindow)


class MemoryWarehouse(MemoryRecords, MemoryLeases, MemoryLedger):
    """Implements ``Warehouse``."""

    def __init__(self) -> None:
        super().__init__()
        MemoryLeases.__init__(self)
        MemoryLedger.__init__(self, self.commit, self._check_opened)
        self._windows: dict[FleetWindow, Increment] = {}
        self._device_windows: dict[DeviceWindow, Increment] = {}
        self._device_totals: dict[DeviceRole, Counters] = {}
        self._marks: dict[Life, Marks] = {}
        self._heard: dict[str, float] = {}
        self._tally = Tally()
        self._refused: Counter[str] = Counter()
        self._pending: dict[int, tuple[PendingKey, Increment]] = {}
        self._last_pending = 0
        self._detectors: dict[tuple[PackageRole, Segment], DetectorRecord] = {}
        self._alarms: dict[str, AlarmRecord] = {}
        self._points: dict[tuple[PackageRole, Segment], dict[int, EvidencePoint]] = {}

    # Statistics.

    def commit(self, commit: Commit, *, collector: CollectorId | None = None) -> None:
        """See ``StatisticsStore``."""
        with self.opened():
            if commit.leases:
                self.require(collector, commit.leases)
            for window, increment in commit.windows.items():
                _add(self._windows, window, increment)
            for own, piece in commit.device_windows.items():
                for state in map(_state_of, piece.pieces):
                    _add(self._device_windows, own, Increment(Counters(), piece.spec.decode(state)))
                counted = Increment(piece.counters, piece.spec.empty())
                _add(self._device_windows, own, counted)
            for key, pending in commit.pending.items():
                self._last_pending += 1
                self._pending[self._last_pending] = (key, pending)
            for who, counters in commit.totals.items():
                self._device_totals[who] = self._device_totals.get(who, Counters()).plus(counters)
            self._marks.update(commit.marks)
            self._heard.update({life.device: commit.at_unix_s for life in commit.marks})
            self._tally = self._tally.plus(commit.tally)
            self._refused.update(commit.refused)

    def marks(self, life: Life) -> Marks:
        """See ``StatisticsStore``."""
        with self.opened():
            return self._marks.get(life, Marks())

    def heard_since(self, unix_s: float) -> dict[str, float]:
        """See ``StatisticsStore``."""
        with self.opened():
            return {device: heard for device, heard in self._heard.items() if heard >= unix_s}

    def cohort(
        self,
        subject: PackageRole,
        spec: ProfileSpec,
        *,
        devices: frozenset[str] | None = None,
        since_unix_s: float = 0.0,
        until_unix_s: float | None = None,
    ) -> CohortStatistics:
        """See ``StatisticsStore``."""

        def is_meant(window: FleetWindow | DeviceWindow) -> bool:
            is_early = until_unix_s is None or window.start_unix_s < until_unix_s
            return window.subject == subject and since_unix_s <= window.start_unix_s and is_early

        with self.opened():
            own = {window: one for window, one in self._device_windows.items() if is_meant(window)}
            if devices is not None:
                own = {window: one for window, one in own.items() if window.device in devices}
                total = _sum(own.values(), spec)
            else:
                total = _sum((one for w, one in self._windows.items() if is_meant(w)), spec)
            return CohortStatistics(
                total.counters, total.profile, len({window.device for window in own})
            )

    def by_device(
        self,
        subject: PackageRole,
        spec: ProfileSpec,
        *,
        since_unix_s: float = 0.0,
        columns: Collection[int] | None = None,
    ) -> dict[str, CohortStatistics]:
        """See ``StatisticsStore``."""
        with self.opened():
            names = {w.device for w in self._device_windows if w.subject == subject}
            found = {
                name: self.cohort(
                    subject, spec, devices=frozenset({name}), since_unix_s=since_unix_s
                )
                for name in sorted(names)
            }
        return {
            name: replace(one, profile=_only(one.profile, columns))
            for name, one in found.items()
            if one.devices
        }

    def totals(self) -> Totals:
        """See ``StatisticsStore``."""
        with self.opened():
            by_role: dict[str, Counters] = {}
            for who, counters in self._device_totals.items():
                role = who.subject.role
                by_role[role] = by_role.get(role, Counters()).plus(counters)
            return Totals(self._tally, dict(self._refused), by_role)

    def device_totals(self, devices: Collection[str] | None = None) -> dict[DeviceRole, Counters]:
        """See ``StatisticsStore``."""
        with self.opened():
            return {
                who: counters
                for who, counters in self._device_totals.items()
                if devices is None or who.device in devices
            }

    def roll_up(
        self,
        specs: SpecLookup,
        *,
        before_unix_s: float,
        span_s: int,
        since_unix_s: float = 0.0,
        limit: int = 1000,
    ) -> int:
        """See ``Warehouse``."""
        span = since_unix_s, before_unix_s
        with self.opened():
            made = _rolled(self._windows, specs, span, span_s, limit)
            return made + _rolled(self._device_windows, specs, span, span_s, limit - made)

    def prune(self, *, windows_before_unix_s: float, device_windows_before_unix_s: float) -> int:
        """See ``Warehouse``."""
        with self.opened():
            return _forget(
                self._windows, lambda window: window.start_unix_s < windows_before_unix_s
            ) + _forget(
                self._device_windows,
                lambda window: window.start_unix_s < device_windows_before_unix_s,
            )

    def erase_device(self, device: str) -> Erased:
        """See ``ErasureStore``."""
        answers = self.forget_device(device)
        with self.opened():
            windows = _forget(self._device_windows, lambda window: window.device == device)
            _forget(self._device_totals, lambda who: who.device == device)
        return Erased(windows, answers)

    # Analysis.

    def pending_subjects(self) -> list[PackageRole]:
        """See ``AnalysisStore``."""
        with self.opened():
            return sorted({key.subject for key, _ in self._pending.values()})

    def pending(self, subject: PackageRole, spec: ProfileSpec) -> Pending | None:
        """See ``AnalysisStore``."""
        with self.opened():
            groups: dict[PendingKey, Increment] = {}
            numbers: set[int] = set()
            for number, (key, increment) in self._pending.items():
                if key.subject == subject:
                    _add(groups, key, increment)
                    numbers.add(number)
            return Pending(groups, frozenset(numbers)) if groups else None

    def detectors(self, subject: PackageRole) -> dict[Segment, DetectorRecord]:
        """See ``AnalysisStore``."""
        with self.opened():
            return {
                segment: replace(record, state=copied(record.state))
                for (of, segment), record in self._detectors.items()
                if of == subject
            }

    def commit_analysis(self, subject: PackageRole, analysis: Analysis) -> None:
        """See ``AnalysisStore``."""
        with self.opened():
            for segment, state in analysis.detectors.items():
                record = DetectorRecord(copied(state), analysis.at_unix_s)
                self._detectors[subject, segment] = record
            for segment in analysis.retired:
                self._detectors.pop((subject, segment), None)
            for alarm in analysis.alarms:
                self._alarms[alarm.alarm_id] = replace(alarm, document=copied(alarm.document))
            for segment, point in analysis.points.items():
                minute = int(point.at_unix_s // 60)
                self._points.setdefault((subject, segment), {})[minute] = point
            for number in analysis.token:
                self._pending.pop(number, None)

    def evidence_history(
        self, subject: AnalysisSubject, *, since_unix_s: float = 0.0
    ) -> list[EvidencePoint]:
        """See ``AnalysisStore``."""
        with self.opened():
            key = PackageRole(subject.package, subject.role), subject.segment
            points = self._points.get(key, {})
            found = [points[minute] for minute in sorted(points)]
            return [point for point in found if point.at_unix_s >= since_unix_s]

    def thin_evidence(self, now_unix_s: float) -> int:
        """See ``AnalysisStore``."""
        with self.opened():
            return sum(_thinned(points, now_unix_s) for points in self._points.values())

    def alarms(self, *, model: str = "", limit: int = 100) -> list[AlarmRecord]:
        """See ``AnalysisStore``."""
        with self.opened():
            mine = [alarm for alarm in self._alarms.values() if model in ("", alarm.model)]
            mine.sort(key=lambda alarm: (alarm.raised_unix_s, alarm.alarm_id), reverse=True)
            return mine[:limit]


def _add(sums: dict[K, Increment], key: K, increment: Increment) -> None:
    before = sums.get(key)
    sums[key] = increment if before is None else before.merged(increment)


def _sum(increments: Iterable[Increment], spec: ProfileSpec) -> Increment:
    total = Increment(Counters(), spec.empty())
    for increment in increments:
        total = total.merged(increment)
    return total


def _state_of(piece: StatePiece) -> Mapping[int, JsonValue]:
    return state_of_message(piece) if isinstance(piece, bytes) else piece


def _rolled(
    windows: dict[W, Increment],
    specs: SpecLookup,
    span: tuple[float, float],
    span_s: int,
    limit: int,
) -> int:
    """Merge windows; one that begins where a longer one must is taken for it."""
    made: set[W] = set()
    for window in sorted(windows):
        start_unix_s = window.start_unix_s - window.start_unix_s % span_s
        new = window._replace(start_unix_s=start_unix_s)
        if not span[0] <= window.start_unix_s < span[1] or specs(window.subject) is None:
            continue
        if new == window or (new not in made and len(made) == limit):
            continue
        made.add(new)
        _add(windows, new, windows.pop(window))
    return len(made)


def _only(profile: Profile, columns: Collection[int] | None) -> Profile:
    if columns is None:
        return profile
    state = {i: found for i, found in profile.to_state().items() if i in columns}
    return profile.spec.decode(state)


def _forget(windows: dict[K, V], is_old: Callable[[K], bool]) -> int:
    old = [window for window in windows if is_old(window)]
    for window in old:
        del windows[window]
    return len(old)


def _thinned(points: dict[int, EvidencePoint], now_unix_s: float) -> int:
    before = len(points)
    oldest = int((now_unix_s - 90 * _DAY_S) // 60)
    whole_hours = int((now_unix_s - 2 * _DAY_S) // 3600)
    worst: dict[int, int] = {}
    for minute in sorted(points):
        best = worst.setdefault(minute // 60, minute)
        if points[minute].peak > points[best].peak:
            worst[minute // 60] = minute
    for minute in list(points):
        is_one_too_many = minute // 60 < whole_hours and worst[minute // 60] != minute
        if minute < oldest or is_one_too_many:
            del points[minute]
    return before - len(points)
