"""Whose turn it is: minutes, slots, windows and time zones."""

import pytest

from cloud_sync.core.facts import DeviceFacts, DeviceStatus
from cloud_sync.core.rollout import RolloutPlan
from cloud_sync.core.rollout.pace import next_in_turn
from cloud_sync.core.rollout.record import RolloutRecord, StageRecord
from cloud_sync.core.rollout.rollout_life import RolloutState
from cloud_sync.core.rollout.stage_life import StageState
from cloud_sync.core.rollout.staging import enlist
from cloud_sync.core.rollout.zones import zone_of
from edge_contract.messages import ModelReport, SlotReport, Target
from tests.support.behaviours import FRAGILE, STURDY, package_of
from tests.support.rollout_world import World

OLD = package_of(FRAGILE, "1.0.0", seed=1)
NEW = package_of(STURDY, "1.1.0", seed=2)
NOON = 1_795_608_000.0  # Wednesday, 2026-11-25, 12:00 UTC


def record_of(**fields: object) -> RolloutRecord:
    plan = RolloutPlan(
        model="gate",
        version="1.1.0",
        shadow=False,
        steps=(1.0,),
        **fields,  # type: ignore[arg-type]
    )
    stages = [StageRecord(stage, StageState.DISPATCHING) for stage in plan.stages()]
    return RolloutRecord(
        rollout_id="r1",
        salt="s",
        plan=plan,
        candidate=Target("1.1.0", NEW.digest, "r1"),
        previous=Target("1.0.0", OLD.digest),
        created_unix_s=NOON,
        stages=stages,
        state=RolloutState.RUNNING,
    )


def fleet(size: int, **fields: object) -> dict[str, DeviceFacts]:
    return {
        name: DeviceFacts(name, DeviceStatus.ONLINE, **fields)  # type: ignore[arg-type]
        for name in (f"cam-{number:02d}" for number in range(size))
    }


def told(record: RolloutRecord) -> int:
    return sum(one.told is not None for one in record.executions.values())


def test_so_many_are_told_in_any_minute() -> None:
    record, devices = record_of(devices_per_minute=4), fleet(10)
    counts = []
    for second in (0.0, 30.0, 59.0, 60.0, 119.0, 120.0):
        enlist(record, devices, NOON + second)
        counts.append(told(record))

    assert counts == [4, 4, 4, 8, 8, 10]


def test_less_than_one_a_minute_is_one_in_several_minutes() -> None:
    record, devices = record_of(devices_per_minute=0.5), fleet(3)
    counts = []
    for second in (0.0, 60.0, 119.0, 120.0):
        enlist(record, devices, NOON + second)
        counts.append(told(record))

    assert counts == [1, 1, 1, 2]


def test_a_slot_is_free_again_when_a_device_is_through() -> None:
    world = World({"1.0.0": (OLD, FRAGILE), "1.1.0": (NEW, STURDY)}, "1.0.0")
    for number in range(6):
        world.add(f"cam-{number}")
    world.start(
        RolloutPlan(
            model="gate", version="1.1.0", strategy="all-at-once", max_in_flight=2, trial_s=1.0
        )
    )
    most = 0
    for _ in range(60):
        world.step()
        states = list(world.controller.view("r1").executions.values())
        most = max(most, states.count("notified") + states.count("in_progress"))

    assert most == 2
    assert world.controller.view("r1").state == "succeeded"
    assert len(world.serving("1.1.0")) == 6


def test_where_there_are_limits_who_is_away_is_told_when_it_is_back() -> None:
    record, devices = record_of(max_in_flight=5), fleet(3)
    devices["cam-01"] = DeviceFacts("cam-01", DeviceStatus.UNREACHABLE)

    enlist(record, devices, NOON)

    assert told(record) == 2
    assert record.executions["cam-01"].told is None


def test_a_window_goes_by_the_clock_on_the_devices_wall() -> None:
    record = record_of(windows=["11:00-12:30"])
    devices = {
        "london": DeviceFacts("london", DeviceStatus.ONLINE, tags={"time_zone": "Europe/London"}),
        "oslo": DeviceFacts("oslo", DeviceStatus.ONLINE, facts={"time_zone": "Europe/Oslo"}),
        "nowhere": DeviceFacts("nowhere", DeviceStatus.ONLINE),
    }

    enlist(record, devices, NOON)

    assert {name: one.told is not None for name, one in record.executions.items()} == {
        "london": True,
        "oslo": False,  # where it is 13:00
        "nowhere": True,  # UTC, as the plan says
    }
    assert next_in_turn(record, devices, NOON).held == ("oslo",)


def test_a_device_that_waits_for_its_own_time_holds_no_slot() -> None:
    record, devices = record_of(max_in_flight=1), fleet(2)
    enlist(record, devices, NOON)
    (first,) = [name for name, one in record.executions.items() if one.told is not None]
    slot = SlotReport("A", "ready", "1.1.0", NEW.digest, "waiting: until the window opens", True)
    models = {"gate": ModelReport(OLD.digest, "1.0.0", slots=(slot,))}
    devices[first] = DeviceFacts(first, DeviceStatus.ONLINE, models=models)

    enlist(record, devices, NOON + 1.0)

    assert told(record) == 2


@pytest.mark.parametrize(
    ("tags", "facts", "zone"),
    [
        ({"time_zone": "Asia/Tokyo"}, {"time_zone": "Europe/Oslo"}, "Asia/Tokyo"),
        ({"time_zone": "Mars/Olympus"}, {"time_zone": "Europe/Oslo"}, "Europe/Oslo"),
        ({}, {"time_zone": 7}, "UTC"),
    ],
)
def test_a_zone_is_the_tag_or_the_fact_or_the_plans(
    tags: dict[str, str], facts: dict[str, object], zone: str
) -> None:
    assert zone_of(tags, facts, default="UTC") == zone  # type: ignore[arg-type]
