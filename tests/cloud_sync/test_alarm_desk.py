from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from cloud_sync.adapters.folder_registry import FolderRegistry
from cloud_sync.adapters.sqlite_warehouse import SqliteWarehouse
from cloud_sync.adapters.warehouse_evidence import WarehouseEvidence
from cloud_sync.alarm_desk import AlarmDesk
from cloud_sync.core.collector import Collector, CollectorConfig
from cloud_sync.core.increments import PackageRole
from cloud_sync.core.records import AlarmRecord
from cloud_sync.core.segments import WHOLE_FLEET
from edge_agent.adapters.numpy_counting import count_block
from edge_contract.errors import PackageError
from edge_contract.messages import Counters, WindowEntry
from edge_contract.package import Package, Role, layout_of
from edge_contract.reading import JsonValue, Reader
from tests.support.locks import locked
from tests.support.packages import binary, with_version
from tests.support.telemetry import batch_of, facts_of, payload_of, telemetry_topic

NOW = 1_800_000_000.0
V1 = binary().package
V2 = with_version(V1, "2.0.0")
SUBJECT = PackageRole(V1.digest, Role.PRIMARY)


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[SqliteWarehouse]:
    with closing(SqliteWarehouse(tmp_path, busy_timeout_s=0.01)) as warehouse:
        yield warehouse


@pytest.fixture
def packages(tmp_path: Path) -> Iterator[FolderRegistry]:
    with closing(FolderRegistry(tmp_path)) as registry:
        for package in (V1, V2):
            registry.put(package, at_unix_s=NOW)
        yield registry


def desk_of(warehouse: SqliteWarehouse, packages: FolderRegistry) -> AlarmDesk:
    evidence = WarehouseEvidence(packages, warehouse)
    return AlarmDesk(warehouse, packages, evidence, per_month=1.0, grouping_s=3600.0)


def see(
    warehouse: SqliteWarehouse,
    package: Package,
    *,
    seq: int,
    shift: float | tuple[float, ...] = 0.0,
    rows: int = 500,
) -> None:
    """Merge rows that a device saw, shifted by so many standard deviations."""
    facts = facts_of(package)
    spec = facts.specs[Role.PRIMARY]
    rng = np.random.default_rng(seq)
    seen = np.empty((rows, 6), np.float32)
    seen[:, :3] = rng.normal(shift, 1.0, size=(rows, 3))
    seen[:, 3:] = (1.0, 0.9, 50.0)  # class, probability and latency
    profile = count_block(spec, layout_of(Role.PRIMARY, facts.manifest, spec), seen)
    counters = Counters(rows=rows, calls=rows)
    window = WindowEntry(facts.digest, Role.PRIMARY, NOW, NOW + 10.0, counters, profile.to_state())
    collector = Collector(
        CollectorConfig(),
        packages={facts.digest: facts}.get,
        marks=warehouse.marks,
        is_known=lambda _: True,
    )
    collector.on_telemetry(telemetry_topic(), payload_of(batch_of(seq, window)), NOW + 20.0)
    commit = collector.take_commit()
    assert commit is not None
    warehouse.commit(commit)


def test_an_open_alarm_is_shown_again_after_a_restart(
    warehouse: SqliteWarehouse, packages: FolderRegistry
) -> None:
    see(warehouse, V1, seq=0, shift=3.0)
    assert desk_of(warehouse, packages).tick(NOW + 60.0) == 1

    later = desk_of(warehouse, packages)
    later.restore(NOW + 60.0)

    assert later.watched[V1.digest].drifted >= {"feature:x0", "feature:x1", "feature:x2"}
    assert later.tick(NOW + 120.0) == 0


def test_counts_whose_analysis_could_not_be_saved_are_counted_once(
    warehouse: SqliteWarehouse, packages: FolderRegistry, tmp_path: Path
) -> None:
    see(warehouse, V1, seq=0)
    desk = desk_of(warehouse, packages)
    with locked(tmp_path):
        assert [desk.tick(NOW + seconds) for seconds in (60.0, 61.0, 62.0)] == [0, 0, 0]
        assert warehouse.pending_subjects() == [SUBJECT]

    desk.tick(NOW + 70.0)

    assert warehouse.pending_subjects() == []
    with closing(SqliteWarehouse(tmp_path / "undisturbed")) as undisturbed:
        see(undisturbed, V1, seq=0)
        desk_of(undisturbed, packages).tick(NOW + 70.0)
        assert kinds_of(warehouse) == kinds_of(undisturbed)


def test_a_package_that_cannot_be_read_does_not_keep_others_from_being_watched(
    warehouse: SqliteWarehouse, packages: FolderRegistry, tmp_path: Path
) -> None:
    see(warehouse, V1, seq=0)
    see(warehouse, V2, seq=1)
    manifest = packages.blob_path(V1.digest)
    manifest.write_bytes(manifest.read_bytes()[:-1])
    packages.close()

    with closing(FolderRegistry(tmp_path)) as damaged:
        desk = desk_of(warehouse, damaged)
        desk.restore(NOW)
        desk.tick(NOW + 60.0)

    assert warehouse.pending_subjects() == [SUBJECT]


def test_what_drifts_after_an_alarm_joins_it_while_it_grows(
    warehouse: SqliteWarehouse, packages: FolderRegistry
) -> None:
    desk = desk_of(warehouse, packages)
    see(warehouse, V1, seq=0, shift=(3.0, 0.0, 0.0))
    assert desk.tick(NOW + 60.0) == 1
    (first,) = warehouse.alarms()

    see(warehouse, V1, seq=1, shift=(3.0, 3.0, 0.0))
    assert desk.tick(NOW + 120.0) == 0

    (grown,) = warehouse.alarms()
    assert (grown.alarm_id, grown.raised_unix_s) == (first.alarm_id, NOW + 60.0)
    assert "feature:x1" not in features_of(first)
    assert {"feature:x0", "feature:x1"} <= features_of(grown)


def test_what_drifts_long_after_an_alarm_is_an_alarm_of_its_own(
    warehouse: SqliteWarehouse, packages: FolderRegistry
) -> None:
    desk = desk_of(warehouse, packages)
    see(warehouse, V1, seq=0, shift=(3.0, 0.0, 0.0))
    desk.tick(NOW + 60.0)
    see(warehouse, V1, seq=1, shift=(3.0, 3.0, 0.0))

    assert desk.tick(NOW + 60.0 + 3601.0) == 1

    newest, oldest = warehouse.alarms()
    assert "feature:x1" in features_of(newest)
    assert "feature:x0" in features_of(oldest)
    assert "feature:x0" not in features_of(newest)


def kinds_of(warehouse: SqliteWarehouse) -> JsonValue:
    return warehouse.detectors(SUBJECT)[WHOLE_FLEET].state["kinds"]


def features_of(alarm: AlarmRecord) -> set[str]:
    document = Reader(alarm.document, "alarm", PackageError)
    return {item.text() for item in document["features"].items()}
