"""What a plan says before it starts, and whether that is true."""

from dataclasses import replace

import pytest

from cloud_sync.core.facts import DeviceFacts, PackageFacts
from cloud_sync.core.rollout import RolloutPlan, Step
from cloud_sync.core.rollout.power import GateNoise, Sides, sight_of
from cloud_sync.core.rollout.preflight import Preflight, examine
from edge_contract.package import Artifact, ArtifactRole, TensorSpec
from edge_contract.reading import JsonValue
from tests.support.behaviours import FRAGILE, STURDY, package_of
from tests.support.rollout_world import World

OLD = package_of(FRAGILE, "1.0.0", seed=1)
NEW = package_of(STURDY, "1.1.0", seed=2)


def world(*, steps: int = 30, size: int = 20) -> World:
    found = World({"1.0.0": (OLD, FRAGILE), "1.1.0": (NEW, STURDY)}, "1.0.0")
    for number in range(size):
        found.add(f"cam-{number:02d}")
    for _ in range(steps):
        found.step()
    return found


def examined(
    found: World, *, candidate: PackageFacts = NEW, facts: dict[str, JsonValue] | None = None,
    **fields: object,
) -> Preflight:  # fmt: skip
    devices: dict[str, DeviceFacts] = {
        name: replace(device.facts(), facts=facts or {}) for name, device in found.devices.items()
    }
    quick = {"bake_s": 10.0, "max_wait_s": 600.0, "min_rows": 150, "shadow": False, **fields}
    plan = RolloutPlan(model="gate", version="1.1.0", **quick)  # type: ignore[arg-type]
    return examine(
        plan,
        devices,
        found,
        candidate=candidate,
        previous=OLD,
        salt="s",
        now_unix_s=found.now_s,
    )


def test_a_plan_that_can_be_carried_out_has_no_problems_and_says_what_it_sees() -> None:
    found = examined(world(), detect=0.2)

    assert found.problems == []
    assert [(stage.name, stage.devices, stage.control) for stage in found.stages] == [
        ("canary 10%", 2, 18),
        ("canary 50%", 10, 10),
        ("canary 100%", 20, 0),
    ]
    assert found.stages[0].sentence.startswith(
        "canary 10%, 2 against 18 others, can detect a loss of 20 % with power 0.9 in about "
    )
    assert len(found.stages[0].first) == 2
    assert "compares no quality concurrently" in found.stages[2].sentence


def test_a_loss_that_no_stage_can_see_is_a_problem() -> None:
    found = examined(world(), detect=0.001)

    assert len(found.problems) == 1
    assert "no stage can see a loss of 0.001 with power 0.9" in found.problems[0]
    assert "take more devices, wait longer, or ask for less" in found.problems[0]


def test_without_traffic_nobody_can_tell() -> None:
    found = examined(world(steps=0))

    assert any("has seen no rows in the last" in text for text in found.warnings)
    assert found.stages[0].sights == []


def test_what_cannot_see_the_loss_that_is_asked_for_is_a_problem_and_says_why() -> None:
    found = world()

    blind = examined(found, strategy="all-at-once", shadow=True, detect=0.2)
    quiet = examined(world(steps=0), detect=0.2)
    endless = examined(found, min_rows=10**9, detect=0.2)

    assert blind.problems == [
        "all-at-once compares no quality, so it cannot see a loss of 0.2: take canary"
    ]
    assert quiet.problems == [
        "whether a loss of 0.2 would be seen cannot be told: the devices have seen no rows in the "
        "last 40 s"
    ]
    assert "is over; there is too little traffic: take more devices" in endless.problems[0]


def test_a_beginning_that_is_over_is_a_problem() -> None:
    found = world()

    late = examined(found, start_at_unix_s=found.now_s - 600.0)
    soon = examined(found, start_at_unix_s=found.now_s + 60.0)

    assert soon.problems == []
    assert len(late.problems) == 1
    assert "UTC (start_at_unix_s), which is over" in late.problems[0]


def test_other_inputs_are_a_problem_and_other_types_a_warning() -> None:
    found, (spec,) = world(), NEW.manifest.inputs
    wider = replace(spec, shape=("batch", 7))
    doubled = replace(spec, element_type="float64", shape=("rows", *spec.shape[1:]))

    def with_inputs(spec: TensorSpec) -> Preflight:
        manifest = replace(NEW.manifest, inputs=(spec,))
        return examined(found, candidate=PackageFacts(NEW.digest, manifest, NEW.reference))

    assert with_inputs(wider).problems == [
        f"its inputs are not those of gate@1.0.0: float32[batch, 7] in place of {spec}, so calls "
        "of applications that give the earlier ones will fail"
    ]
    assert with_inputs(doubled).problems == []
    assert any("its inputs are not those" in text for text in with_inputs(doubled).warnings)


def test_too_many_devices_that_cannot_run_it_are_a_problem() -> None:
    found = world()
    huge = replace(NEW.manifest, artifacts=_huge())
    package = PackageFacts(NEW.digest, huge, NEW.reference)

    refused = examined(found, candidate=package, facts={"memory_mb": 64})

    assert refused.problems == [
        "20 of 20 devices cannot run it, cam-00 for one: needs about 300 MB of memory, has 64"
    ]


def test_steps_that_do_not_fit_the_fleet_are_a_problem() -> None:
    too_many = examined(world(), steps=[Step(count=50), 1.0])
    falling = examined(world(), steps=[Step(count=15), 0.5, 1.0])

    assert too_many.problems == ["canary 50 devices asks for 50 devices, there are 20"]
    assert falling.problems == ["canary 50% is 10 of 20 devices, fewer than before it"]


def test_closed_windows_are_told() -> None:
    found = examined(world(), windows=["03:00-04:00"])

    assert found.warnings[-1].startswith(
        "the maintenance windows of 20 of 20 devices are closed when it begins; the first of them "
        "opens 2.7 h later"
    )


def test_more_rows_and_larger_losses_are_seen_sooner() -> None:
    noise = GateNoise("estimate", 0.05, 0.0, uses_past=False)

    def seconds(detect: float, *, per_s: float) -> float:
        plan = RolloutPlan(model="gate", version="1.1.0", detect=detect)
        sides = Sides(per_s, 9 * per_s, 10, 90)
        found = sight_of(plan, noise, sides, stages=4, min_rows=500, within_s=1e6)
        return found.seconds or float("inf")

    assert seconds(0.02, per_s=10.0) < seconds(0.02, per_s=5.0)
    assert seconds(0.04, per_s=10.0) < seconds(0.02, per_s=10.0)


def test_a_candidate_that_loses_more_varies_more() -> None:
    noise = GateNoise("labelled", 0.09, 0.0, uses_past=False, rate=0.9)

    assert noise.variance_at(0.0) == 0.09
    assert noise.variance_at(0.1) == pytest.approx(0.16)
    assert noise.variance_at(-0.1) == 0.09  # a better one is not promised to be found sooner
    assert replace(noise, rate=0.0).variance_at(0.1) == 0.09


def test_differences_among_devices_are_not_made_up_for_by_rows() -> None:
    plan = RolloutPlan(model="gate", version="1.1.0", detect=0.04)
    alike = GateNoise("labelled", 0.05, 0.0, uses_past=False)
    unlike = replace(alike, among_devices=0.01)
    sides = Sides(100.0, 900.0, 5, 45)

    seen = sight_of(plan, alike, sides, stages=4, min_rows=500, within_s=1e5)
    unseen = sight_of(plan, unlike, sides, stages=4, min_rows=500, within_s=1e5)

    assert seen.seconds is not None
    assert unseen.seconds is None
    assert unseen.smallest > 0.04


def _huge() -> tuple[Artifact, ...]:
    digest = f"sha256:{'0' * 64}"
    return (Artifact(ArtifactRole.MODEL, "m.onnx", "application/onnx", digest, 100 * 2**20),)
