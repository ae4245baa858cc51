"""What a page reads does not grow with the fleet: counted in rows and statements, not seconds."""

import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from cloud_sync.adapters.folder_registry import FolderRegistry
from cloud_sync.adapters.sql.database import Row, SqlDatabase, Transaction, Value
from cloud_sync.adapters.sqlite_warehouse import SqliteWarehouse
from cloud_sync.config import CloudConfig
from cloud_sync.core.collector import Collector
from cloud_sync.core.collector_config import CollectorConfig
from cloud_sync.core.facts import DeviceStatus
from cloud_sync.core.twin import DeviceTwin
from cloud_sync.service import CloudService
from edge_contract.messages import Birth, ModelReport, Report
from tests.support.telemetry import (
    DIGITS,
    batch_of,
    counting_package,
    payload_of,
    telemetry_topic,
    window_of,
)

DEVICES = 400
WINDOWS = 3
PAGES = (
    "/",
    "/?filter=tag.site%20%3D%3D%20%22oslo%22",
    "/devices/cam-0007",
    "/models/digits/1.0.0",
    "/models/digits/1.0.0?segment=site%3Doslo",
    "/rollouts",
    "/alarms",
    "/commands",
    "/audit",
)


class Reading:
    """A transaction that counts what is read."""

    def __init__(self, inner: Transaction, seen: Counter[str]) -> None:
        self._inner = inner
        self._seen = seen

    def rows(self, statement: str, values: Sequence[Value] = ()) -> Iterable[Row]:
        found = list(self._inner.rows(statement, values))
        self._seen["statements"] += 1
        self._seen["rows"] += len(found)
        return found

    def row(self, statement: str, values: Sequence[Value] = ()) -> Row | None:
        self._seen["statements"] += 1
        self._seen["rows"] += 1
        return self._inner.row(statement, values)

    def now_unix_s(self) -> float:
        return self._inner.now_unix_s()


class CountingDatabase:
    """A database that counts what threads of the server read; what the cloud does itself is not."""

    def __init__(self, inner: SqlDatabase) -> None:
        self._inner = inner
        self.seen: Counter[str] = Counter()

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    @contextmanager
    def reading(self) -> Iterator[object]:
        with self._inner.reading() as transaction:
            by_server = threading.current_thread().name.startswith("AnyIO")
            yield Reading(transaction, self.seen) if by_server else transaction


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The data of a cloud that merged some windows of each of many devices."""
    now_unix_s = time.time()
    packages = FolderRegistry(tmp_path)
    packages.put(counting_package(), at_unix_s=now_unix_s)
    packages.close()
    warehouse = SqliteWarehouse(tmp_path)
    names = [f"cam-{number:04}" for number in range(DEVICES)]
    warehouse.save_fleet(twins=[_twin(name, now_unix_s) for name in names])
    collector = Collector(
        CollectorConfig(window_s=60, device_window_s=60, max_batches=10_000),
        packages={DIGITS.digest: DIGITS}.get,
        marks=warehouse.marks,
        is_known=lambda _: True,
    )
    for minute in range(WINDOWS):
        for name in names:
            entry = window_of([(1.0, 2.0)], start_unix_s=now_unix_s - 60.0 * (minute + 1))
            payload = payload_of(batch_of(minute, entry, device=name))
            collector.on_telemetry(telemetry_topic(name), payload, now_unix_s)
    commit = collector.take_commit()
    assert commit is not None
    warehouse.commit(commit)
    warehouse.close()
    return tmp_path


def _twin(name: str, now_unix_s: float) -> DeviceTwin:
    site = "oslo" if int(name[-1]) % 2 else "rome"
    birth = Birth(name, 1, now_unix_s, True, "1.0.0", {"cpus": 4}, {"site": site})
    report = Report(name, 1, 1, 1, {"digits": ModelReport(DIGITS.digest, "1.0.0")})
    return DeviceTwin(name, DeviceStatus.ONLINE, 1, 1, now_unix_s, birth, report)


def test_no_page_reads_a_row_of_every_device(folder: Path) -> None:
    with CloudService(CloudConfig(data=folder, http_port=0, mqtt_port=0)) as service:
        database = CountingDatabase(service.warehouse._db)
        service.warehouse._db = database  # type: ignore[assignment]
        read: dict[str, Counter[str]] = {}
        for page in PAGES:
            database.seen = Counter()
            answer = httpx.get(f"{service.url}{page}", timeout=30.0)
            assert answer.status_code == 200, (page, answer.text[-300:])
            read[page] = database.seen
        first = httpx.get(f"{service.url}/models/digits/1.0.0", timeout=30.0).text

    assert f"{DEVICES * WINDOWS:,} rows of {DEVICES} devices" in first
    assert read["/"]["rows"] > 50
    most = 12 * WINDOWS + 60  # a segment is drawn from 12 of its devices
    assert {page: seen for page, seen in read.items() if seen["rows"] > most} == {}
    assert {page: seen for page, seen in read.items() if seen["statements"] > 30} == {}
