from contextlib import ExitStack, closing
from pathlib import Path

from cloud_sync.adapters.folder_registry import FolderRegistry
from cloud_sync.adapters.sqlite_warehouse import SqliteWarehouse
from cloud_sync.adapters.warehouse_evidence import WarehouseEvidence
from cloud_sync.alarm_desk import AlarmDesk
from cloud_sync.conductor import Conductor
from cloud_sync.core.collector import Collector, CollectorConfig
from cloud_sync.core.facts import DeviceStatus
from cloud_sync.core.fleet import Fleet, FleetConfig
from cloud_sync.core.rollout import RolloutController
from cloud_sync.core.twin import DeviceTwin
from tests.support.memory_link import MemoryFleetLink

NOW = 1_800_000_000.0


def conductor_in(folder: Path, stack: ExitStack) -> Conductor:
    """One that has not begun to work."""
    warehouse = stack.enter_context(closing(SqliteWarehouse(folder)))
    packages = stack.enter_context(closing(FolderRegistry(folder)))
    evidence = WarehouseEvidence(packages, warehouse)
    fleet = Fleet(FleetConfig(), now_unix_s=NOW, twins=warehouse.devices())
    return Conductor(
        "f1",
        collector=Collector(
            CollectorConfig(),
            packages=packages.find,
            marks=warehouse.marks,
            is_known=fleet.knows,
        ),
        fleet=fleet,
        rollouts=RolloutController(record.document for record in warehouse.rollouts()),
        alarms=AlarmDesk(warehouse, packages, evidence, per_month=1.0, look_back_s=60.0),
        warehouse=warehouse,
        packages=packages,
        evidence=evidence,
        link=MemoryFleetLink(),
        broker=None,
        flush_s=0.2,
        analysis_s=60.0,
        retention_s=86_400.0,
    )


def test_pages_show_the_fleet_from_the_first_moment_of_a_restarted_cloud(tmp_path: Path) -> None:
    with closing(SqliteWarehouse(tmp_path)) as earlier:
        earlier.save_fleet(twins=[DeviceTwin("cam-7", DeviceStatus.ONLINE, boot=1)])

    with ExitStack() as stack:
        conductor = conductor_in(tmp_path, stack)

        assert conductor.snapshot.facts.keys() == {"cam-7"}
