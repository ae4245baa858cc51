"""Sums for rollouts come to what a read of everything comes to, and read each window once."""

import random
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from cloud_sync.adapters.folder_registry import FolderRegistry
from cloud_sync.adapters.postgres_warehouse import PostgresWarehouse
from cloud_sync.adapters.running_evidence import RunningEvidence
from cloud_sync.adapters.sql.feed import StoredWindow
from cloud_sync.adapters.sql.warehouse import SqlWarehouse
from cloud_sync.adapters.sqlite_warehouse import SqliteWarehouse
from cloud_sync.adapters.warehouse_evidence import WarehouseEvidence
from cloud_sync.core.collector import Collector
from cloud_sync.core.collector_config import CollectorConfig
from cloud_sync.core.facts import CohortStatistics
from edge_contract.errors import UnavailableError
from edge_contract.package import Role
from tests.support.postgres import PostgresServer
from tests.support.telemetry import (
    DIGITS,
    DIGITS_ROLE,
    batch_of,
    counting_package,
    payload_of,
    telemetry_topic,
    window_of,
)

START = 1_800_000_000
NAMES = [f"cam-{number:02}" for number in range(45)]
DAYS = 86_400.0


class Counting:
    """A warehouse's feed that counts how often each window was read."""

    def __init__(self, warehouse: SqlWarehouse) -> None:
        self._feed = warehouse
        self.read: Counter[int] = Counter()

    def _counted(self, windows: list[StoredWindow]) -> list[StoredWindow]:
        self.read.update(window.number for window in windows)
        return windows

    def newest_window(self) -> int:
        return self._feed.newest_window()

    def window_numbers(self, *, after: int) -> set[int]:
        return self._feed.window_numbers(after=after)

    def windows_after(self, number: int, *, limit: int) -> list[StoredWindow]:
        return self._counted(self._feed.windows_after(number, limit=limit))

    def windows_numbered(self, numbers: Collection[int]) -> list[StoredWindow]:
        return self._counted(self._feed.windows_numbered(numbers))

    def windows_of(
        self,
        subject: object,
        devices: Collection[str],
        *,
        since_unix_s: float,
        until_unix_s: float,
        up_to: int,
    ) -> list[StoredWindow]:
        assert subject == DIGITS_ROLE
        return self._counted(
            self._feed.windows_of(
                DIGITS_ROLE,
                devices,
                since_unix_s=since_unix_s,
                until_unix_s=until_unix_s,
                up_to=up_to,
            )
        )

    def devices_of(self, subject: object) -> list[str]:
        assert subject == DIGITS_ROLE
        return self._feed.devices_of(DIGITS_ROLE)


class World:
    """A warehouse that devices write into, read in both ways."""

    def __init__(self, warehouse: SqlWarehouse, folder: Path, *, turn_s: float = 60.0) -> None:
        self.warehouse = warehouse
        self.registry = FolderRegistry(folder / "packages")
        self.registry.put(counting_package(), at_unix_s=1.0)
        self.plain = WarehouseEvidence(self.registry, warehouse)
        self.feed = Counting(warehouse)
        # Its windows are in the future, and old enough for being rolled up all the same.
        self.running = RunningEvidence(self.plain, self.feed, fine_s=-1000 * DAYS, turn_s=turn_s)
        self._seq: Counter[str] = Counter()

    def write(self, *windows: tuple[str, float]) -> None:
        """Each window is a device and the seconds after START at which it began."""
        collector = Collector(
            CollectorConfig(window_s=10, device_window_s=10),
            packages={DIGITS.digest: DIGITS}.get,
            marks=self.warehouse.marks,
            is_known=lambda _: True,
        )
        for device, after_s in windows:
            row = (float(self._seq[device]), float(len(device)))
            entry = window_of([row], start_unix_s=START + after_s)
            payload = payload_of(batch_of(self._seq[device], entry, device=device))
            self._seq[device] += 1
            collector.on_telemetry(telemetry_topic(device), payload, START + 9000.0)
        commit = collector.take_commit()
        assert commit is not None
        self.warehouse.commit(commit)

    def both(
        self, devices: frozenset[str], since_s: float = 0.0, until_s: float | None = None
    ) -> tuple[tuple[object, ...], tuple[object, ...]]:
        until = None if until_s is None else START + until_s
        asked = (devices, START + since_s, until)
        return _cohort(self.running, *asked), _cohort(self.plain, *asked)


def _cohort(
    source: RunningEvidence | WarehouseEvidence,
    devices: frozenset[str],
    since_unix_s: float,
    until_unix_s: float | None,
) -> tuple[object, ...]:
    return _told(
        source.cohort(
            DIGITS.digest, devices=devices, since_unix_s=since_unix_s, until_unix_s=until_unix_s
        )
    )


def _told(found: CohortStatistics) -> tuple[object, ...]:
    return found.counters, found.profile.to_state(), found.devices


@pytest.fixture(params=["sqlite", "postgres"])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlWarehouse]:
    if request.param == "sqlite":
        store: SqlWarehouse = SqliteWarehouse(tmp_path)
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        store = PostgresWarehouse(server.new_warehouse())
    with closing(store):
        yield store


@pytest.fixture
def world(warehouse: SqlWarehouse, tmp_path: Path) -> Iterator[World]:
    world = World(warehouse, tmp_path)
    yield world
    world.registry.close()


def test_looks_that_come_again_come_to_what_a_read_of_everything_comes_to(world: World) -> None:
    chance = random.Random(5)
    canary, control = frozenset(NAMES[:7]), frozenset(NAMES[7:40])

    for look in range(6):
        world.write(*((chance.choice(NAMES), chance.uniform(0.0, 900.0)) for _ in range(80)))
        for devices in (canary, control, frozenset(NAMES[: 10 + 6 * look])):
            again, anew = world.both(devices, since_s=100.0, until_s=700.0)
            assert again == anew
        assert {
            name: _told(one)
            for name, one in world.running.by_device(
                DIGITS.digest, Role.PRIMARY, since_unix_s=START + 300.0
            ).items()
        } == {
            name: _told(one)
            for name, one in world.plain.by_device(
                DIGITS.digest, Role.PRIMARY, since_unix_s=START + 300.0
            ).items()
        }


def test_a_window_is_read_once_however_often_a_rollout_looks(world: World) -> None:
    devices = frozenset(NAMES)
    world.write(*((name, 0.0) for name in NAMES))
    world.both(devices)
    first = world.feed.read.total()

    world.write((NAMES[0], 20.0), (NAMES[1], 20.0))
    for _ in range(5):
        again, anew = world.both(devices)
        assert again == anew

    assert first == 45
    assert world.feed.read.total() == 45 + 2


def test_a_device_that_joins_costs_its_own_windows_alone(world: World) -> None:
    world.write(*((name, 0.0) for name in NAMES))
    world.both(frozenset(NAMES[:-1]))
    before = world.feed.read.total()

    again, anew = world.both(frozenset(NAMES))

    assert again == anew
    assert world.feed.read.total() - before == 1


def test_a_first_read_goes_on_in_turns_and_nothing_is_told_before_its_end(
    warehouse: SqlWarehouse, tmp_path: Path
) -> None:
    world = World(warehouse, tmp_path, turn_s=0.0)
    world.write(*((name, 0.0) for name in NAMES))

    for name in (NAMES[0], NAMES[40]):  # before and behind what has been read
        with pytest.raises(UnavailableError, match="still being read"):
            world.both(frozenset(NAMES))
        world.write((name, 30.0))

    again, anew = world.both(frozenset(NAMES))
    world.registry.close()
    assert again == anew


def test_windows_that_were_rolled_up_are_not_counted_again(world: World) -> None:
    world.write(*((name, after_s) for name in NAMES[:3] for after_s in (0.0, 60.0, 120.0)))
    devices = frozenset(NAMES)
    counted, _ = world.both(devices)

    made = world.warehouse.roll_up(
        {DIGITS_ROLE: DIGITS.specs[Role.PRIMARY]}.get,
        before_unix_s=START + 7200.0,
        span_s=3600,
    )

    assert made > 0
    again, anew = world.both(devices)
    assert again == counted == anew


def test_what_another_collector_writes_late_is_not_lost(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    url = postgres.new_warehouse()
    insert = (
        "INSERT INTO device_window (device, package, role, start_unix_s, span_s,"
        " rows, calls, failures, dropped, profile)"
        " SELECT device, package, role, start_unix_s, span_s, rows, calls, failures, dropped,"
        " profile FROM device_window LIMIT 1"
    )
    with closing(PostgresWarehouse(url)) as warehouse, psycopg.connect(url) as late:
        world = World(warehouse, tmp_path)
        world.write(*((name, 0.0) for name in NAMES[:5]))
        world.both(frozenset(NAMES))
        late.execute(insert)  # has taken a number, and is not there yet
        world.write((NAMES[7], 20.0))
        before, _ = world.both(frozenset(NAMES))

        late.commit()

        again, anew = world.both(frozenset(NAMES))
        world.registry.close()
    assert before != again == anew
