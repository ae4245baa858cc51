"""Every warehouse shares the shards among collectors, and refuses the dead."""

import time
from collections.abc import Mapping

import pytest

from cloud_sync.core.collector import Collector
from cloud_sync.core.collector_config import CollectorConfig
from cloud_sync.core.increments import Commit, Life
from cloud_sync.core.intake import Refusal, RefusalKind
from cloud_sync.core.seen import Marks
from cloud_sync.core.shards import CollectorId, LeaseLostError
from cloud_sync.ports import Warehouse
from edge_contract.messages.topics import shard_of
from tests.support.telemetry import (
    DIGITS,
    DIGITS_ROLE,
    batch_of,
    payload_of,
    telemetry_topic,
)

NOW = 1_800_000_100.0
A, B, C = (CollectorId(name, "1") for name in "abc")
CAM = "cam-1"


def collector_of(warehouse: Warehouse, leases: Mapping[int, int]) -> Collector:
    collector = Collector(
        CollectorConfig(),
        packages={DIGITS.digest: DIGITS}.get,
        marks=warehouse.marks,
        is_known=lambda _: True,
    )
    collector.set_leases(leases)
    return collector


def commit_of(collector: Collector, seq: int) -> Commit:
    collector.on_telemetry(telemetry_topic(CAM), payload_of(batch_of(seq, device=CAM)), NOW)
    commit = collector.take_commit()
    assert commit is not None
    return commit


def test_the_first_collector_gets_everything(warehouse: Warehouse) -> None:
    leases = warehouse.renew_leases(A, lease_s=60.0)

    assert leases.held == dict.fromkeys(range(64), 1)
    assert leases.surplus == frozenset()
    assert warehouse.renew_leases(A, lease_s=60.0) == leases


def test_collectors_share_as_soon_as_the_rich_let_go(warehouse: Warehouse) -> None:
    warehouse.renew_leases(A, lease_s=60.0)
    assert warehouse.renew_leases(B, lease_s=60.0).held == {}

    surplus = warehouse.renew_leases(A, lease_s=60.0).surplus
    warehouse.release_leases(A, surplus)
    other = warehouse.renew_leases(B, lease_s=60.0)
    first = warehouse.renew_leases(A, lease_s=60.0)

    assert surplus == frozenset(range(32, 64))
    assert other.held == dict.fromkeys(range(32, 64), 2)
    assert first.held == dict.fromkeys(range(32), 1)
    assert first.surplus == other.surplus == frozenset()


def test_three_collectors_hold_every_shard_once(warehouse: Warehouse) -> None:
    for _ in range(4):
        found = [warehouse.renew_leases(who, lease_s=60.0) for who in (A, B, C)]
        for who, leases in zip((A, B, C), found, strict=True):
            warehouse.release_leases(who, leases.surplus)

    held = [warehouse.renew_leases(who, lease_s=60.0).held for who in (A, B, C)]
    assert sorted(shard for leases in held for shard in leases) == list(range(64))
    assert sorted(map(len, held)) == [20, 22, 22]


def test_the_shards_of_the_dead_are_taken_over(warehouse: Warehouse) -> None:
    warehouse.renew_leases(A, lease_s=0.05)
    time.sleep(0.1)

    assert warehouse.renew_leases(B, lease_s=0.05).held == dict.fromkeys(range(64), 2)
    assert warehouse.renew_leases(A, lease_s=0.05).held == {}


def test_whoever_leaves_is_followed_at_once(warehouse: Warehouse) -> None:
    warehouse.renew_leases(A, lease_s=60.0)
    warehouse.leave(A)
    warehouse.leave(A)

    assert len(warehouse.renew_leases(B, lease_s=60.0).held) == 64


def test_a_collector_that_starts_again_need_not_wait_for_its_own_lease(
    warehouse: Warehouse,
) -> None:
    warehouse.renew_leases(A, lease_s=60.0)
    again = CollectorId("a", "2")

    warehouse.join(again)

    assert warehouse.renew_leases(again, lease_s=60.0).held == dict.fromkeys(range(64), 2)


def test_a_commit_under_the_newest_lease_is_written(warehouse: Warehouse) -> None:
    collector = collector_of(warehouse, warehouse.renew_leases(A, lease_s=60.0).held)
    commit = commit_of(collector, 0)

    warehouse.commit(commit, collector=A)

    assert commit.leases == {shard_of(CAM): 1}
    assert warehouse.marks(Life(CAM, 1)) == Marks(1)


def test_whoever_was_taken_for_dead_writes_nothing_and_the_successor_everything(
    warehouse: Warehouse,
) -> None:
    zombie = collector_of(warehouse, warehouse.renew_leases(A, lease_s=0.05).held)
    late = commit_of(zombie, 0)
    time.sleep(0.1)
    successor = collector_of(warehouse, warehouse.renew_leases(B, lease_s=0.05).held)

    with pytest.raises(LeaseLostError, match="taken over"):
        warehouse.commit(late, collector=A)
    warehouse.commit(commit_of(successor, 0), collector=B)

    assert warehouse.totals().tally.batches == 1
    assert warehouse.marks(Life(CAM, 1)) == Marks(1)
    assert warehouse.cohort(DIGITS_ROLE, DIGITS.specs["primary"]).counters.rows == 1


def test_a_successor_knows_what_was_merged_before_it(warehouse: Warehouse) -> None:
    first = collector_of(warehouse, warehouse.renew_leases(A, lease_s=60.0).held)
    warehouse.commit(commit_of(first, 0), collector=A)
    first.committed()
    warehouse.leave(A)
    second = collector_of(warehouse, warehouse.renew_leases(B, lease_s=60.0).held)

    repeated = commit_of(second, 0)
    warehouse.commit(repeated, collector=B)

    assert warehouse.totals().tally.batches == 1
    assert warehouse.totals().tally.repeated == 1


def test_a_shard_that_another_one_merges_is_left_to_it(warehouse: Warehouse) -> None:
    collector = collector_of(warehouse, {(shard_of(CAM) + 1) % 64: 1})

    refusal = collector.on_telemetry(telemetry_topic(CAM), payload_of(batch_of(0, device=CAM)), NOW)

    assert isinstance(refusal, Refusal)
    assert refusal.kind is RefusalKind.ELSEWHERE
    assert collector.take_commit() is None
