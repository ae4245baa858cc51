from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cloud_sync.adapters.sqlite_warehouse import SqliteWarehouse
from cloud_sync.core.facts import DeviceStatus
from cloud_sync.core.fleet_effects import (
    FleetEffect,
    PublishDesired,
    SaveCommand,
    SaveDevice,
    SaveResult,
)
from cloud_sync.core.records import CommandRecord
from cloud_sync.core.twin import DeviceTwin
from cloud_sync.fleet_desk import FleetDesk
from edge_contract.errors import UnavailableError
from edge_contract.messages import Command, CommandResult, DesiredState, FleetTopics, encode
from tests.support.locks import locked
from tests.support.memory_link import MemoryFleetLink

TOPICS = FleetTopics("f1")
DESIRED = DesiredState(3)


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[SqliteWarehouse]:
    with closing(SqliteWarehouse(tmp_path, busy_timeout_s=0.01)) as warehouse:
        yield warehouse


def twin(boot: int) -> DeviceTwin:
    return DeviceTwin("cam-7", DeviceStatus.ONLINE, boot=boot)


def test_a_device_is_saved_before_it_is_told_anything(warehouse: SqliteWarehouse) -> None:
    link = MemoryFleetLink()
    desk = FleetDesk(TOPICS, warehouse, link)

    assert desk.carry_out([SaveDevice(twin(1)), PublishDesired("cam-7", DESIRED)])

    assert warehouse.devices() == [twin(1)]
    assert link.published == [("ef1/f1/d/cam-7", encode(DESIRED), True)]


def test_what_cannot_be_saved_is_not_sent_and_saved_the_next_time(
    warehouse: SqliteWarehouse, tmp_path: Path
) -> None:
    link = MemoryFleetLink()
    desk = FleetDesk(TOPICS, warehouse, link)
    command = CommandRecord(Command("c1", "ping", expires_unix_s=2e9), ("cam-7",), 1.0, "me")
    pong = CommandResult("cam-7", "c1", ok=True, detail="pong")

    tries: list[list[FleetEffect]] = [
        [SaveDevice(twin(1)), PublishDesired("cam-7", DESIRED)],
        [SaveDevice(twin(2)), SaveCommand(command)],
        [SaveResult(pong, 5.0)],
    ]
    with locked(tmp_path):
        for effects in tries:
            with pytest.raises(UnavailableError):
                desk.carry_out(effects)

    assert desk.carry_out([])
    assert warehouse.devices() == [twin(2)]
    saved = warehouse.command("c1")
    assert saved is not None
    assert saved.results == {"cam-7": pong}
    assert link.published == []
    assert not desk.carry_out([])
