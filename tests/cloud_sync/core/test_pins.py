"""Devices that an operator holds to a version."""

import json

from cloud_sync.core.facts import DeviceStatus
from cloud_sync.core.fleet import Fleet, FleetConfig
from cloud_sync.core.fleet_effects import PublishDesired, SaveDevice
from cloud_sync.core.twin import DeviceTwin
from edge_contract.messages import Assignment, Birth, ModelReport, Report, Target

OLD, NEW, BEST = (
    Target(version, f"sha256:{digit * 64}")
    for version, digit in (("1.0.0", "a"), ("1.1.0", "b"), ("1.2.0", "c"))
)


def fleet_with_a_gate() -> Fleet:
    fleet = Fleet(FleetConfig(), now_unix_s=0.0)
    fleet.on_event(Birth("gate-1", 1, 0.0, True, "0.1.0"), now_unix_s=0.0)
    fleet.on_event(Report("gate-1", 1, 1, 0, {"digits": ModelReport("", "")}), now_unix_s=0.0)
    fleet.set_stable("digits", NEW, 1.0)
    return fleet


def served(fleet: Fleet) -> Target | None:
    desired = fleet.twin("gate-1").desired
    return None if desired is None else desired.models["digits"].serve


def test_a_device_that_is_held_to_a_version_is_told_so_and_keeps_it_through_rollouts() -> None:
    fleet = fleet_with_a_gate()

    effects = fleet.set_pin("gate-1", "digits", target=OLD, now_unix_s=2.0)
    held = served(fleet)
    assignment = Assignment(serve=BEST)
    fleet.set_assignment("gate-1", "digits", assignment=assignment, now_unix_s=3.0)
    fleet.set_stable("digits", BEST, 4.0)
    still_held = served(fleet)
    fleet.set_pin("gate-1", "digits", target=None, now_unix_s=5.0)

    assert [type(effect) for effect in effects] == [SaveDevice, PublishDesired]
    assert held == OLD
    assert still_held == OLD
    assert fleet.twin("gate-1").facts().pins == {}
    assert served(fleet) == BEST


def test_holding_a_device_to_what_it_is_held_to_changes_nothing() -> None:
    fleet = fleet_with_a_gate()
    fleet.set_pin("gate-1", "digits", target=OLD, now_unix_s=2.0)

    again = fleet.set_pin("gate-1", "digits", target=OLD, now_unix_s=3.0)

    assert again == []


def test_a_pin_outlives_a_restart_of_the_cloud() -> None:
    twin = DeviceTwin("gate-1", DeviceStatus.ONLINE, pins={"digits": OLD})

    document = json.loads(json.dumps(twin.to_json()))

    assert DeviceTwin.from_json(document) == twin
    assert twin.facts().pins == {"digits": "1.0.0"}
