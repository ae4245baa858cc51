"""Every warehouse keeps the promises of ``cloud_sync.ports.Warehouse``."""

import threading
from collections.abc import Sequence
from dataclasses import replace

import pytest

from cloud_sync.core.collector import Collector
from cloud_sync.core.collector_config import CollectorConfig
from cloud_sync.core.facts import CohortStatistics, DeviceStatus
from cloud_sync.core.increments import (
    AnalysisSubject,
    Commit,
    DeviceRole,
    Increment,
    Life,
    PackageRole,
    PendingKey,
    Tally,
)
from cloud_sync.core.pending import Analysis, Pending
from cloud_sync.core.records import (
    AlarmRecord,
    AuditRecord,
    CommandRecord,
    DetectorRecord,
    EvidencePoint,
    RolloutEvent,
    RolloutRecord,
    SubjectReading,
)
from cloud_sync.core.seen import Marks
from cloud_sync.core.segments import WHOLE_FLEET, Segment
from cloud_sync.core.twin import DeviceTwin
from cloud_sync.ports import Totals, Warehouse
from edge_contract.errors import UnavailableError
from edge_contract.messages import (
    Assignment,
    Birth,
    Command,
    CommandResult,
    Counters,
    ModelReport,
    Report,
    Target,
)
from edge_contract.package import Role
from tests.support.telemetry import (
    DIGITS,
    DIGITS_ROLE,
    batch_of,
    payload_of,
    profile_of,
    telemetry_topic,
    window_of,
)

START = 1_800_000_000
SPEC = DIGITS.specs[Role.PRIMARY]
OSLO, BERGEN, ARM = (
    Segment("tag:site", "oslo"),
    Segment("tag:site", "bergen"),
    Segment("hardware", "aarch64"),
)
SEGMENTS = {"cam-1": (ARM, OSLO), "cam-2": (ARM, BERGEN)}


def commit_of(
    *pieces: tuple[str, int, float, Sequence[float]], marks: Warehouse | None = None
) -> Commit:
    """A commit of one-row batches: device, seq, seconds after START, the row."""
    collector = Collector(
        CollectorConfig(),
        packages={DIGITS.digest: DIGITS}.get,
        marks=marks.marks if marks else lambda _: Marks(),
        is_known=lambda _: True,
        segments=lambda device: SEGMENTS.get(device, ()),
    )
    for device, seq, after_s, row in pieces:
        window = window_of([row], start_unix_s=START + after_s)
        payload = payload_of(batch_of(seq, window, device=device))
        collector.on_telemetry(telemetry_topic(device), payload, START + 1000.0)
    commit = collector.take_commit()
    assert commit is not None
    return commit


def counted(statistics: CohortStatistics) -> tuple[int, object, int]:
    return statistics.counters.rows, statistics.profile.to_state(), statistics.devices


def pending_of(warehouse: Warehouse) -> Pending:
    pending = warehouse.pending(DIGITS_ROLE, SPEC)
    assert pending is not None
    return pending


def history_of(warehouse: Warehouse) -> list[EvidencePoint]:
    return warehouse.evidence_history(AnalysisSubject(DIGITS.digest))


def test_a_new_warehouse_holds_nothing(warehouse: Warehouse) -> None:
    assert warehouse.totals() == Totals()
    assert warehouse.marks(Life("cam-7", 1)) == Marks()
    assert counted(warehouse.cohort(DIGITS_ROLE, SPEC)) == (0, {}, 0)
    assert warehouse.by_device(DIGITS_ROLE, SPEC) == {}
    assert warehouse.pending_subjects() == []
    assert warehouse.pending(DIGITS_ROLE, SPEC) is None
    assert warehouse.detectors(DIGITS_ROLE) == {}
    assert warehouse.evidence_history(AnalysisSubject(DIGITS.digest)) == []
    assert warehouse.thin_evidence(START) == 0
    assert warehouse.devices() == []
    assert warehouse.rollouts() == []
    assert warehouse.alarms() == []


def test_commits_into_the_same_window_add_up(warehouse: Warehouse) -> None:
    warehouse.commit(commit_of(("cam-1", 0, 0.0, (1.0, 2.0)), ("cam-2", 0, 0.0, (3.0, 4.0))))
    warehouse.commit(commit_of(("cam-1", 1, 10.0, (5.0, 6.0)), marks=warehouse))

    everything = profile_of([(1.0, 2.0), (3.0, 4.0), (5.0, 6.0)]).to_state()
    assert counted(warehouse.cohort(DIGITS_ROLE, SPEC)) == (3, everything, 2)
    assert {
        device: counted(statistics)
        for device, statistics in warehouse.by_device(DIGITS_ROLE, SPEC).items()
    } == {
        "cam-1": (2, profile_of([(1.0, 2.0), (5.0, 6.0)]).to_state(), 1),
        "cam-2": (1, profile_of([(3.0, 4.0)]).to_state(), 1),
    }
    assert warehouse.totals() == Totals(
        Tally(batches=3), {}, {Role.PRIMARY: Counters(rows=3, calls=3)}
    )
    assert warehouse.device_totals() == {
        DeviceRole("cam-1", DIGITS_ROLE): Counters(rows=2, calls=2),
        DeviceRole("cam-2", DIGITS_ROLE): Counters(rows=1, calls=1),
    }
    assert warehouse.device_totals(["cam-2", "cam-9"]) == {
        DeviceRole("cam-2", DIGITS_ROLE): Counters(rows=1, calls=1),
    }
    assert warehouse.device_totals([]) == {}


def test_several_pieces_of_a_device_in_one_commit_are_merged(warehouse: Warehouse) -> None:
    warehouse.commit(commit_of(("cam-1", 0, 0.0, (1.0, 2.0)), ("cam-1", 1, 10.0, (3.0, 4.0))))

    assert counted(warehouse.by_device(DIGITS_ROLE, SPEC)["cam-1"]) == (
        2,
        profile_of([(1.0, 2.0), (3.0, 4.0)]).to_state(),
        1,
    )


def test_columns_that_nobody_looks_at_are_not_read(warehouse: Warehouse) -> None:
    warehouse.commit(commit_of(("cam-1", 0, 0.0, (1.0, 2.0)), ("cam-1", 1, 0.0, (3.0, 4.0))))

    one = warehouse.by_device(DIGITS_ROLE, SPEC, columns=[1])["cam-1"]
    none = warehouse.by_device(DIGITS_ROLE, SPEC, columns=[])["cam-1"]

    state = profile_of([(1.0, 2.0), (3.0, 4.0)]).to_state()
    assert counted(one) == (2, {1: state[1]}, 1)
    assert counted(none) == (2, {}, 1)


def test_a_cohort_is_of_some_devices_and_of_a_span_of_time(warehouse: Warehouse) -> None:
    warehouse.commit(
        commit_of(
            ("cam-1", 0, 0.0, (1.0, 1.0)),
            ("cam-1", 1, 60.0, (2.0, 2.0)),
            ("cam-2", 0, 60.0, (3.0, 3.0)),
            ("cam-2", 1, 120.0, (4.0, 4.0)),
        )
    )

    middle = warehouse.cohort(
        DIGITS_ROLE, SPEC, since_unix_s=START + 60.0, until_unix_s=START + 120.0
    )
    late = warehouse.cohort(
        DIGITS_ROLE, SPEC, devices=frozenset({"cam-1", "cam-9"}), since_unix_s=START + 1.0
    )
    nobody = warehouse.cohort(DIGITS_ROLE, SPEC, devices=frozenset())

    assert counted(middle) == (2, profile_of([(2.0, 2.0), (3.0, 3.0)]).to_state(), 2)
    assert counted(late) == (1, profile_of([(2.0, 2.0)]).to_state(), 1)
    assert counted(nobody) == (0, {}, 0)


def test_marks_of_a_commit_are_the_marks_of_its_life(warehouse: Warehouse) -> None:
    warehouse.commit(commit_of(("cam-1", 0, 0.0, (1.0, 1.0)), ("cam-1", 2, 0.0, (1.0, 1.0))))

    assert warehouse.marks(Life("cam-1", 1)) == Marks(1, ((2, 2),))
    assert warehouse.marks(Life("cam-1", 2)) == Marks()

    warehouse.commit(commit_of(("cam-1", 1, 0.0, (1.0, 1.0)), marks=warehouse))

    assert warehouse.marks(Life("cam-1", 1)) == Marks(3)


def test_refusals_and_tallies_add_up(warehouse: Warehouse) -> None:
    for refused in ({"busy": 2}, {"busy": 1, "invalid": 4}):
        warehouse.commit(Commit(tally=Tally(repeated=1, misdated=2), refused=refused))

    totals = warehouse.totals()
    assert totals.tally == Tally(repeated=2, misdated=4)
    assert totals.refused == {"busy": 3, "invalid": 4}


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


def test_twins_come_back_as_they_were_saved(warehouse: Warehouse) -> None:
    target = Target("1.0.0", DIGITS.digest, "r1", 10, 2.5)
    twin = DeviceTwin(
        name="cam-1",
        status=DeviceStatus.OFFLINE,
        boot=3,
        boots=2,
        last_seen_unix_s=12.5,
        birth=Birth("cam-1", 3, 1.0, False, "0.1.0", {"cpus": 4}, {"site": "oslo"}),
        report=Report("cam-1", 3, 7, 9, {"digits": ModelReport(DIGITS.digest, "1.0.0")}, 2),
        assignments={"digits": Assignment(target, None)},
    )

    warehouse.save_fleet(twins=[DeviceTwin("cam-2", DeviceStatus.ONLINE)])
    warehouse.save_fleet(twins=[DeviceTwin("cam-1", DeviceStatus.ONLINE), twin])

    assert warehouse.devices() == [twin, DeviceTwin("cam-2", DeviceStatus.ONLINE)]


def test_commands_keep_the_first_answer_of_each_device(warehouse: Warehouse) -> None:
    command = Command("c1", "ping", 100.0, {"count": 3})
    record = CommandRecord(command, ("cam-1", "cam-2"), 1.0, "alice")
    answer = CommandResult("cam-1", "c1", ok=True, detail="pong")
    warehouse.save_fleet(commands=[record])

    warehouse.save_fleet(
        results=[
            (answer, 2.0),
            (CommandResult("cam-1", "c1", ok=False), 3.0),
            (CommandResult("cam-1", "c9", ok=True), 3.0),
        ]
    )

    assert warehouse.command("c1") == CommandRecord(
        command, ("cam-1", "cam-2"), 1.0, "alice", {"cam-1": answer}
    )
    assert warehouse.command("c9") is None


def test_open_commands_are_those_that_have_not_expired(warehouse: Warehouse) -> None:
    first = CommandRecord(Command("c1", "ping", 10.0), (), 1.0, "alice")
    second = CommandRecord(Command("c2", "ping", 20.0), (), 2.0, "alice")
    warehouse.save_fleet(commands=[first, second])

    assert warehouse.open_commands(10.0) == [second]
    assert warehouse.commands() == [second, first]
    assert warehouse.commands(limit=1) == [second]
    assert warehouse.commands(after="c2") == [first]
    assert warehouse.commands(after="c9") == []


def test_an_answer_that_a_command_was_taken_up_is_replaced_by_the_final_one(
    warehouse: Warehouse,
) -> None:
    command = Command("c1", "collect-logs", 10.0)
    record = CommandRecord(
        command, ("cam-1",), 1.0, "alice", audience="group pilot", timeout_s=30.0
    )
    taken = CommandResult("cam-1", "c1", ok=True, detail="on it", final=False)
    done = CommandResult("cam-1", "c1", ok=True, detail="done")
    warehouse.save_fleet(commands=[record])

    warehouse.save_fleet(results=[(taken, 2.0)])
    between = warehouse.open_commands(39.0)
    warehouse.save_fleet(results=[(done, 3.0)])
    warehouse.save_fleet(results=[(taken, 4.0)])

    assert between == [replace(record, results={"cam-1": taken})]
    assert warehouse.command("c1") == replace(record, results={"cam-1": done})
    assert warehouse.open_commands(40.0) == []


def test_a_rollout_keeps_its_history_and_the_state_of_each_device(warehouse: Warehouse) -> None:
    warehouse.save_rollout(
        RolloutRecord("r1", 1.0, {"state": "running"}),
        events=[RolloutEvent(1.0, "started"), RolloutEvent(2.0, "widened", {"rows": 900})],
        executions={"cam-1": "queued", "cam-2": "queued"},
    )
    warehouse.save_rollout(RolloutRecord("r2", 5.0, {}))
    warehouse.save_rollout(
        RolloutRecord("r1", 1.0, {"state": "succeeded"}),
        events=[RolloutEvent(3.0, "finished")],
        executions={"cam-2": "succeeded"},
    )

    assert warehouse.rollouts() == [
        RolloutRecord("r2", 5.0, {}),
        RolloutRecord("r1", 1.0, {"state": "succeeded"}),
    ]
    assert warehouse.rollout_events("r1") == [
        RolloutEvent(1.0, "started"),
        RolloutEvent(2.0, "widened", {"rows": 900}),
        RolloutEvent(3.0, "finished"),
    ]
    assert warehouse.executions("r1") == {"cam-1": "queued", "cam-2": "succeeded"}
    assert warehouse.executions("r2") == {}


def test_who_did_what_is_kept_newest_first(warehouse: Warehouse) -> None:
    push = AuditRecord(1.0, "alice", "push", "digits@1.0.0", {"size": 5})
    start = AuditRecord(2.0, "bob", "rollout.start", "r1")

    warehouse.add_audit(push)
    warehouse.add_audit(start)

    found = warehouse.audit()
    assert [replace(record, number=0) for record in found] == [start, push]
    assert found[0].number > found[1].number
    assert warehouse.audit(limit=1) == found[:1]
    assert warehouse.audit(before=found[0].number) == found[1:]
    assert warehouse.audit(action="rollout") == found[:1]
    assert warehouse.audit(action="roll") == []


def test_pruning_forgets_old_windows_and_keeps_totals_and_marks(warehouse: Warehouse) -> None:
    warehouse.commit(commit_of(("cam-1", 0, 0.0, (1.0, 1.0)), ("cam-1", 1, 600.0, (2.0, 2.0))))

    forgotten = warehouse.prune(
        windows_before_unix_s=START + 60.0, device_windows_before_unix_s=START + 700.0
    )

    assert forgotten == 3
    assert warehouse.cohort(DIGITS_ROLE, SPEC).counters.rows == 1
    assert warehouse.by_device(DIGITS_ROLE, SPEC) == {}
    assert warehouse.totals().by_role == {Role.PRIMARY: Counters(rows=2, calls=2)}
    assert warehouse.marks(Life("cam-1", 1)) == Marks(2)


def test_windows_are_rolled_up_into_longer_ones_and_no_count_is_lost(warehouse: Warehouse) -> None:
    day = START - START % 86_400
    early = [(f"cam-{n % 2}", n // 2, day - START + 900.0 * n, (float(n), 1.0)) for n in range(12)]
    late = [("cam-1", 6, day - START + 7200.0, (99.0, 1.0))]
    warehouse.commit(commit_of(*early, *late))
    before = counted(warehouse.cohort(DIGITS_ROLE, SPEC))
    own = counted(warehouse.by_device(DIGITS_ROLE, SPEC)["cam-1"])

    def rolled_up(span_s: int, limit: int = 1000) -> int:
        return warehouse.roll_up(
            lambda _: SPEC, before_unix_s=day + 7200.0, span_s=span_s, limit=limit
        )

    def lately(since_unix_s: float) -> int:
        return warehouse.roll_up(
            lambda _: SPEC, before_unix_s=day + 7200.0, span_s=3600, since_unix_s=since_unix_s
        )

    assert lately(day + 7200.0) == 0
    assert [rolled_up(3600, limit=2), rolled_up(3600), rolled_up(3600)] == [2, 4, 0]

    assert counted(warehouse.cohort(DIGITS_ROLE, SPEC)) == before
    assert counted(warehouse.by_device(DIGITS_ROLE, SPEC)["cam-1"]) == own
    hour = warehouse.cohort(DIGITS_ROLE, SPEC, since_unix_s=day + 3600.0, until_unix_s=day + 3601.0)
    assert hour.counters.rows == 4
    assert warehouse.cohort(DIGITS_ROLE, SPEC, since_unix_s=day + 7200.0).counters.rows == 5


def test_what_comes_late_is_rolled_up_with_what_was_before(warehouse: Warehouse) -> None:
    hour = START - START % 3600
    warehouse.commit(commit_of(("cam-1", 0, float(hour - START), (1.0, 1.0))))
    warehouse.roll_up(lambda _: SPEC, before_unix_s=hour + 3600.0, span_s=3600)

    warehouse.commit(commit_of(("cam-1", 1, hour - START + 60.0, (2.0, 1.0)), marks=warehouse))
    warehouse.roll_up(lambda _: SPEC, before_unix_s=hour + 3600.0, span_s=3600)

    both = profile_of([(1.0, 1.0), (2.0, 1.0)]).to_state()
    assert counted(warehouse.cohort(DIGITS_ROLE, SPEC, until_unix_s=hour + 1.0)) == (2, both, 1)
    device = warehouse.cohort(
        DIGITS_ROLE, SPEC, devices=frozenset({"cam-1"}), until_unix_s=hour + 1.0
    )
    assert counted(device) == (2, both, 1)


def test_windows_of_a_package_that_nobody_knows_stay_as_they_are(warehouse: Warehouse) -> None:
    warehouse.commit(commit_of(("cam-1", 0, 60.0, (1.0, 1.0))))

    made = warehouse.roll_up(lambda _: None, before_unix_s=START + 86_400.0, span_s=3600)

    assert made == 0
    assert warehouse.cohort(DIGITS_ROLE, SPEC, since_unix_s=START + 60.0).counters.rows == 1


def test_devices_are_heard_through_any_collector(warehouse: Warehouse) -> None:
    warehouse.commit(commit_of(("cam-1", 0, 0.0, (1.0, 1.0)), ("cam-2", 0, 0.0, (1.0, 1.0))))

    assert warehouse.heard_since(START) == {"cam-1": START + 1000.0, "cam-2": START + 1000.0}
    assert warehouse.heard_since(START + 1000.5) == {}


def test_many_threads_read_while_one_writes(warehouse: Warehouse) -> None:
    failures: list[str] = []
    is_over = threading.Event()

    def read() -> None:
        while not is_over.is_set():
            statistics = warehouse.cohort(DIGITS_ROLE, SPEC)
            column = statistics.profile[0].count
            if statistics.counters.rows != column:
                failures.append(f"{statistics.counters.rows} rows, {column} in the profile")

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for seq in range(20):
        warehouse.commit(commit_of(("cam-1", seq, 0.0, (1.0, 1.0)), marks=warehouse))
    is_over.set()
    for reader in readers:
        reader.join()

    assert failures == []
    assert warehouse.cohort(DIGITS_ROLE, SPEC).counters.rows == 20


def test_a_closed_warehouse_says_so(warehouse: Warehouse) -> None:
    warehouse.close()
    warehouse.close()

    with pytest.raises(UnavailableError, match="is closed"):
        warehouse.totals()
    with pytest.raises(UnavailableError, match="is closed"):
        warehouse.commit(Commit())
