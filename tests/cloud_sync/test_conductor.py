import sqlite3
import threading
import time
from contextlib import ExitStack, closing
from itertools import groupby
from pathlib import Path

import pytest

from cloud_sync.adapters.folder_registry import FolderRegistry
from cloud_sync.adapters.sqlite_warehouse import SqliteWarehouse
from cloud_sync.adapters.warehouse_evidence import WarehouseEvidence
from cloud_sync.alarm_desk import AlarmDesk
from cloud_sync.conductor import Conductor
from cloud_sync.core.collector import Collector, CollectorConfig
from cloud_sync.core.facts import DeviceStatus
from cloud_sync.core.fleet import Fleet, FleetConfig
from cloud_sync.core.retention import Retention
from cloud_sync.core.rollout import RolloutController
from cloud_sync.core.segment_index import SegmentIndex, SegmentRules
from cloud_sync.core.segments import WHOLE_FLEET, Segment
from cloud_sync.core.twin import DeviceTwin
from cloud_sync.ports import FleetLink
from edge_contract.messages import Birth, CollectorState, decode, encode
from edge_contract.package import Role
from tests.integration.processes import eventually
from tests.support.memory_link import MemoryFleetLink
from tests.support.telemetry import (
    DIGITS_ROLE,
    FLEET,
    batch_of,
    counting_package,
    payload_of,
    telemetry_topic,
)

NOW = 1_800_000_000.0


class StuckLink(MemoryFleetLink):
    """Publishes when it is free."""

    def __init__(self) -> None:
        super().__init__()
        self.free = threading.Event()
        self.free.set()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False, qos: int = 1) -> bool:
        assert self.free.wait(10.0)
        return super().publish(topic, payload, retain=retain)


def conductor_in(
    folder: Path,
    stack: ExitStack,
    link: FleetLink,
    *,
    rules: SegmentRules | None = None,
    config: CollectorConfig | None = None,
) -> Conductor:
    """One that has not begun to work."""
    warehouse = stack.enter_context(closing(SqliteWarehouse(folder, busy_timeout_s=0.01)))
    packages = stack.enter_context(closing(FolderRegistry(folder)))
    evidence = WarehouseEvidence(packages, warehouse)
    fleet = Fleet(FleetConfig(), now_unix_s=NOW, twins=warehouse.devices())
    segments = SegmentIndex(rules or SegmentRules(), [twin.facts() for twin in warehouse.devices()])
    return Conductor(
        "f1",
        collector=Collector(
            config or CollectorConfig(),
            packages=packages.find,
            marks=warehouse.marks,
            is_known=fleet.knows,
            segments=segments.of,
        ),
        fleet=fleet,
        rollouts=RolloutController(record.document for record in warehouse.rollouts()),
        segments=segments,
        alarms=AlarmDesk(warehouse, packages, evidence, per_month=1.0, grouping_s=60.0),
        warehouse=warehouse,
        packages=packages,
        evidence=evidence,
        link=link,
        broker=None,
        flush_s=0.2,
        analysis_s=60.0,
        retention=Retention(),
    )


def test_pages_show_the_fleet_from_the_first_moment_of_a_restarted_cloud(tmp_path: Path) -> None:
    with closing(SqliteWarehouse(tmp_path)) as earlier:
        earlier.save_fleet(twins=[DeviceTwin("cam-7", DeviceStatus.ONLINE, boot=1)])

    with ExitStack() as stack:
        conductor = conductor_in(tmp_path, stack, MemoryFleetLink())

        assert conductor.snapshot.facts.keys() == {"cam-7"}


def test_whoever_ordered_something_sees_it_at_once_however_much_else_there_is_to_do(
    tmp_path: Path,
) -> None:
    link = StuckLink()
    with ExitStack() as stack:
        conductor = conductor_in(tmp_path, stack, link)
        conductor.start(lambda: None)
        stack.callback(conductor.stop)
        stack.callback(link.free.set)

        def be_born() -> None:
            birth = Birth("cam-7", 1, NOW, clean=True, agent_version="1")
            conductor.carry_out(conductor.fleet.on_event(birth, NOW))
            link.free.clear()
            conductor.on_connected()  # next, and it will take its time

        conductor.order(be_born)

        assert conductor.snapshot.facts.keys() == {"cam-7"}


def test_telemetry_counts_in_the_segments_that_a_device_was_born_into(tmp_path: Path) -> None:
    oslo, bergen = Segment("tag:site", "oslo"), Segment("tag:site", "bergen")
    with closing(FolderRegistry(tmp_path)) as registry:
        registry.put(counting_package(), at_unix_s=NOW)
    with ExitStack() as stack:
        conductor = conductor_in(tmp_path, stack, MemoryFleetLink())
        conductor.start(lambda: None)
        for number in range(4):
            name, tags = f"cam-{number}", {"site": "oslo" if number % 2 else "bergen"}
            birth = Birth(name, 1, NOW, clean=True, agent_version="1", tags=tags)
            conductor.on_message(FLEET.device(name).events, encode(birth))
        conductor.on_message(telemetry_topic("cam-1"), encode(batch_of(0, device="cam-1")))
        moved = Birth("cam-1", 2, NOW, clean=True, agent_version="1", tags={"site": "bergen"})
        conductor.on_message(FLEET.device("cam-1").events, encode(moved))
        conductor.on_message(telemetry_topic("cam-1"), encode(batch_of(0, device="cam-1", boot=2)))
        conductor.on_message(telemetry_topic("cam-3"), encode(batch_of(0, device="cam-3")))
        conductor.stop()

    with ExitStack() as stack:
        warehouse = stack.enter_context(closing(SqliteWarehouse(tmp_path)))
        packages = stack.enter_context(closing(FolderRegistry(tmp_path)))
        AlarmDesk(warehouse, packages, None, per_month=1.0, grouping_s=60.0).tick(NOW)
        assert set(warehouse.detectors(DIGITS_ROLE)) == {WHOLE_FLEET, oslo, bergen}
        assert warehouse.totals().by_role[Role.PRIMARY].rows == 3


def test_devices_hold_back_while_nothing_can_be_written_and_then_send_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    link = MemoryFleetLink()

    def states() -> list[bool]:
        told = [decode(data) for topic, data, retain in link.published if retain]
        said = [state.listening for state in told if isinstance(state, CollectorState)]
        return [listening for listening, _ in groupby(said)]

    def acknowledged() -> list[str]:
        acks = FLEET.device("cam-7").acks
        return [topic for topic, _, _ in link.published if topic == acks]

    with closing(FolderRegistry(tmp_path)) as packages:
        packages.put(counting_package(), at_unix_s=NOW)
    with ExitStack() as stack:
        conductor = conductor_in(tmp_path, stack, link, config=CollectorConfig(max_batches=3))
        stack.callback(conductor.stop)
        conductor.start(lambda: None)
        eventually("it listens", lambda: states() == [True])
        with closing(
            sqlite3.connect(tmp_path / "warehouse.sqlite3", isolation_level=None)
        ) as other:
            other.execute("BEGIN IMMEDIATE")
            for seq in range(3):
                conductor.on_message(telemetry_topic(), payload_of(batch_of(seq)))
            eventually("a commit fails", lambda: "database is locked" in caplog.text)
            for seq in range(3, 8):
                conductor.on_message(telemetry_topic(), payload_of(batch_of(seq)))
            eventually("devices are told to hold back", lambda: states()[1:] == [False])
            assert acknowledged() == []
        assert caplog.text.count("database is locked") < 60

        eventually("they are told to go on", lambda: states()[1:] == [False, True])
        eventually("what was merged is acknowledged", acknowledged)

    with closing(SqliteWarehouse(tmp_path)) as warehouse:
        assert warehouse.totals().tally.batches == 6
        assert warehouse.totals().refused == {"busy": 2}


def test_the_operator_is_told_of_values_that_are_not_watched_by_themselves(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rules = SegmentRules(sources=("tag:serial",), max_values=2)
    with closing(SqliteWarehouse(tmp_path)) as earlier:
        births = [
            Birth(f"cam-{n}", 1, NOW, clean=True, agent_version="1", tags={"serial": f"s{n}"})
            for n in range(5)
        ]
        earlier.save_fleet(
            twins=[DeviceTwin(b.device, DeviceStatus.ONLINE, 1, birth=b) for b in births]
        )

    with ExitStack() as stack:
        conductor = conductor_in(tmp_path, stack, MemoryFleetLink(), rules=rules)
        conductor.start(lambda: None)
        deadline_s = time.monotonic() + 10.0
        while "tag:serial" not in caplog.text and time.monotonic() < deadline_s:
            time.sleep(0.01)
        conductor.stop()

    assert "more values of tag:serial than are watched by themselves: 3 are" in caplog.text
