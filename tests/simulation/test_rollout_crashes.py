"""The cloud is killed at every tick, before or after it carried out what it decided."""

from collections.abc import Callable

import pytest

from cloud_sync.core.facts import PackageFacts
from cloud_sync.core.rollout import RolloutPlan
from tests.support.behaviours import BAD, FRAGILE, STURDY, Behaviour, package_of
from tests.support.rollout_world import World

VERSIONS: dict[str, tuple[PackageFacts, Behaviour]] = {
    "1.0.0": (package_of(FRAGILE, "1.0.0", seed=1), FRAGILE),
    "1.1.0": (package_of(STURDY, "1.1.0", seed=2), STURDY),
    "1.2.0": (package_of(BAD, "1.2.0", seed=3), BAD),
}


def fleet() -> World:
    world = World(VERSIONS, "1.0.0")
    for number in range(20):
        world.add(f"cam-{number:02d}", dirty=number < 5)
    for _ in range(10):
        world.step()
    return world


def plan(version: str, **fields: object) -> RolloutPlan:
    quick = {"bake_s": 4.0, "max_wait_s": 60.0, "min_rows": 150, **fields}
    return RolloutPlan(model="gate", version=version, **quick)  # type: ignore[arg-type]


@pytest.mark.parametrize("kill", ["before", "after"])
@pytest.mark.parametrize("strategy", ["canary", "blue-green", "shadow", "all-at-once"])
@pytest.mark.parametrize("every", [1, 3])
def test_a_cloud_that_is_killed_again_and_again_still_promotes(
    kill: str, strategy: str, every: int
) -> None:
    world = fleet()
    rollout_id = world.start(plan("1.1.0", strategy=strategy))

    for number in range(150):
        # Killed before carrying out: what it decided at that tick is known from its state alone.
        world.step(kill=kill if kill == "after" or number % (every + 1) else "")

    found = world.controller.view(rollout_id)
    assert found.state == "succeeded", found.sentence
    wanted = "1.0.0" if strategy == "shadow" else "1.1.0"
    assert world.serving(wanted) == set(world.devices)
    assert world.stable.manifest.version == wanted


@pytest.mark.parametrize("kill", ["before", "after"])
def test_a_cloud_that_is_killed_again_and_again_still_takes_a_bad_version_back(kill: str) -> None:
    world = fleet()
    rollout_id = world.start(plan("1.2.0", shadow=False))

    for number in range(100):
        world.step(kill=kill if kill == "after" or number % 2 else "")

    found = world.controller.view(rollout_id)
    assert found.state == "rolled_back"
    assert len(found.devices_exposed) == 2
    assert world.serving("1.0.0") == set(world.devices)


def steer(action: str) -> Callable[[World, str], None]:
    def do(world: World, rollout_id: str) -> None:
        effects = world.controller.steer(rollout_id, action, by="ada", now_unix_s=world.now_s)
        world.carry_out(effects)

    return do


@pytest.mark.parametrize("at", range(2, 26, 4))
@pytest.mark.parametrize(("action", "outcome"), [("abort", "aborted"), ("rollback", "rolled_back")])
def test_a_person_can_stop_it_at_any_time_and_every_device_goes_back(
    at: int, action: str, outcome: str
) -> None:
    world = fleet()
    rollout_id = world.start(plan("1.1.0"))
    for _ in range(at):
        world.step(kill="after")
    if not world.controller.active():
        pytest.fail("the rollout is over before anybody could stop it")

    steer(action)(world, rollout_id)
    world.run(steps=60, kill="after")

    found = world.controller.view(rollout_id)
    assert found.state == outcome
    assert world.serving("1.0.0") == set(world.devices)
    assert all(device.wanted.shadow is None for device in world.devices.values())


def test_a_pause_stops_widening_and_a_resume_goes_on() -> None:
    world = fleet()
    rollout_id = world.start(plan("1.1.0", shadow=False))
    for _ in range(4):
        world.step()
    steer("pause")(world, rollout_id)
    for _ in range(20):
        world.step(kill="after")

    assert world.controller.view(rollout_id).state == "paused"
    assert len(world.serving("1.1.0")) == 2

    steer("resume")(world, rollout_id)
    world.run(steps=60)
    assert world.controller.view(rollout_id).state == "succeeded"


def test_a_paused_rollout_is_still_taken_back_when_its_version_is_bad() -> None:
    world = fleet()
    rollout_id = world.start(plan("1.2.0", shadow=False))
    while world.controller.view(rollout_id).stages[0].state != "soaking":
        world.step()
    steer("pause")(world, rollout_id)
    world.run(steps=30)

    assert world.controller.view(rollout_id).state == "rolled_back"


def test_without_traffic_a_person_may_approve_a_stage() -> None:
    world = fleet()
    world.silent = True
    rollout_id = world.start(plan("1.1.0", shadow=False, max_wait_s=10.0))
    while world.controller.view(rollout_id).state != "paused":
        world.step()
    served = len(world.serving("1.1.0"))

    steer("approve")(world, rollout_id)
    for _ in range(8):
        world.step(kill="after")

    found = world.controller.view(rollout_id)
    assert served == 2
    assert len(world.serving("1.1.0")) == 10
    assert found.stages[0].state == "passed"
    assert "ada: approve a stage although its gates could not tell" in [
        event.sentence for event in found.events
    ]


def test_a_rollout_that_supersedes_another_takes_over_its_devices() -> None:
    world = fleet()
    first = world.start(plan("1.2.0", shadow=False, steps=(0.5, 1.0), bake_s=400.0, min_rows=9999))
    for _ in range(8):
        world.step()
    assert len(world.serving("1.2.0")) == 10

    second = world.start(plan("1.1.0", shadow=False), supersede=True)
    world.step(kill="before")
    world.run(steps=100, kill="after")

    assert world.controller.view(first).state == "superseded"
    assert set(world.controller.view(first).executions.values()) == {"superseded"}
    assert world.controller.view(second).state == "succeeded"
    assert world.serving("1.1.0") == set(world.devices)


def test_a_superseding_rollout_that_is_aborted_before_it_starts_sends_devices_back() -> None:
    world = fleet()
    world.start(plan("1.2.0", shadow=False, steps=(0.5, 1.0), bake_s=400.0, min_rows=9999))
    for _ in range(8):
        world.step()

    second = world.start(plan("1.1.0", approval=True), supersede=True)
    steer("abort")(world, second)
    world.run(steps=30)

    assert world.controller.view(second).state == "aborted"
    assert world.serving("1.0.0") == set(world.devices)
