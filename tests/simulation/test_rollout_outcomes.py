"""Rollouts on a virtual clock: what becomes of good, equal and bad versions on a whole fleet."""

import pytest

from cloud_sync.core.facts import PackageFacts
from cloud_sync.core.rollout import RolloutPlan, RolloutSummary
from edge_contract.cohorts import cohort_position
from tests.support.behaviours import BAD, FRAGILE, STURDY, Behaviour, package_of
from tests.support.rollout_world import World

VERSIONS: dict[str, tuple[PackageFacts, Behaviour]] = {
    "1.0.0": (package_of(FRAGILE, "1.0.0", seed=1), FRAGILE),
    "1.0.1": (package_of(FRAGILE, "1.0.1", seed=4), FRAGILE),  # the same quality
    "1.1.0": (package_of(STURDY, "1.1.0", seed=2), STURDY),  # better where it is dirty
    "1.2.0": (package_of(BAD, "1.2.0", seed=3), BAD),  # right on 10 % of the rows
}


def fleet(size: int = 50, *, dirty: int = 0, seed: int = 1) -> World:
    world = World(VERSIONS, "1.0.0", seed=seed)
    for number in range(size):
        world.add(f"cam-{number:02d}", dirty=number < dirty)
    for _ in range(10):
        world.step()
    return world


def plan(version: str, **fields: object) -> RolloutPlan:
    quick = {"bake_s": 4.0, "max_wait_s": 60.0, "min_rows": 150, "shadow": False, **fields}
    return RolloutPlan(model="gate", version=version, **quick)  # type: ignore[arg-type]


def rolled_out(world: World, wanted: RolloutPlan, *, salt: str = "s") -> RolloutSummary:
    rollout_id = world.start(wanted, salt=salt)
    world.run(steps=150)
    return world.controller.view(rollout_id)


@pytest.mark.parametrize("shadow", [True, False])
@pytest.mark.parametrize("dirty", [0, 12])
def test_a_better_version_is_promoted_everywhere(shadow: bool, dirty: int) -> None:
    world = fleet(dirty=dirty)

    found = rolled_out(world, plan("1.1.0", shadow=shadow))

    assert found.state == "succeeded"
    assert world.stable.manifest.version == "1.1.0"
    assert len(found.devices_exposed) == len(world.serving("1.1.0")) == 50
    assert set(found.executions.values()) == {"succeeded"}
    assert {stage.state for stage in found.stages} == {"passed"}


@pytest.mark.parametrize("seed", range(8))
def test_an_equal_version_is_promoted_even_if_the_canary_has_dirty_cameras(seed: int) -> None:
    world = fleet(20, dirty=5, seed=seed)

    found = rolled_out(world, plan("1.0.1"), salt=f"salt {seed}")

    assert found.state == "succeeded", found.sentence


def test_a_bad_version_is_taken_back_and_nobody_outside_the_canary_ever_served_it() -> None:
    world = fleet()

    found = rolled_out(world, plan("1.2.0"))

    assert found.state == "rolled_back"
    assert len(found.devices_exposed) == 5
    assert world.ever_served[VERSIONS["1.2.0"][0].digest] == set(found.devices_exposed)
    assert world.serving("1.0.0") == set(world.devices)
    assert world.stable.manifest.version == "1.0.0"
    assert {found.executions[name] for name in found.devices_exposed} == {"rolled_back"}
    assert any("estimate failed: estimated accuracy 0.1" in e.sentence for e in found.events)


def test_a_bad_version_is_found_out_within_seconds_of_its_first_rows() -> None:
    world = fleet()
    began_s = world.now_s

    found = rolled_out(world, plan("1.2.0"))

    failed = next(event for event in found.events if "failed" in event.sentence)
    assert failed.at_unix_s - began_s <= 20.0


def test_in_shadow_a_bad_version_is_taken_back_before_it_serves_anybody() -> None:
    world = fleet()

    found = rolled_out(world, plan("1.2.0", shadow=True))

    assert found.state == "rolled_back"
    assert found.devices_exposed == []
    assert VERSIONS["1.2.0"][0].digest not in world.ever_served
    assert any("agreement failed: agrees on" in event.sentence for event in found.events)


def test_a_shadow_rollout_compares_and_leaves_everything_as_it_was() -> None:
    world = fleet(20)

    found = rolled_out(world, plan("1.1.0", strategy="shadow", shadow=True))

    assert found.state == "succeeded"
    assert found.devices_exposed == []
    assert world.stable.manifest.version == "1.0.0"
    assert all(device.wanted.shadow is None for device in world.devices.values())


@pytest.mark.parametrize("shadow", [True, False])
def test_blue_green_switches_all_devices_at_once(shadow: bool) -> None:
    world = fleet(20, dirty=5)
    rollout_id = world.start(plan("1.1.0", strategy="blue-green", shadow=shadow))
    serving: list[int] = []
    for _ in range(60):
        world.step()
        serving.append(len(world.serving("1.1.0")))

    assert world.controller.view(rollout_id).state == "succeeded"
    assert set(serving) == {0, 20}


def test_blue_green_goes_back_when_the_new_version_is_bad() -> None:
    world = fleet(20)

    found = rolled_out(world, plan("1.2.0", strategy="blue-green"))

    assert found.state == "rolled_back"
    assert world.serving("1.0.0") == set(world.devices)
    assert any(
        "control" not in e.sentence and "estimate failed" in e.sentence for e in found.events
    )


def test_all_at_once_asks_for_healthy_devices_only() -> None:
    world = fleet(10)

    found = rolled_out(world, plan("1.2.0", strategy="all-at-once"))

    assert found.state == "succeeded"
    assert len(found.devices_exposed) == 10


def test_unreachable_devices_hold_nobody_up_and_get_it_when_they_return() -> None:
    world = fleet(20)
    for name in ("cam-01", "cam-02", "cam-03"):
        world.devices[name].online = False

    found = rolled_out(world, plan("1.1.0"))

    assert found.state == "succeeded"
    assert found.executions["cam-01"] == "timed_out"
    world.devices["cam-01"].online = True
    for _ in range(6):
        world.step()
    assert "cam-01" in world.serving("1.1.0")


def test_late_joiners_obey_the_running_stage() -> None:
    world = fleet(20)
    rollout_id = world.start(plan("1.1.0", steps=(0.1, 1.0), bake_s=60.0, trial_s=2.0))
    most = 0
    for number in range(20):
        world.add(f"late-{number:02d}")
        world.step()
        most = max(most, len(world.serving("1.1.0")))
    found = world.controller.view(rollout_id)

    assert found.stages[0].state == "soaking"
    assert 2 <= most <= 4

    world.run(steps=100)
    assert world.controller.view(rollout_id).state == "succeeded"
    assert len(world.serving("1.1.0")) == 40


def test_a_device_that_rolls_itself_back_stops_a_small_canary() -> None:
    world = fleet(20)
    world.devices["cam-07"].crashes_on = VERSIONS["1.1.0"][0].digest
    salt = next(f"salt {n}" for n in range(999) if "cam-07" in first_two(world, salt=f"salt {n}"))
    found = rolled_out(world, plan("1.1.0"), salt=salt)

    assert found.state == "rolled_back"
    assert found.executions["cam-07"] == "failed"
    assert "cam-07" in found.devices_exposed
    sentences = [event.sentence for event in found.events]
    assert "cam-07 will not run gate@1.1.0: 5 of 20 calls failed on trial" in sentences
    assert any(text.startswith("canary 10%: safety failed: 1 of 2") for text in sentences)


def first_two(world: World, *, salt: str) -> list[str]:
    return sorted(world.devices, key=lambda name: cohort_position(salt, name))[:2]


def test_one_refusing_device_among_many_is_noted_and_put_up_with() -> None:
    world = fleet(40)
    world.devices["cam-07"].refuses = VERSIONS["1.1.0"][0].digest

    found = rolled_out(world, plan("1.1.0", steps=(1.0,)))

    assert found.state == "succeeded"
    assert found.executions["cam-07"] == "rejected"
    assert "cam-07 will not run gate@1.1.0: golden vectors differ" in [
        event.sentence for event in found.events
    ]


def test_without_traffic_nothing_passes_and_the_rollout_waits_for_a_person() -> None:
    world = fleet(20)
    world.silent = True

    found = rolled_out(world, plan("1.1.0"))

    assert found.state == "paused"
    assert found.stages[0].state == "inconclusive"
    assert len(found.devices_exposed) == 2
    assert "safety is inconclusive: 0 of at least 150 rows seen" in found.sentence


def test_idle_devices_stay_on_trial_and_are_not_held_against_the_version() -> None:
    world = fleet(20)
    for device in world.devices.values():
        device.idle = True

    found = rolled_out(world, plan("1.1.0"))

    assert found.state == "paused"
    assert "timed_out" not in found.executions.values()
    assert "delivery is inconclusive: 0 of 2 reachable devices run it" in found.sentence


def test_a_camera_that_becomes_dirty_on_the_way_is_not_called_a_bad_version() -> None:
    world = fleet(20)
    rollout_id = world.start(plan("1.1.0"))
    while world.controller.view(rollout_id).stages[0].state != "soaking":
        world.step()
    for name in world.controller.view(rollout_id).executions:
        world.devices[name].dirty = True
    world.run(steps=60)

    found = world.controller.view(rollout_id)
    assert found.state == "paused"
    assert "inputs of the stage's devices have changed, x most" in found.sentence
