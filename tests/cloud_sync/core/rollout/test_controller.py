from collections.abc import Sequence
from dataclasses import replace

import pytest

from cloud_sync.core.facts import PackageFacts
from cloud_sync.core.rollout import (
    Assign,
    GateRule,
    Happened,
    RolloutController,
    RolloutPlan,
    SetStable,
)
from edge_contract.errors import MessageError, UsageError
from edge_contract.messages import Assignment, Target
from tests.support.behaviours import FRAGILE, STURDY, package_of
from tests.support.rollout_world import World

OLD = package_of(FRAGILE, "1.0.0", seed=1)
NEW = package_of(STURDY, "1.1.0", seed=2)
OTHER = package_of(STURDY, "2.0.0", seed=3, name="other")


def order(controller: RolloutController, rollout_id: str = "r1", **fields: object) -> list[object]:
    wanted: dict[str, object] = {
        "plan": RolloutPlan(model="gate", version="1.1.0"),
        "salt": "s",
        "candidate": NEW,
        "previous": OLD,
        "by": "ada",
        "now_unix_s": 5.0,
    }
    return list(controller.create(rollout_id=rollout_id, **{**wanted, **fields}))  # type: ignore[arg-type]


def fleet() -> World:
    world = World({"1.0.0": (OLD, FRAGILE), "1.1.0": (NEW, STURDY)}, "1.0.0")
    for number in range(10):
        world.add(f"cam-{number}")
    return world


def test_an_order_says_who_wants_what_and_how() -> None:
    controller = RolloutController()

    effects = order(controller)

    assert effects == [Happened("r1", 5.0, "ada ordered to roll gate@1.1.0 out by canary")]
    assert controller.view("r1").state == "scheduled"
    assert controller.active() == ["r1"]


def test_the_first_tick_tells_the_first_devices_what_to_load_and_on_what_terms() -> None:
    world = fleet()
    world.start(
        RolloutPlan(model="gate", version="1.1.0", shadow=False, trial_calls=7, trial_s=3.0)
    )

    effects = world.step()

    target = Target("1.1.0", NEW.digest, "r1", trial_calls=7, trial_s=3.0)
    (assign,) = [effect for effect in effects if isinstance(effect, Assign)]
    assert assign.assignment == Assignment(serve=target)
    assert (assign.rollout_id, assign.model) == ("r1", "gate")
    assert world.controller.view("r1").executions == {assign.device: "notified"}


def test_in_shadow_the_old_version_goes_on_serving() -> None:
    world = fleet()
    world.start(RolloutPlan(model="gate", version="1.1.0"))

    effects = world.step()

    (assign,) = [effect for effect in effects if isinstance(effect, Assign)]
    assert assign.assignment.serve == Target("1.0.0", OLD.digest)
    assert assign.assignment.shadow is not None
    assert assign.assignment.shadow.digest == NEW.digest


def test_nothing_is_said_twice_while_the_cloud_lives_and_all_of_it_again_after_a_restart() -> None:
    world = fleet()
    world.start(RolloutPlan(model="gate", version="1.1.0", steps=(1.0,), shadow=False))
    first = [e for e in world.step(kill="after") if isinstance(e, Assign)]
    again = [e for e in world.step() if isinstance(e, Assign)]
    no_more = [e for e in world.step() if isinstance(e, Assign)]

    assert len(first) == 10
    assert again == first
    assert no_more == []


def test_success_makes_the_candidate_the_stable_version_without_a_rollout_on_it() -> None:
    world = fleet()
    world.start(RolloutPlan(model="gate", version="1.1.0", strategy="all-at-once"))
    said: list[object] = []
    for _ in range(40):
        said += world.step()

    stable = [effect for effect in said if isinstance(effect, SetStable)]
    assert stable == [SetStable("r1", "gate", Target("1.1.0", NEW.digest))]


def test_a_rollout_that_cannot_be_judged_now_says_so_once_and_holds_up_no_other() -> None:
    world = fleet()
    world.start(RolloutPlan(model="gate", version="1.1.0", shadow=False))
    everywhere = RolloutPlan(model="other", version="2.0.0", strategy="all-at-once")
    order(world.controller, "r2", plan=everywhere, candidate=OTHER, previous=None)

    first, second = world.step(), world.step()

    trouble = Happened("r2", 1002.0, f"cannot be judged now: no package {OTHER.digest}")
    assert trouble in first
    assert [effect.rollout_id for effect in first if isinstance(effect, Assign)] == ["r1"]
    assert [effect for effect in second if effect.rollout_id == "r2"] == []


def test_approval_is_waited_for() -> None:
    world = fleet()
    world.start(RolloutPlan(model="gate", version="1.1.0", approval=True))
    for _ in range(5):
        assert world.step() == []

    world.controller.steer("r1", "approve", by="grace", now_unix_s=world.now_s)
    world.step()

    assert world.controller.view("r1").state == "running"


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"candidate": OTHER}, r"plan is about gate@1\.1\.0, the package is other@2\.0\.0"),
        ({"previous": NEW}, r"gate@1\.1\.0 is what the fleet runs already"),
        ({"previous": OTHER}, r"other@2\.0\.0 cannot be the earlier version of gate"),
        ({"previous": None}, "first version that the fleet runs.*use strategy all-at-once"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(fields: dict[str, object], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        order(RolloutController(), "r1", **fields)


def test_one_rollout_per_model_unless_it_is_told_to_supersede() -> None:
    controller = RolloutController()
    order(controller)

    with pytest.raises(UsageError, match=r"rollout 'r1' of gate is scheduled: wait for it, abort"):
        order(controller, "r2")
    with pytest.raises(UsageError, match=r"rollout 'r1' exists already"):
        order(controller, "r1", supersede=True)
    effects = order(controller, "r2", supersede=True)

    assert isinstance(effects[0], Happened)
    assert effects[0].sentence == "superseded by rollout r2"
    assert controller.active() == ["r2"]


def test_a_steering_that_is_not_possible_says_what_is() -> None:
    controller = RolloutController()
    order(controller)

    with pytest.raises(UsageError, match=r"rollout 'r1' is scheduled: 'resume' refused \(can:"):
        controller.steer("r1", "resume", by="ada", now_unix_s=6.0)
    with pytest.raises(UsageError, match=r"action 'dance' on a rollout is unknown"):
        controller.steer("r1", "dance", by="ada", now_unix_s=6.0)
    with pytest.raises(UsageError, match=r"there is no rollout 'r9' \(the latest: r1\)"):
        controller.steer("r9", "pause", by="ada", now_unix_s=6.0)
    assert controller.view("r1").state == "scheduled"


def test_a_refused_steering_changes_nothing() -> None:
    world = fleet()
    world.start(RolloutPlan(model="gate", version="1.1.0"))
    world.step()
    before = world.controller.to_json("r1")

    with pytest.raises(UsageError, match="'resume' refused"):
        world.controller.steer("r1", "resume", by="ada", now_unix_s=world.now_s + 99.0)

    assert world.controller.to_json("r1") == before


def test_only_what_has_ended_can_be_forgotten() -> None:
    controller = RolloutController()
    order(controller)
    with pytest.raises(UsageError, match="'r1' has not ended; abort it first"):
        controller.forget("r1")
    order(controller, "r2", supersede=True)

    controller.forget("r1")

    assert controller.ids() == ["r2"]


def test_a_state_from_elsewhere_is_refused() -> None:
    controller = RolloutController()
    order(controller)
    state = dict(controller.to_json("r1"))

    with pytest.raises(MessageError, match=r"rollout\.plan is missing"):
        RolloutController([{"rollout_id": "r1"}])
    with pytest.raises(MessageError, match="states that are known here"):
        RolloutController([{**state, "state": "dancing"}])
    with pytest.raises(MessageError, match="the 4 stages that its plan makes"):
        RolloutController([{**state, "stages": []}])


def test_the_first_version_of_a_model_goes_out_without_comparison() -> None:
    world = fleet()
    plan = RolloutPlan(model="gate", version="1.1.0", strategy="all-at-once")
    world.controller.create(
        plan,
        rollout_id="r1",
        salt="s",
        candidate=NEW,
        previous=None,
        by="ada",
        now_unix_s=world.now_s,
    )
    world.run(steps=40)

    found = world.controller.view("r1")
    assert (found.state, found.previous) == ("succeeded", "")


def test_without_an_earlier_version_there_is_no_way_back_and_nobody_is_waited_for() -> None:
    world = fleet()
    plan = RolloutPlan(model="gate", version="1.1.0", strategy="all-at-once")
    world.controller.create(
        plan,
        rollout_id="r1",
        salt="s",
        candidate=NEW,
        previous=None,
        by="ada",
        now_unix_s=world.now_s,
    )
    world.step()
    world.carry_out(world.controller.steer("r1", "abort", by="ada", now_unix_s=world.now_s))
    world.run(steps=5)

    assert world.controller.view("r1").state == "aborted"


def test_what_would_be_refused_is_told_before() -> None:
    world = fleet()
    plan = RolloutPlan(model="gate", version="1.1.0")
    greedy = replace(plan, gates={"drift": GateRule(share=0.9), "estimate": GateRule(share=0.9)})
    world.start(plan)

    def obstacles(plan: RolloutPlan, previous: PackageFacts, *, supersede: bool) -> Sequence[str]:
        return world.controller.obstacles(
            plan, candidate=NEW, previous=previous, supersede=supersede
        )

    assert obstacles(plan, OLD, supersede=True) == []
    assert "wait for it, abort it, or supersede it" in obstacles(plan, OLD, supersede=False)[0]
    assert obstacles(plan, NEW, supersede=True) == ["gate@1.1.0 is what the fleet runs already"]
    assert "give shares that add up to at most 1" in obstacles(greedy, OLD, supersede=True)[0]
