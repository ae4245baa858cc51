"""Who a rollout is for, who comes last, and who cannot run it."""

from dataclasses import replace

import pytest

from cloud_sync.core.facts import DeviceFacts, DeviceStatus, PackageFacts
from cloud_sync.core.rollout import ExecutionState, Mode, RolloutController, RolloutPlan
from cloud_sync.core.rollout.cohort import newcomers
from cloud_sync.core.rollout.fitness import objection
from cloud_sync.core.rollout.penalties import PenaltyBox
from cloud_sync.core.rollout.record import Execution
from edge_contract.errors import UsageError
from edge_contract.package import Artifact, ArtifactRole
from edge_contract.reading import JsonValue
from tests.support.behaviours import FRAGILE, STURDY, package_of
from tests.support.rollout_world import World

DAY_S = 86_400.0
OLD = package_of(FRAGILE, "1.0.0", seed=1)
NEW = package_of(STURDY, "1.1.0", seed=2)
NEXT = package_of(STURDY, "1.2.0", seed=3)


def failed(times: int, at_unix_s: float) -> Execution:
    return Execution(
        ExecutionState.FAILED, Mode.SERVE, 0.0, failures=times, failed_unix_s=at_unix_s
    )


def test_a_failure_counts_for_a_day_and_each_further_one_doubles_it() -> None:
    box = PenaltyBox()
    box.note({"cam-1": failed(1, 0.0), "cam-2": failed(2, 0.0)})

    assert box.boxed(0.9 * DAY_S, penalty_s=DAY_S) == {"cam-1", "cam-2"}
    assert box.boxed(1.9 * DAY_S, penalty_s=DAY_S) == {"cam-2"}
    assert box.boxed(2.1 * DAY_S, penalty_s=DAY_S) == set()


def test_a_success_in_a_later_rollout_forgives() -> None:
    box = PenaltyBox()
    box.note({"cam-1": failed(3, 0.0)})
    box.note({"cam-1": Execution(ExecutionState.SUCCEEDED, Mode.SERVE, 5.0)})

    assert box.boxed(10.0, penalty_s=DAY_S) == set()


def test_devices_in_the_box_come_last_and_those_that_cannot_run_it_not_at_all() -> None:
    devices = {name: DeviceFacts(name, DeviceStatus.ONLINE) for name in ("a", "b", "c", "d")}
    usual = newcomers(devices, (), fraction=1.0, salt="s")

    boxed = newcomers(devices, (), fraction=1.0, salt="s", boxed={usual[0]}, left_out={usual[1]})

    assert boxed == [usual[2], usual[3], usual[0]]


def with_model(size: int, *, providers: tuple[str, ...] = (), opset: int = 17) -> PackageFacts:
    model = Artifact(
        ArtifactRole.MODEL, "m.onnx", "application/onnx", f"sha256:{'0' * 64}", size,
        opsets={"": opset}, providers=providers,
    )  # fmt: skip
    manifest = replace(NEW.manifest, artifacts=(model,))
    return PackageFacts(NEW.digest, manifest, NEW.reference)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"memory_mb": 512}, ""),
        ({"memory_mb": 128}, "needs about 300 MB of memory, has 128"),
        (
            {"providers": ["CPUExecutionProvider"]},
            "has none of the providers CUDAExecutionProvider",
        ),
        ({"providers": ["CUDAExecutionProvider"]}, ""),
        ({"onnxruntime": "1.13.1"}, "onnxruntime 1.13.1 reads opset 17, the model has 21"),
        ({"onnxruntime": "1.18.0"}, ""),
        ({"onnxruntime": "9.0.0"}, ""),
        ({"onnxruntime": "nightly"}, ""),
        ({}, ""),
    ],
)
def test_what_a_device_says_of_itself_may_speak_against_a_model(
    facts: dict[str, JsonValue], reason: str
) -> None:
    package = with_model(100 * 2**20, providers=("CUDAExecutionProvider",), opset=21)

    assert objection(package, DeviceFacts("cam", DeviceStatus.ONLINE, facts=facts)) == reason


def test_one_variant_that_runs_is_enough() -> None:
    package = with_model(100 * 2**20)
    small = replace(package.manifest.artifacts[0], path="s.onnx", size=10)
    manifest = replace(package.manifest, artifacts=(*package.manifest.artifacts, small))
    both = PackageFacts(package.digest, manifest, package.reference)

    assert objection(both, DeviceFacts("cam", DeviceStatus.ONLINE, facts={"memory_mb": 64})) == ""


# Targets.


def world() -> World:
    found = World(
        {"1.0.0": (OLD, FRAGILE), "1.1.0": (NEW, STURDY), "1.2.0": (NEXT, STURDY)}, "1.0.0"
    )
    found.controller = RolloutController(targeting=lambda text: lambda f: f.name.startswith(text))
    for name in ("oslo-1", "oslo-2", "rome-1", "rome-2"):
        found.add(name)
    return found


def aimed(version: str, target: str) -> RolloutPlan:
    return RolloutPlan(
        model="gate", version=version, strategy="all-at-once", target=target, trial_s=1.0
    )


def test_a_rollout_to_some_devices_leaves_the_others_and_the_stable_version_alone() -> None:
    found = world()
    found.start(aimed("1.1.0", "oslo"))
    found.run(steps=40)

    assert found.controller.view("r1").state == "succeeded"
    assert found.serving("1.1.0") == {"oslo-1", "oslo-2"}
    assert found.stable.manifest.version == "1.0.0"
    kept = found.controller.settled("gate")
    assert {name: one.serve.version for name, one in kept.items() if one.serve} == {
        "oslo-1": "1.1.0",
        "oslo-2": "1.1.0",
    }


def test_a_rollout_to_all_ends_what_was_kept_for_some() -> None:
    found = world()
    found.start(aimed("1.1.0", "oslo"))
    found.run(steps=40)
    found.start(aimed("1.2.0", ""))
    found.run(steps=40)

    assert found.controller.settled("gate") == {}
    assert found.serving("1.2.0") == set(found.devices)


def test_a_target_that_cannot_be_read_is_refused_at_once() -> None:
    def refuse(text: str) -> None:
        raise UsageError(f"{text!r} is no filter")

    found = world()
    found.controller = RolloutController(targeting=refuse)  # type: ignore[arg-type]

    with pytest.raises(UsageError, match="'oslo' is no filter"):
        found.start(aimed("1.1.0", "oslo"))
    with pytest.raises(UsageError, match="cannot be aimed at 'oslo' here"):
        RolloutController().target_test("oslo")


def test_a_rollout_whose_group_is_gone_keeps_its_devices_and_ends() -> None:
    found = world()
    found.start(RolloutPlan(model="gate", version="1.1.0", target="oslo", bake_s=400.0))
    found.step()
    state = found.controller.to_json("r1")

    def gone(text: str) -> None:
        raise UsageError(f"there is no {text}")

    found.controller = RolloutController([state], targeting=gone)  # type: ignore[arg-type]
    found.carry_out(found.controller.steer("r1", "abort", by="ada", now_unix_s=found.now_s))
    found.run(steps=20)

    assert found.controller.view("r1").state == "aborted"


def test_devices_that_do_not_host_the_model_are_neither_told_nor_waited_for() -> None:
    found = world()
    found.start(aimed("1.1.0", ""))
    found.devices["rome-2"].hosts = "doors"
    found.run(steps=40)

    view = found.controller.view("r1")
    assert view.state == "succeeded"
    assert set(view.executions) == {"oslo-1", "oslo-2", "rome-1"}
