"""Every warehouse keeps the promises of ``cloud_sync.ports.Warehouse``: what is counted."""

import threading

import pytest

from cloud_sync.core.increments import AnalysisSubject, Commit, DeviceRole, Life, Tally
from cloud_sync.core.seen import Marks
from cloud_sync.ports import Totals, Warehouse
from edge_contract.errors import UnavailableError
from edge_contract.messages import Counters
from edge_contract.package import Role
from tests.support.telemetry import DIGITS, DIGITS_ROLE, profile_of
from tests.support.warehouse_commits import SPEC, START, commit_of, counted


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
