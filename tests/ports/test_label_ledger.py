"""Every warehouse counts a label once, and keeps who looks after an alarm."""

from collections.abc import Sequence

import pytest

from cloud_sync.core.increments import (
    Commit,
    DeviceIncrement,
    DeviceWindow,
    FleetWindow,
    Increment,
    PackageRole,
    PendingKey,
)
from cloud_sync.core.records import AcknowledgementRecord
from cloud_sync.ports import Warehouse
from edge_contract.errors import UsageError
from edge_contract.messages import Counters
from edge_contract.package import Role
from edge_contract.stats import Column, LabelsSpec, ProfileSpec

SUBJECT = PackageRole("sha256:aa", Role.LABELS)
SPEC = ProfileSpec((Column("labels", LabelsSpec(3)),))
ROWS = [(0.0, 0.0, 0.9), (1.0, 2.0, 0.6), (2.0, 2.0, 0.8)]
LOW, HIGH = -(2**63), 2**63 - 1


def commit_of(new: Sequence[bool]) -> Commit:
    profile = SPEC.empty()
    for row, is_new in zip(ROWS, new, strict=True):
        if is_new:
            profile.observe(0, row)
    counters = Counters(rows=sum(new))
    one = Increment(counters, profile)
    state = dict(profile.to_state())
    return Commit(
        windows={FleetWindow(SUBJECT, 960): one},
        device_windows={
            DeviceWindow("cam-1", SUBJECT, 960): DeviceIncrement(counters, SPEC, (state,))
        },
        pending={PendingKey(SUBJECT): one},
        at_unix_s=1000.0,
    )


def test_a_row_is_counted_once_however_often_it_is_told(warehouse: Warehouse) -> None:
    first = warehouse.count_labels([LOW, 7, HIGH], commit_of, at_unix_s=1000.0)
    again = warehouse.count_labels([LOW, 8, HIGH], commit_of, at_unix_s=1001.0)
    nothing = warehouse.count_labels([LOW, 8, HIGH], commit_of, at_unix_s=1002.0)

    assert first == [True, True, True]
    assert again == [False, True, False]
    assert nothing == [False, False, False]
    everybody = warehouse.cohort(SUBJECT, SPEC)
    of_one = warehouse.cohort(SUBJECT, SPEC, devices=frozenset({"cam-1"}))
    pending = warehouse.pending(SUBJECT, SPEC)
    assert everybody.counters.rows == 4
    assert of_one.counters.rows == 4
    assert everybody.profile.to_state() == of_one.profile.to_state()
    assert pending is not None
    assert sum(one.counters.rows for one in pending.groups.values()) == 4


def test_a_row_that_comes_twice_at_once_is_new_once(warehouse: Warehouse) -> None:
    assert warehouse.count_labels([5, 5, 6], commit_of, at_unix_s=1.0) == [True, False, True]


def test_what_fails_is_neither_noted_nor_counted(warehouse: Warehouse) -> None:
    def fail(_new: Sequence[bool]) -> Commit:
        raise UsageError("no")

    with pytest.raises(UsageError, match="no"):
        warehouse.count_labels([1, 2, 3], fail, at_unix_s=1000.0)

    assert warehouse.count_labels([1, 2, 3], commit_of, at_unix_s=1000.0) == [True] * 3


def test_rows_are_forgotten_when_they_are_too_old(warehouse: Warehouse) -> None:
    warehouse.count_labels([1, 2, 3], commit_of, at_unix_s=1000.0)
    warehouse.count_labels([1, 4, 5], commit_of, at_unix_s=2000.0)

    gone = warehouse.prune_labels(1500.0)

    assert gone == 3
    assert warehouse.count_labels([1, 4, 5], commit_of, at_unix_s=2001.0) == [True, False, False]


def test_the_last_who_looks_after_an_alarm_is_kept(warehouse: Warehouse) -> None:
    warehouse.acknowledge(AcknowledgementRecord("a1", "anna", 5.0))
    warehouse.acknowledge(AcknowledgementRecord("a2", "bob", 6.5, "deg 深"))
    warehouse.acknowledge(AcknowledgementRecord("a1", "carl", 7.0, "again"))

    assert warehouse.acknowledgements() == {
        "a1": AcknowledgementRecord("a1", "carl", 7.0, "again"),
        "a2": AcknowledgementRecord("a2", "bob", 6.5, "deg 深"),
    }
