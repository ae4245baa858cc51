"""Every warehouse grows old in good order: windows are pruned and rolled up."""

from cloud_sync.core.increments import Life
from cloud_sync.core.seen import Marks
from cloud_sync.ports import Warehouse
from edge_contract.messages import Counters
from edge_contract.package import Role
from tests.support.telemetry import DIGITS_ROLE, profile_of
from tests.support.warehouse_commits import SPEC, START, commit_of, counted


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
