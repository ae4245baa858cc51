import json

import pytest

from cloud_sync.core.rollout import STRATEGIES, Mode, RolloutPlan
from cloud_sync.core.rollout.gates import GATES
from edge_contract.errors import MessageError, UsageError
from edge_contract.reading import Reader


def plan(strategy: str = "canary", **fields: object) -> RolloutPlan:
    return RolloutPlan(model="gate", version="1.1.0", strategy=strategy, **fields)  # type: ignore[arg-type]


def test_fields_that_are_0_take_their_defaults() -> None:
    found = plan()

    assert (found.bake_s, found.max_wait_s, found.min_rows) == (900.0, 14_400.0, 500)
    assert (found.trial_calls, found.trial_s, found.baseline_s) == (20, 60.0, 3600.0)


def test_a_quick_plan_scales_what_depends_on_its_times() -> None:
    found = plan(bake_s=4.0, max_wait_s=60.0)

    assert (found.trial_s, found.baseline_s) == (1.0, 16.0)
    assert (found.notify_s, found.progress_s) == (30.0, 30.0)


def test_a_plan_survives_json() -> None:
    found = plan(steps=[0.25, 1.0], bake_s=4.0, alpha=0.05, approval=True)

    kept = json.loads(json.dumps(found.to_json()))

    assert RolloutPlan.from_json(Reader(kept, "plan", MessageError)) == found


def test_a_canary_goes_through_shadow_and_widens_to_the_whole_fleet() -> None:
    stages = plan().stages()

    assert [(stage.mode, stage.fraction) for stage in stages] == [
        (Mode.SHADOW, 0.1),
        (Mode.SERVE, 0.1),
        (Mode.SERVE, 0.5),
        (Mode.SERVE, 1.0),
    ]


def test_blue_green_loads_everywhere_before_it_switches() -> None:
    compared = plan("blue-green").stages()
    loaded = plan("blue-green", shadow=False).stages()

    assert [(stage.mode, stage.fraction) for stage in compared] == [
        (Mode.SHADOW, 1.0),
        (Mode.SERVE, 1.0),
    ]
    assert [stage.mode for stage in loaded] == [Mode.LOAD, Mode.SERVE]
    assert loaded[0].gates == ("safety", "delivery")


def test_shadow_never_serves_and_does_not_promote() -> None:
    assert {stage.mode for stage in plan("shadow").stages()} == {Mode.SHADOW}
    assert not STRATEGIES["shadow"].promotes


@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
def test_every_strategy_has_stages_that_never_narrow_and_gates_that_exist(strategy: str) -> None:
    stages = plan(strategy).stages()

    fractions = [stage.fraction for stage in stages]
    assert fractions == sorted(fractions)
    assert all(0.0 < fraction <= 1.0 for fraction in fractions)
    assert all(gate in GATES for stage in stages for gate in stage.gates)
    assert all(stage.gates[:2] == ("safety", "delivery") for stage in stages)
    assert all(sum(GATES[gate].share for gate in stage.gates) <= 1.0 + 1e-9 for stage in stages)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"strategy": "yolo"}, r"strategy 'yolo' is unknown \(known: all-at-once, blue-green"),
        ({"steps": (0.5, 0.1, 1.0)}, "steps of a rollout must rise"),
        ({"steps": (0.1, 0.5)}, r"canary steps must rise and end at 1.0, got 10%, 50%"),
        ({"steps": (0.0, 1.0)}, "steps of a rollout must rise"),
        ({"strategy": "blue-green", "steps": (0.5, 1.0)}, "switches all devices at once"),
        ({"strategy": "all-at-once", "steps": (1.0,)}, "all-at-once has no steps"),
        ({"bake_s": -1.0}, "bake_s of a rollout must be 0 or more, got -1.0"),
        ({"max_wait_s": float("nan")}, "max_wait_s of a rollout must be 0 or more"),
        ({"alpha": 1.5}, "alpha of a rollout must lie between 0 and 1"),
        ({"alpha": 1e-9}, "alpha of a rollout must be at least 1e-06, got 1e-09"),
        ({"devices_per_minute": 1e-300}, "devices_per_minute must be at least 0.001"),
        ({"min_rows": -5}, "min_rows of a rollout must be 0 or more"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(fields: dict[str, object], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        plan(**fields)  # type: ignore[arg-type]


def test_a_window_with_a_time_zone_is_told_whose_clock_counts() -> None:
    with pytest.raises(UsageError, match=r"without 'Europe/Oslo': it goes by the clock of each"):
        RolloutPlan(model="gate", version="1.1.0", windows=["22:00-05:00 Europe/Oslo"])


def test_a_shadow_alone_can_widen_and_cannot_be_left_out() -> None:
    widening = RolloutPlan(model="gate", version="1.1.0", strategy="shadow", steps=[0.1, 0.5])

    assert [stage.name for stage in widening.stages()] == ["shadow 10%", "shadow 50%"]
    with pytest.raises(UsageError, match="nothing but a shadow"):
        RolloutPlan(model="gate", version="1.1.0", strategy="shadow", shadow=False)
