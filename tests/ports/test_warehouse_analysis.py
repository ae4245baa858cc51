"""Every warehouse keeps what the analysis has seen, remembers, and found."""

from cloud_sync.core.increments import AnalysisSubject, Commit, Increment, PackageRole, PendingKey
from cloud_sync.core.pending import Analysis, Pending
from cloud_sync.core.records import AlarmRecord, DetectorRecord, EvidencePoint, SubjectReading
from cloud_sync.core.segments import WHOLE_FLEET, Segment
from cloud_sync.ports import Warehouse
from edge_contract.messages import Counters
from edge_contract.package import Role
from tests.support.telemetry import DIGITS, DIGITS_ROLE, profile_of
from tests.support.warehouse_commits import ARM, BERGEN, OSLO, SPEC, START, commit_of


def pending_of(warehouse: Warehouse) -> Pending:
    pending = warehouse.pending(DIGITS_ROLE, SPEC)
    assert pending is not None
    return pending


def history_of(warehouse: Warehouse) -> list[EvidencePoint]:
    return warehouse.evidence_history(AnalysisSubject(DIGITS.digest))


def test_the_analysis_forgets_only_what_it_has_seen(warehouse: Warehouse) -> None:
    warehouse.commit(commit_of(("cam-1", 0, 0.0, (1.0, 1.0))))
    warehouse.commit(commit_of(("cam-1", 1, 0.0, (2.0, 2.0)), marks=warehouse))
    pending = pending_of(warehouse)

    warehouse.commit(commit_of(("cam-1", 2, 0.0, (3.0, 3.0)), marks=warehouse))
    alarm = AlarmRecord("a1", "digits", 5.0, {"sentence": "x0 drifted"})
    look = Analysis(
        at_unix_s=START, token=pending.token, detectors={OSLO: {"m": 2.5}}, alarms=[alarm]
    )
    warehouse.commit_analysis(DIGITS_ROLE, look)

    (seen,) = pending.groups.values()
    assert seen.profile.to_state() == profile_of([(1.0, 1.0), (2.0, 2.0)]).to_state()
    assert seen.counters == Counters(rows=2, calls=2)
    assert warehouse.pending_subjects() == [DIGITS_ROLE]
    (rest,) = pending_of(warehouse).groups.values()
    assert rest.profile.to_state() == profile_of([(3.0, 3.0)]).to_state()
    assert warehouse.detectors(DIGITS_ROLE) == {OSLO: DetectorRecord({"m": 2.5}, START)}
    assert warehouse.alarms() == [alarm]


def test_pending_counts_are_kept_by_group_of_devices_and_by_stratum(warehouse: Warehouse) -> None:
    warehouse.commit(
        commit_of(
            ("cam-1", 0, 0.0, (1.0, 1.0)),
            ("cam-2", 0, 0.0, (2.0, 2.0)),
            ("cam-9", 0, 0.0, (3.0, 3.0)),
        )
    )
    night = Increment(Counters(rows=1), profile_of([(4.0, 4.0)]))
    warehouse.commit(Commit(pending={PendingKey(DIGITS_ROLE, (ARM, OSLO), "03"): night}))

    pending = pending_of(warehouse)

    assert {key: part.counters.rows for key, part in pending.groups.items()} == {
        PendingKey(DIGITS_ROLE): 1,
        PendingKey(DIGITS_ROLE, (ARM, OSLO)): 1,
        PendingKey(DIGITS_ROLE, (ARM, OSLO), "03"): 1,
        PendingKey(DIGITS_ROLE, (ARM, BERGEN)): 1,
    }
    assert {
        segment: {stratum: part.counters.rows for stratum, part in strata.items()}
        for segment, strata in pending.by_segment().items()
    } == {
        WHOLE_FLEET: {"": 3, "03": 1},
        ARM: {"": 2, "03": 1},
        OSLO: {"": 1, "03": 1},
        BERGEN: {"": 1},
    }


def test_what_detectors_remember_can_be_changed_one_segment_at_a_time(
    warehouse: Warehouse,
) -> None:
    warehouse.commit(commit_of(("cam-1", 0, 0.0, (1.0, 1.0))))
    both = {WHOLE_FLEET: {"m": 1}, OSLO: {"m": 2}}
    warehouse.commit_analysis(DIGITS_ROLE, Analysis(at_unix_s=5.0, detectors=both))

    warehouse.commit_analysis(
        DIGITS_ROLE,
        Analysis(at_unix_s=9.0, detectors={WHOLE_FLEET: {"m": 3}}, retired=[OSLO, BERGEN]),
    )
    warehouse.commit_analysis(
        PackageRole(DIGITS.digest, Role.LABELS), Analysis(at_unix_s=9.0, detectors=both)
    )

    assert warehouse.detectors(DIGITS_ROLE) == {WHOLE_FLEET: DetectorRecord({"m": 3}, 9.0)}
    assert warehouse.pending_subjects() == [DIGITS_ROLE]


def test_evidence_is_kept_by_segment_once_a_minute(warehouse: Warehouse) -> None:
    def note(segment: Segment, at_unix_s: float, evidence: float) -> EvidencePoint:
        readings = {"feature:x0": SubjectReading(evidence, 600, 0.125, 0.25)}
        point = EvidencePoint(at_unix_s, readings)
        look = Analysis(at_unix_s=at_unix_s, points={segment: point})
        warehouse.commit_analysis(DIGITS_ROLE, look)
        return point

    note(OSLO, START + 1.0, 0.01)
    second = note(OSLO, START + 59.0, 0.02)
    third = note(OSLO, START + 61.0, 0.03)
    fleet = note(WHOLE_FLEET, START + 61.0, 0.5)

    oslo = AnalysisSubject(DIGITS.digest, segment=OSLO)
    assert warehouse.evidence_history(oslo) == [second, third]
    assert warehouse.evidence_history(oslo, since_unix_s=START + 60.0) == [third]
    assert warehouse.evidence_history(AnalysisSubject(DIGITS.digest)) == [fleet]
    assert warehouse.evidence_history(AnalysisSubject(DIGITS.digest, Role.LABELS)) == []


def test_old_evidence_is_thinned_out_to_the_worst_of_each_hour(warehouse: Warehouse) -> None:
    hour = START - START % 3600
    for minute in range(150):
        reading = SubjectReading(float(minute % 60 == 7), 1)
        point = EvidencePoint(hour + 60.0 * minute, {"prediction": reading})
        look = Analysis(at_unix_s=point.at_unix_s, points={WHOLE_FLEET: point})
        warehouse.commit_analysis(DIGITS_ROLE, look)

    two_days_later = hour + 2 * 86_400.0 + 2.5 * 3600.0

    assert warehouse.thin_evidence(hour + 86_400.0) == 0
    assert warehouse.thin_evidence(two_days_later) == 118
    assert warehouse.thin_evidence(two_days_later) == 0
    minutes = [(p.at_unix_s - hour) / 60.0 for p in history_of(warehouse)]
    assert minutes == [7.0, 67.0, *range(120, 150)]
    assert warehouse.thin_evidence(hour + 91 * 86_400.0) == 32
    assert history_of(warehouse) == []


def test_alarms_come_newest_first_and_by_model(warehouse: Warehouse) -> None:
    old, new, other = (
        AlarmRecord("a1", "digits", 1.0, {}),
        AlarmRecord("a2", "digits", 3.0, {}),
        AlarmRecord("a3", "plates", 2.0, {}),
    )
    warehouse.commit_analysis(DIGITS_ROLE, Analysis(at_unix_s=1.0, alarms=[old, new, other]))

    changed = AlarmRecord("a1", "digits", 1.0, {"open": False})
    warehouse.commit_analysis(DIGITS_ROLE, Analysis(at_unix_s=1.0, alarms=[changed]))

    assert warehouse.alarms() == [new, other, changed]
    assert warehouse.alarms(model="digits") == [new, changed]
    assert warehouse.alarms(limit=1) == [new]
