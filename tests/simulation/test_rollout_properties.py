"""Whatever devices, traffic, people and crashes do: the rules of a rollout hold at every tick."""

import json
import math
from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_sync.core.facts import PackageFacts
from cloud_sync.core.rollout import Assign, Mode, RolloutPlan, RolloutSummary
from cloud_sync.core.rollout.record import RolloutRecord
from cloud_sync.core.rollout.steps import Step
from cloud_sync.core.rollout.transitions import InvalidTransitionError
from tests.support.behaviours import BAD, FRAGILE, STURDY, Behaviour, package_of
from tests.support.rollout_world import World

VERSIONS: dict[str, tuple[PackageFacts, Behaviour]] = {
    "1.0.0": (package_of(FRAGILE, "1.0.0", seed=1), FRAGILE),
    "1.1.0": (package_of(STURDY, "1.1.0", seed=2), STURDY),
    "1.2.0": (package_of(BAD, "1.2.0", seed=3), BAD),
}
SIZE = 8

QUIET = st.sampled_from(["", "", "", "kill before", "kill after"])
HAPPENINGS = st.sampled_from(
    [
        *[""] * 40,  # mostly things take their course
        "kill before",
        "kill after",
        "silence",
        "talk",
        "join",
        "lose 2",
        "return 2",
        "crash 1",
        "refuse 3",
        "reboot 0",
        "dirt 4",
        "pause",
        "resume",
        "abort",
        "rollback",
        "approve",
        "retry",
        "hold 5",
    ]
)
PEOPLE = ("pause", "resume", "abort", "rollback", "approve", "retry")
LIMITS = st.sampled_from(
    [
        {},
        {"devices_per_minute": 60.0},
        {"max_in_flight": 1},
        {"windows": ["00:15-00:17"]},  # the world's clock starts at 00:16:40
        {"steps": [Step(count=2), Step(fraction=0.5, approval=True), Step(fraction=1.0)]},
    ]
)
STRATEGIES = st.sampled_from(["canary", "blue-green", "shadow", "all-at-once"])


def started(
    strategy: str, version: str, *, shadow: bool, limits: Mapping[str, object] | None = None
) -> World:
    world = World(VERSIONS, "1.0.0")
    for number in range(SIZE):
        world.add(f"cam-{number}")
    for _ in range(5):
        world.step()
    fields = {"bake_s": 4.0, "max_wait_s": 16.0, "min_rows": 100, **(limits or {})}
    if strategy in ("blue-green", "all-at-once"):
        fields.pop("steps", None)
    fields["shadow"] = shadow or strategy == "shadow"  # which is nothing else
    plan = RolloutPlan(model="gate", version=version, strategy=strategy, **fields)  # type: ignore[arg-type]
    world.start(plan)
    return world


def let_happen(world: World, what: str, version: str) -> bool:
    """Do it and let time pass; return whether a person went on in spite of what gates said."""
    verb, _, name = what.partition(" ")
    device = world.devices.get(f"cam-{name}")
    overruled = False
    if verb in PEOPLE:
        try:
            world.carry_out(world.controller.steer("r1", verb, by="ada", now_unix_s=world.now_s))
            overruled = verb in ("resume", "approve", "retry")
        except InvalidTransitionError:
            pass  # refused, as the table says
    elif verb in ("silence", "talk"):
        world.silent = verb == "silence"
    elif verb == "join":
        world.add(f"late-{len(world.devices)}")
    elif device is not None:
        digest = VERSIONS[version][0].digest
        device.online = device.online if verb not in ("lose", "return") else verb == "return"
        device.crashes_on = digest if verb == "crash" else device.crashes_on
        device.refuses = digest if verb == "refuse" else device.refuses
        device.boots += verb == "reboot"
        device.dirty = device.dirty or verb == "dirt"
        device.holds = device.holds or verb == "hold"
    world.step(kill=name if verb == "kill" else "")
    return overruled


def wanted_on(world: World, version: str) -> int:
    digest = VERSIONS[version][0].digest
    return sum(
        device.wanted.serve is not None and device.wanted.serve.digest == digest
        for device in world.devices.values()
    )


def failed_gate(view: RolloutSummary) -> bool:
    """Whether the last thing that gates said is that one failed."""
    said = [e.evidence for e in view.events if "gates" in e.evidence]
    return bool(said) and '"verdict": "fail"' in json.dumps(said[-1])


def allowed(world: World) -> int:
    """How many devices the present stage may let serve the candidate."""
    record = RolloutRecord.from_json(world.controller.to_json("r1"))
    stage = record.stage.stage
    size = stage.count or math.ceil(stage.fraction * len(world.devices))
    return size if stage.mode is Mode.SERVE else 0


@settings(max_examples=40)
@given(
    strategy=STRATEGIES,
    version=st.sampled_from(["1.1.0", "1.2.0"]),
    shadow=st.booleans(),
    limits=LIMITS,
    happenings=st.lists(HAPPENINGS, min_size=20, max_size=40),
)
def test_it_never_exceeds_its_stage_nor_widens_after_a_failure(
    strategy: str, version: str, shadow: bool, limits: dict[str, object], happenings: list[str]
) -> None:
    world = started(strategy, version, shadow=shadow, limits=limits)
    had_failed, wanted_before = False, 0

    for what in happenings:
        overruled = let_happen(world, what, version)
        view = world.controller.view("r1")
        wanted = wanted_on(world, version)
        if view.state not in ("succeeded", "finalising"):
            assert len(world.serving(version)) <= allowed(world)
            assert wanted <= allowed(world)
            assert world.serving(version) <= set(view.executions)
        if had_failed and not overruled:
            assert wanted <= wanted_before
        had_failed, wanted_before = failed_gate(view), wanted
        assert_within(world, limits)


def assert_within(world: World, limits: Mapping[str, object]) -> None:
    """Limits of pace hold while it goes forward."""
    record = RolloutRecord.from_json(world.controller.to_json("r1"))
    if "devices_per_minute" in limits:
        told = [one.told_unix_s for one in record.executions.values()]
        assert sum(world.now_s - at_s < 60.0 for at_s in told) <= 60
    if "windows" in limits:
        assert all(one.told_unix_s < 1020.0 for one in record.executions.values())
    if "max_in_flight" in limits and record.state.value == "running":
        states = [
            one.state.value
            for name, one in record.executions.items()
            if world.devices[name].online and not world.devices[name].holds
        ]
        assert states.count("notified") + states.count("in_progress") <= 1


@settings(max_examples=25)
@given(
    strategy=STRATEGIES, shadow=st.booleans(), happenings=st.lists(QUIET, min_size=20, max_size=40)
)
def test_without_rows_no_stage_that_asks_for_rows_ever_passes(
    strategy: str, shadow: bool, happenings: list[str]
) -> None:
    world = started(strategy, "1.1.0", shadow=shadow)
    world.silent = True
    world.rows.clear()

    for what in happenings:
        let_happen(world, what, "1.1.0")
        record = RolloutRecord.from_json(world.controller.to_json("r1"))
        for stage in record.stages:
            assert stage.state.value != "passed" or stage.stage.min_rows == 0


@settings(max_examples=25)
@given(
    strategy=STRATEGIES,
    happenings=st.lists(HAPPENINGS, min_size=10, max_size=30),
)
def test_in_every_state_that_comes_up_it_survives_json(
    strategy: str, happenings: list[str]
) -> None:
    world = started(strategy, "1.1.0", shadow=True)

    for what in happenings:
        let_happen(world, what, "1.1.0")
        state = json.loads(json.dumps(world.controller.to_json("r1"), allow_nan=False))
        assert RolloutRecord.from_json(state).to_json() == state


@settings(max_examples=15)
@given(happenings=st.lists(HAPPENINGS, min_size=10, max_size=25))
def test_what_was_taken_back_is_told_to_every_device(happenings: list[str]) -> None:
    world = started("canary", "1.1.0", shadow=False)
    for what in happenings:
        let_happen(world, what, "1.1.0")
    if world.controller.view("r1").state not in ("running", "paused"):
        return

    effects = world.controller.steer("r1", "rollback", by="ada", now_unix_s=world.now_s)

    told = {e.device for e in effects if isinstance(e, Assign)}
    assert told <= set(world.controller.view("r1").executions)
    world.carry_out(effects)
    world.step()
    assert wanted_on(world, "1.1.0") == 0
