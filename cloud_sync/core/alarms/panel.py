"""The panel of a package: its detectors, of every kind and for every segment, in one role."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from cloud_sync.core.alarms.base import Cause, Detector, Finding
from cloud_sync.core.alarms.budget import AlarmBudget
from cloud_sync.core.alarms.kinds import KINDS, share_of
from cloud_sync.core.facts import PackageFacts
from cloud_sync.core.increments import Increment
from cloud_sync.core.records import DetectorRecord, EvidencePoint, SubjectReading
from cloud_sync.core.segments import WHOLE_FLEET, Segment
from edge_contract.errors import MessageError
from edge_contract.reading import JsonObject, Reader

__all__ = ["Panel"]

_MINUTE_S: Final = 60.0
_DIGITS: Final = 4


@dataclass(slots=True)
class _Station:
    """The detectors of one segment.

    Attributes:
        detectors: By kind.
        seen_unix_s: When they last saw any counts.
        alarms: Which alarm was raised about a subject that still drifts, by kind and subject.
        point_minute: The last minute of which a point of evidence was kept.
    """

    detectors: dict[str, Detector]
    seen_unix_s: float
    alarms: dict[tuple[str, str], str] = field(default_factory=dict)
    point_minute: int = -1

    def to_state(self) -> JsonObject:
        return {
            "kinds": {kind: detector.to_state() for kind, detector in self.detectors.items()},
            "alarms": [[*cause, alarm_id] for cause, alarm_id in sorted(self.alarms.items())],
        }


class Panel:
    """Detectors of one package in one role: for the whole fleet, and for each segment.

    Args:
        package: What is watched.
        role: In which role.
        records: What :attr:`states` was saved as; empty to begin.

    Raises:
        MessageError: A record holds no such state.

    Attributes:
        package: What is watched.
        role: In which role.
    """

    def __init__(
        self, package: PackageFacts, role: str, records: Mapping[Segment, DetectorRecord]
    ) -> None:
        self.package = package
        self.role = role
        self._budget = AlarmBudget()
        self._stations = {segment: self._restored(record) for segment, record in records.items()}

    @property
    def seen_unix_s(self) -> float:
        """When any counts came last."""
        return max((station.seen_unix_s for station in self._stations.values()), default=0.0)

    @property
    def segments(self) -> list[Segment]:
        """The segments that have detectors, the whole fleet first."""
        return sorted(self._stations)

    def observe(
        self, increments: Mapping[Segment, Mapping[str, Increment]], now_unix_s: float
    ) -> dict[Cause, Finding]:
        """Take in counts that were never taken in before, by segment and stratum.

        Returns:
            What drifted and had not been raised yet: segment by segment, the whole fleet first, and
            the strongest evidence first in each.
        """
        for segment in increments.keys() - self._stations.keys():
            self._stations[segment] = _Station(self._made({}), now_unix_s)
        self._share_out()
        found: dict[Cause, Finding] = {}
        for segment in sorted(increments):
            station = self._stations[segment]
            station.seen_unix_s = max(now_unix_s, station.seen_unix_s)
            for kind, detector in station.detectors.items():
                for stratum, increment in _largest_first(increments[segment]):
                    for finding in detector.observe(increment.profile, now_unix_s, stratum=stratum):
                        found[Cause(segment, kind, finding.subject)] = finding
        return found

    def retire(self, before_unix_s: float) -> list[Segment]:
        """Forget segments that have seen nothing since; return which. They free their budget."""
        idle = [
            segment
            for segment, station in self._stations.items()
            if station.seen_unix_s < before_unix_s and segment != WHOLE_FLEET
        ]
        for segment in idle:
            del self._stations[segment]
        return idle

    def set_budget(self, budget: AlarmBudget) -> None:
        """Say what the package's detectors share from now on."""
        self._budget = budget
        self._share_out()

    @property
    def granted_per_month(self) -> float:
        """False alarms a month that all these detectors together may raise."""
        return sum(self.granted_to(segment) for segment in self._stations)

    def granted_to(self, segment: Segment) -> float:
        """Return the part of it that one segment has."""
        return sum(each.budget.granted_per_month for each in self._detectors(segment))

    # Where detectors stand.

    def evidence(self, segment: Segment = WHOLE_FLEET) -> dict[str, float]:
        """Return each subject's statistic over its threshold; 1 or more alarms."""
        found: dict[str, float] = {}
        for detector in self._detectors(segment):
            for subject, ratio in detector.evidence().items():
                found[subject] = max(ratio, found.get(subject, 0.0))
        return found

    def drifted(self, segment: Segment = WHOLE_FLEET) -> frozenset[str]:
        """Return the subjects that were raised and are not calm again."""
        return frozenset().union(*(each.drifted() for each in self._detectors(segment)))

    def points(
        self, segments: Iterable[Segment], now_unix_s: float
    ) -> dict[Segment, EvidencePoint]:
        """Return where segments stand, of each once a minute."""
        found: dict[Segment, EvidencePoint] = {}
        minute = int(now_unix_s // _MINUTE_S)
        for segment in segments:
            station = self._stations[segment]
            if station.point_minute != minute:
                station.point_minute = minute
                readings = self._readings(segment)
                if readings:
                    found[segment] = EvidencePoint(now_unix_s, readings)
        return found

    def states(self, segments: Iterable[Segment]) -> dict[Segment, JsonObject]:
        """Return everything about segments that must survive a restart."""
        return {segment: self._stations[segment].to_state() for segment in segments}

    # Which alarm was raised about what.

    def standing(self, kind: str, subject: str) -> dict[Segment, str]:
        """Return the alarms about a subject that still drifts, by segment."""
        return {
            segment: station.alarms[kind, subject]
            for segment, station in self._stations.items()
            if (kind, subject) in station.alarms
        }

    def note_alarm(self, causes: Iterable[Cause], alarm_id: str) -> None:
        """Remember in which alarm causes were raised, for as long as they stand."""
        for segment, kind, subject in causes:
            self._stations[segment].alarms[kind, subject] = alarm_id

    def forget_calm(self, segments: Iterable[Segment]) -> None:
        """Forget the alarms about subjects that are calm again."""
        for segment in segments:
            station = self._stations[segment]
            station.alarms = {
                (kind, subject): alarm_id
                for (kind, subject), alarm_id in station.alarms.items()
                if kind in station.detectors and subject in station.detectors[kind].drifted()
            }

    # Making and sharing.

    def _restored(self, record: DetectorRecord) -> _Station:
        reader = Reader(record.state, "detectors", MessageError)
        alarms = {
            (item[0].text(), item[1].text()): item[2].text() for item in reader["alarms"].items()
        }
        return _Station(self._made(reader["kinds"].fields()), record.seen_unix_s, alarms)

    def _made(self, states: Mapping[str, Reader]) -> dict[str, Detector]:
        made: dict[str, Detector] = {}
        for kind in KINDS:
            if kind.role == self.role:
                state = states[kind.name].json_object() if kind.name in states else None
                detector = kind.make(self.package, self._budget, state)
                if detector is not None:
                    made[kind.name] = detector
        return made

    def _share_out(self) -> None:
        """Half to the whole fleet and half to the segments, and by kind in each."""
        others = sum(segment != WHOLE_FLEET for segment in self._stations)
        whole, part = (0.5, 0.5 / others) if others else (1.0, 0.0)
        for segment, station in self._stations.items():
            share = whole if segment == WHOLE_FLEET else part
            for kind in KINDS:
                if kind.name in station.detectors:
                    station.detectors[kind.name].budget = replace(
                        self._budget, share=share * share_of(kind)
                    )

    def _detectors(self, segment: Segment) -> Iterable[Detector]:
        station = self._stations.get(segment)
        return () if station is None else station.detectors.values()

    def _readings(self, segment: Segment) -> dict[str, SubjectReading]:
        found: dict[str, SubjectReading] = {}
        for detector in self._detectors(segment):
            for subject, reading in detector.readings().items():
                before = found.get(subject)
                if before is None or reading.evidence > before.evidence:
                    found[subject] = _rounded(reading)
        return found


def _largest_first(strata: Mapping[str, Increment]) -> list[tuple[str, Increment]]:
    return sorted(strata.items(), key=lambda item: (-item[1].counters.rows, item[0]))


def _rounded(reading: SubjectReading) -> SubjectReading:
    return SubjectReading(
        float(f"{reading.evidence:.{_DIGITS}g}"),
        reading.rows,
        round(reading.ks, _DIGITS),
        round(reading.psi, _DIGITS),
    )
