"""One device in somebody's hands does not decide what becomes of a rollout."""

from cloud_sync.core.rollout import RolloutPlan, RolloutSummary
from tests.support.behaviours import BAD, FRAGILE, package_of
from tests.support.taken_rollout import TakenWorld

VERSIONS = {
    "1.0.0": (package_of(FRAGILE, "1.0.0", seed=1), FRAGILE),
    "1.0.1": (package_of(FRAGILE, "1.0.1", seed=4), FRAGILE),  # the same quality
}


def fleet(*, bounded: bool, seed: int = 1) -> TakenWorld:
    world = TakenWorld(VERSIONS, "1.0.0", seed=seed)
    if bounded:
        world.bound()
    for number in range(50):
        world.add(f"cam-{number:02d}")
    for _ in range(10):
        world.step()
    return world


def rolled_out(world: TakenWorld, version: str) -> RolloutSummary:
    plan = RolloutPlan(
        model="gate", version=version, bake_s=4.0, max_wait_s=60.0, min_rows=150, shadow=False
    )
    rollout_id = world.start(plan)
    world.run(steps=60)
    return world.controller.view(rollout_id)


IN_CANARY, OUTSIDE = "cam-04", "cam-00"


def test_good_counts_of_one_device_do_not_hide_that_a_version_fails() -> None:
    found = {}
    for bounded in (False, True):
        world = fleet(bounded=bounded)
        world.failing = VERSIONS["1.0.1"][0].digest  # a fifth of all calls
        world.take(IN_CANARY, "1.0.1", looks=FRAGILE, times=100)

        found[bounded] = rolled_out(world, "1.0.1")

    assert {bounded: one.state for bounded, one in found.items()} == {
        False: "paused",  # it hides it: of 4,200 rows and more only 40 calls failed
        True: "rolled_back",
    }
    (why,) = [e for e in found[True].events if "failed:" in e.sentence]
    assert "40 of 200 calls failed" in why.sentence
    assert "4000 rows of 'cam-04' are not judged" in why.sentence
    assert why.evidence["unjudged"] == {"cam-04": 4000}
    assert len(found[True].devices_exposed) == 5


def test_bad_counts_of_one_device_before_a_rollout_do_not_take_a_good_version_back() -> None:
    found = {}
    for bounded in (False, True):
        world = fleet(bounded=bounded)
        world.take(OUTSIDE, "1.0.0", looks=BAD, times=60)
        for _ in range(5):
            world.step()
        world.times, world.forged = 0, ""  # well again, as if the others had got better

        found[bounded] = rolled_out(world, "1.0.1").state

    assert found == {False: "rolled_back", True: "succeeded"}


def test_a_fleet_of_uneven_devices_is_judged_and_its_good_version_goes_on() -> None:
    world = fleet(bounded=True)
    world.take(IN_CANARY, "1.0.1", looks=FRAGILE, times=3)  # honest: the busy one of five

    found = rolled_out(world, "1.0.1")

    assert found.state == "succeeded", found.sentence
    passed = [e for e in found.events if " passed: " in e.sentence]
    assert (
        "rows of 'cam-04' are not judged: one device counts for a third at most"
        in passed[0].sentence
    )


def test_equal_versions_are_promoted_as_often_as_without_the_bound() -> None:
    found = {}
    for bounded in (False, True):
        states = []
        for seed in range(4):
            world = fleet(bounded=bounded, seed=seed)
            states.append(rolled_out(world, "1.0.1").state)
        found[bounded] = states

    assert found[True] == found[False] == ["succeeded"] * 4
