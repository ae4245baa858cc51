from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest

from cloud_sync.adapters.folder_registry import FolderRegistry
from cloud_sync.adapters.sqlite_warehouse import SqliteWarehouse
from cloud_sync.adapters.warehouse_evidence import WarehouseEvidence
from cloud_sync.core.fleet import Fleet, FleetConfig
from cloud_sync.core.fleet_effects import FleetEffect
from cloud_sync.core.rollout import RolloutController, RolloutPlan, SetStable, TryAgain
from cloud_sync.fleet_desk import FleetDesk
from cloud_sync.rollout_desk import RolloutDesk
from edge_contract.errors import UnavailableError
from edge_contract.messages import Assignment, FleetTopics, ModelReport, Report, SlotReport, Target
from tests.support.locks import locked
from tests.support.memory_link import MemoryFleetLink
from tests.support.telemetry import counting_package, facts_of

NOW = 1_800_000_000.0
V1, V2 = counting_package("1.0.0"), counting_package("2.0.0")
CANDIDATE = Target("2.0.0", V2.digest, "r1", 20, 1.0)


@dataclass
class Cloud:
    """One life of a cloud without threads: what is in its folder is all that it has."""

    warehouse: SqliteWarehouse
    packages: FolderRegistry
    fleet: Fleet
    fleet_desk: FleetDesk
    rollouts: RolloutController
    desk: RolloutDesk

    @classmethod
    def in_folder(cls, folder: Path, stack: ExitStack) -> Self:
        warehouse = stack.enter_context(closing(SqliteWarehouse(folder, busy_timeout_s=0.01)))
        packages = stack.enter_context(closing(FolderRegistry(folder)))
        for package in (V1, V2):
            packages.put(package, at_unix_s=NOW)
        fleet = Fleet(FleetConfig(), now_unix_s=NOW, twins=warehouse.devices())
        fleet_desk = FleetDesk(FleetTopics("f1"), warehouse, MemoryFleetLink())
        rollouts = RolloutController(
            (record.document for record in warehouse.rollouts()),
            targeting=lambda text: lambda facts: facts.name.startswith(text),
        )

        def tell(effects: Iterable[FleetEffect]) -> None:
            fleet_desk.carry_out(effects)

        evidence = WarehouseEvidence(packages, warehouse)
        desk = RolloutDesk(
            rollouts, fleet, tell=tell, store=warehouse, packages=packages, evidence=evidence
        )
        return cls(warehouse, packages, fleet, fleet_desk, rollouts, desk)

    def report(self, number: int) -> None:
        """A device says that it serves 1.0.0, and has heard whatever is wanted of it."""
        heard = self.fleet.twin("cam-7").desired_generation if self.fleet.knows("cam-7") else 0
        models = {"digits": ModelReport(V1.digest, "1.0.0")}
        report = Report("cam-7", 1, number, heard, models, 0)
        self.fleet_desk.carry_out(self.fleet.on_event(report, NOW))

    def order(self) -> None:
        """Somebody wants 2.0.0 on all devices."""
        effects = self.rollouts.create(
            RolloutPlan(model="digits", version="2.0.0", strategy="all-at-once", bake_s=4.0),
            rollout_id="r1",
            salt="salt",
            candidate=facts_of(V2),
            previous=facts_of(V1),
            by="me",
            now_unix_s=NOW,
        )
        self.desk.carry_out(effects)

    def look(self, now_unix_s: float) -> None:
        """Do the first half of what a tick of the desk does."""
        evidence = WarehouseEvidence(self.packages, self.warehouse)
        self.desk.carry_out(self.rollouts.tick(now_unix_s, self.fleet.facts(), evidence))


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    """A cloud with one device."""
    with ExitStack() as stack:
        cloud = Cloud.in_folder(tmp_path, stack)
        cloud.report(1)
        yield cloud


def test_devices_get_what_a_rollout_wanted_while_nothing_could_be_saved(
    cloud: Cloud, tmp_path: Path
) -> None:
    cloud.order()
    with locked(tmp_path), pytest.raises(UnavailableError):
        cloud.desk.tick(NOW + 1.0)

    assert cloud.desk.tick(NOW + 2.0)

    (twin,) = cloud.warehouse.devices()
    assert twin.assignments == {"digits": Assignment(serve=CANDIDATE)}


def test_a_version_becomes_stable_although_that_could_not_be_saved_at_first(
    cloud: Cloud, tmp_path: Path
) -> None:
    cloud.order()
    stable = Target("2.0.0", V2.digest)
    with locked(tmp_path), pytest.raises(UnavailableError):
        cloud.desk.carry_out([SetStable("r1", "digits", stable)])
    (twin,) = cloud.warehouse.devices()
    assert twin.desired is not None
    assert twin.desired.models == {}

    cloud.desk.tick(NOW + 1.0)

    assert cloud.packages.stable("digits").version == "2.0.0"
    assert cloud.fleet.wishes.stable == {"digits": stable}


def test_after_a_restart_devices_are_taken_out_of_rollouts_that_had_ended(tmp_path: Path) -> None:
    with ExitStack() as life:
        cloud = Cloud.in_folder(tmp_path, life)
        cloud.report(1)
        cloud.order()
        cloud.desk.tick(NOW + 1.0)
        cloud.desk.carry_out(cloud.rollouts.steer("r1", "abort", by="me", now_unix_s=NOW + 2.0))
        cloud.report(2)
        cloud.look(NOW + 3.0)
        cloud.look(NOW + 4.0)  # it has ended, and the cloud is killed before it clears up
        assert cloud.rollouts.active() == []
        assert cloud.fleet.twin("cam-7").assignments.keys() == {"digits"}

    with ExitStack() as life:
        cloud = Cloud.in_folder(tmp_path, life)
        assert cloud.fleet.twin("cam-7").assignments.keys() == {"digits"}

        cloud.desk.tick(NOW + 10.0)

        (twin,) = cloud.warehouse.devices()
        assert twin.assignments == {}


def test_a_retry_tells_devices_to_forget_what_failed_on_them(cloud: Cloud) -> None:
    again = TryAgain("r1", ("cam-7", "never-seen"), "digits", CANDIDATE, "ada")

    cloud.order()
    cloud.desk.carry_out([again])

    (record,) = cloud.warehouse.commands()
    assert (record.command.name, record.command.arguments) == ("clear-bad", {"model": "digits"})
    assert (record.devices, record.by) == (("cam-7",), "ada")


def test_devices_keep_what_a_rollout_to_some_of_them_brought(cloud: Cloud) -> None:
    effects = cloud.rollouts.create(
        RolloutPlan(
            model="digits", version="2.0.0", strategy="all-at-once", bake_s=4.0, target="cam"
        ),
        rollout_id="r1",
        salt="salt",
        candidate=facts_of(V2),
        previous=facts_of(V1),
        by="me",
        now_unix_s=NOW,
    )
    cloud.desk.carry_out(effects)
    cloud.desk.tick(NOW + 1.0)
    heard = cloud.fleet.twin("cam-7").desired_generation
    slot = SlotReport("A", "active", "2.0.0", V2.digest)
    models = {"digits": ModelReport(V2.digest, "2.0.0", slots=(slot,))}
    cloud.fleet_desk.carry_out(
        cloud.fleet.on_event(Report("cam-7", 1, 9, heard, models, 0), NOW + 2.0)
    )
    for second in range(3, 9):
        cloud.desk.tick(NOW + second)

    assert cloud.rollouts.view("r1").state == "succeeded"
    assert cloud.fleet.twin("cam-7").assignments == {
        "digits": Assignment(serve=Target("2.0.0", V2.digest))
    }
    assert cloud.packages.stable("digits").version == "1.0.0"
