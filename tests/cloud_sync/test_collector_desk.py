"""Collectors share shards, write what they gathered under leases, and let go of what they lost."""

import time
from dataclasses import dataclass, field

import pytest

from cloud_sync.collector_desk import CollectorDesk
from cloud_sync.core.collector import Collector
from cloud_sync.core.collector_config import CollectorConfig
from cloud_sync.core.intake import Refusal
from cloud_sync.core.shards import CollectorId
from edge_contract.errors import UnavailableError
from edge_contract.messages import Acks, decode
from edge_contract.messages.topics import shard_of
from tests.support.memory_link import MemoryFleetLink
from tests.support.memory_warehouse import MemoryWarehouse
from tests.support.telemetry import DIGITS, FLEET, batch_of, payload_of, telemetry_topic

NOW = 1_800_000_100.0
LOW, HIGH = "cam-1", "cam-2"  # in a shard of the first half, and in one of the second


@dataclass
class Desk:
    """One collector at its desk."""

    warehouse: MemoryWarehouse
    name: str = "one"
    instance: str = "1"
    lease_s: float = 60.0
    link: MemoryFleetLink = field(default_factory=MemoryFleetLink)

    def __post_init__(self) -> None:
        self.collector = Collector(
            CollectorConfig(),
            packages={DIGITS.digest: DIGITS}.get,
            marks=self.warehouse.marks,
            is_known=lambda _: True,
        )
        self.desk = CollectorDesk(
            self.collector,
            topics=FLEET,
            warehouse=self.warehouse,
            link=self.link,
            identity=CollectorId(self.name, self.instance),
            lease_s=self.lease_s,
        )

    def tick(self) -> None:
        self.desk._renew_at_s = 0.0
        self.desk.tick()

    def send(self, seq: int, device: str) -> bool:
        outcome = self.collector.on_telemetry(
            telemetry_topic(device), payload_of(batch_of(seq, device=device)), NOW
        )
        return not isinstance(outcome, Refusal)

    def acknowledged(self) -> list[str]:
        return [
            topic.rpartition("/")[2]
            for topic, payload, _ in self.link.published
            if isinstance(decode(payload), Acks)
        ]


@pytest.fixture
def warehouse() -> MemoryWarehouse:
    return MemoryWarehouse()


def test_the_names_of_this_file_are_in_both_halves() -> None:
    assert shard_of(LOW) < 32 <= shard_of(HIGH)


def test_whoever_is_alone_merges_and_hears_everything(warehouse: MemoryWarehouse) -> None:
    one = Desk(warehouse)
    assert not one.send(0, LOW)

    one.tick()

    assert one.link.heard == ("ef1/f1/t/#",)
    assert one.send(0, LOW)
    assert one.desk.flush()
    assert one.acknowledged() == [LOW]
    assert not one.desk.flush()


def test_a_second_collector_gets_half_after_the_first_has_written_what_it_gathered(
    warehouse: MemoryWarehouse,
) -> None:
    one, two = Desk(warehouse), Desk(warehouse, name="two")
    one.tick()
    one.send(0, HIGH)
    two.tick()

    one.tick()
    two.tick()

    assert one.acknowledged() == [HIGH]
    assert one.link.heard == tuple(f"ef1/f1/t/{shard}/+" for shard in range(32))
    assert two.link.heard == tuple(f"ef1/f1/t/{shard}/+" for shard in range(32, 64))
    assert one.send(0, LOW)
    assert not one.send(1, HIGH)
    assert two.send(0, HIGH)  # again: its acknowledgement may have been lost
    two.desk.flush()
    assert two.acknowledged() == [HIGH]
    assert warehouse.totals().tally.batches == 1


def test_what_was_gathered_under_a_lost_lease_is_written_by_the_successor_alone(
    warehouse: MemoryWarehouse,
) -> None:
    one, two = Desk(warehouse, lease_s=0.02), Desk(warehouse, name="two", lease_s=0.02)
    one.tick()
    one.send(0, LOW)
    time.sleep(0.05)  # the first one stands still
    two.tick()
    two.send(0, LOW)

    assert one.desk.flush()
    assert two.desk.flush()

    assert one.acknowledged() == []
    assert two.acknowledged() == [LOW]
    assert warehouse.totals().tally.batches == 1
    one.desk.tick()
    assert not one.send(0, LOW)


def test_a_collector_that_leaves_is_followed_at_once(warehouse: MemoryWarehouse) -> None:
    one, two = Desk(warehouse), Desk(warehouse, name="two")
    one.tick()

    one.desk.leave()
    two.tick()

    assert two.link.heard == ("ef1/f1/t/#",)


def test_a_warehouse_out_of_reach_keeps_what_was_gathered(warehouse: MemoryWarehouse) -> None:
    one = Desk(warehouse)
    one.tick()
    one.send(0, LOW)
    warehouse._is_closed = True

    with pytest.raises(UnavailableError):
        one.desk.flush()
    warehouse._is_closed = False

    assert one.desk.flush()
    assert one.acknowledged() == [LOW]
