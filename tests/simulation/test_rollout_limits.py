"""Approval by stage, retries, schedules and limits, on a virtual clock."""

import json

import pytest

from cloud_sync.core.facts import PackageFacts
from cloud_sync.core.rollout import GateRule, RolloutPlan, Step
from edge_contract.errors import UsageError
from tests.support.behaviours import BAD, FRAGILE, STURDY, Behaviour, package_of
from tests.support.rollout_world import World

VERSIONS: dict[str, tuple[PackageFacts, Behaviour]] = {
    "1.0.0": (package_of(FRAGILE, "1.0.0", seed=1), FRAGILE),
    "1.1.0": (package_of(STURDY, "1.1.0", seed=2), STURDY),
    "1.2.0": (package_of(BAD, "1.2.0", seed=3), BAD),
}
QUICK = {"bake_s": 4.0, "max_wait_s": 60.0, "min_rows": 150, "shadow": False}


def fleet(size: int = 20) -> World:
    world = World(VERSIONS, "1.0.0")
    for number in range(size):
        world.add(f"cam-{number:02d}")
    for _ in range(10):
        world.step()
    return world


def plan(version: str, **fields: object) -> RolloutPlan:
    return RolloutPlan(model="gate", version=version, **{**QUICK, **fields})  # type: ignore[arg-type]


def steer(world: World, action: str) -> None:
    world.carry_out(world.controller.steer("r1", action, by="ada", now_unix_s=world.now_s))


def test_a_step_that_needs_approval_waits_for_it_while_the_gates_still_watch() -> None:
    world = fleet()
    world.start(plan("1.1.0", steps=[Step(count=2), Step(fraction=1.0, approval=True)]))
    world.run(steps=60)

    waiting = world.controller.view("r1")
    assert waiting.sentence == "canary 2 devices passed its gates; canary 100% waits for approval"
    assert (waiting.state, len(world.serving("1.1.0"))) == ("running", 2)
    assert "approve" in waiting.actions

    steer(world, "approve")
    assert "approve" not in world.controller.view("r1").actions
    world.run(steps=60, kill="after")
    assert world.controller.view("r1").state == "succeeded"


def test_approval_of_nothing_is_refused() -> None:
    world = fleet()
    world.start(plan("1.1.0"))
    world.step()

    with pytest.raises(UsageError, match="'approve' refused: nothing waits for approval"):
        steer(world, "approve")
    with pytest.raises(UsageError, match="'retry' refused: no device has failed"):
        steer(world, "retry")


def test_it_begins_when_it_is_scheduled() -> None:
    world = fleet()
    world.start(plan("1.1.0", start_at_unix_s=world.now_s + 20.0))
    for _ in range(9):
        world.step(kill="after")

    assert world.controller.view("r1").state == "scheduled"
    world.step()
    assert world.controller.view("r1").state == "running"
    assert "from 1970-01-01 00:17 UTC on" in world.controller.view("r1").events[0].sentence


def test_devices_that_failed_try_again_when_a_person_says_so() -> None:
    world = fleet(4)
    digest = VERSIONS["1.1.0"][0].digest
    for device in world.devices.values():
        device.refuses = digest
    rules = {"safety": GateRule(on_fail="pause")}
    world.start(plan("1.1.0", steps=[Step(count=2), Step(fraction=1.0)], gates=rules))
    world.run(steps=20)
    assert world.controller.view("r1").state == "paused"
    assert sorted(world.controller.view("r1").executions.values()) == ["rejected", "rejected"]

    for device in world.devices.values():
        device.refuses = ""
    steer(world, "retry")
    world.run(steps=60)

    assert world.controller.view("r1").state == "succeeded"
    assert "ada: retry 2 devices that failed" in [e.sentence for e in world.said]


@pytest.mark.parametrize(
    ("on_fail", "state"), [("pause", "paused"), ("abort", "aborted"), ("rollback", "rolled_back")]
)
def test_a_plan_says_what_a_failure_leads_to(on_fail: str, state: str) -> None:
    world = fleet()
    gates = {"estimate": GateRule(on_fail=on_fail), "drift": GateRule(off=True)}
    world.start(plan("1.2.0", gates=gates))
    world.run(steps=60)

    assert world.controller.view("r1").state == state


def test_a_gate_has_rows_and_patience_of_its_own() -> None:
    world = fleet()
    rule = GateRule(min_rows=10**9, max_wait_s=10.0)
    world.start(plan("1.1.0", gates={"drift": rule}))
    began_s = world.now_s
    world.run(steps=60)

    found = world.controller.view("r1")
    assert found.state == "paused"
    assert "drift is inconclusive" in found.sentence
    paused = next(e for e in world.said if "drift is inconclusive" in e.sentence)
    assert paused.at_unix_s - began_s < 50.0


def test_shares_of_alpha_may_not_add_up_to_more_than_there_is() -> None:
    world = fleet(2)

    with pytest.raises(UsageError, match=r"spend 1\.65 times its alpha.*drift 0\.8"):
        world.start(plan("1.1.0", gates={"drift": GateRule(share=0.8)}))


def test_every_verdict_says_how_much_alpha_it_spent() -> None:
    world = fleet()
    world.start(plan("1.2.0", alpha=0.04))
    world.run(steps=60)

    evidence = [e.evidence for e in world.said if "gates" in e.evidence][-1]
    assert '"alpha": 0.0026666' in json.dumps(evidence)  # 0.04 * 0.2 of safety, over three stages


def test_a_device_whose_window_is_closed_is_waited_for_and_then_told() -> None:
    world = fleet(4)  # the clock stands at 00:17, and a step is two seconds
    world.start(plan("1.1.0", steps=(1.0,), windows=["00:20-01:00"], max_wait_s=20.0))
    for _ in range(80):
        world.step(kill="after")
    assert world.serving("1.1.0") == set()
    assert world.controller.view("r1").state == "running"  # held back is not late

    world.run(steps=60)
    assert world.controller.view("r1").state == "succeeded"


def test_a_held_device_never_times_out_and_delivery_says_who_it_waits_for() -> None:
    world = fleet(4)
    world.devices["cam-01"].holds = True
    world.start(plan("1.1.0", steps=(1.0,), max_wait_s=20.0))
    for _ in range(60):
        world.step()

    found = world.controller.view("r1")
    assert (found.state, found.executions["cam-01"]) == ("running", "in_progress")

    world.devices["cam-01"].holds = False
    world.run(steps=60)
    assert world.controller.view("r1").state == "succeeded"
