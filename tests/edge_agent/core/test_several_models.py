"""One core, several models: slots for each, one link, one outbox, one journal."""

from collections.abc import Sequence

import pytest

from edge_agent.core.agent import AgentCore
from edge_agent.core.effects import DeletePackages, Effect, FetchPackage, Log, Route
from edge_contract.errors import UsageError
from edge_contract.messages import Assignment, Command, CommandResult, Report, Target
from edge_contract.reading import JsonObject
from tests.support.agent_core import START_UNIX_S, config_of, heard, told, wishing
from tests.support.agent_slots import V1, V2

GATE1 = Target("1.0.0", f"sha256:{7:064d}")
GATE2 = Target("2.0.0", f"sha256:{8:064d}", "rollout-9", 1, 0.0)
BOTH = config_of(models=("digits", "gate"))


def both(state: dict[str, object] | None = None, boot: int = 3) -> AgentCore:
    core = AgentCore(BOTH, boot, state=state)  # type: ignore[arg-type]
    core.on_start(0.0, START_UNIX_S)
    return core


def running() -> AgentCore:
    """A device on which both models serve 1.0.0."""
    core = both()
    heard(core, core.topics.desired, wishing(digits=Assignment(V1), gate=Assignment(GATE1)))
    for target in (V1, GATE1):
        core.on_fetched(target.digest, 2.0)
        core.on_loaded(target.digest, "CPU", 3.0)
    core.on_calls(V1.digest, 100, 0, 4.0)
    core.on_timer(1000.0, START_UNIX_S + 1000.0)
    return core


def serving(core: AgentCore) -> dict[str, str]:
    return {model: report.version for model, report in core.report().models.items()}


def test_each_model_gets_the_version_that_is_wanted_of_it() -> None:
    core = both()

    effects = heard(
        core, core.topics.desired, wishing(digits=Assignment(V1), gate=Assignment(GATE1))
    )

    fetched = [effect.digest for effect in effects if isinstance(effect, FetchPackage)]
    assert fetched == [V1.digest, GATE1.digest]
    core.on_fetched(GATE1.digest, 2.0)
    assert Route(GATE1.digest, model="gate") in core.on_loaded(GATE1.digest, "CPU", 3.0)
    assert serving(core) == {"digits": "", "gate": "1.0.0"}


def test_one_model_moves_on_while_the_other_stays() -> None:
    core = running()
    now_s = 1001.0

    heard(
        core,
        core.topics.desired,
        wishing(generation=2, digits=Assignment(V1), gate=Assignment(GATE2)),
        now_s=now_s,
    )
    core.on_fetched(GATE2.digest, now_s)
    moved = core.on_loaded(GATE2.digest, "CPU", now_s)

    routes = [effect for effect in moved if isinstance(effect, Route)]
    assert routes == [Route(GATE2.digest, fallback=GATE1.digest, model="gate")]
    began = core.deployers.on_trial
    core.on_calls(GATE2.digest, 5, 0, now_s + 1.0)
    assert (began, core.deployers.on_trial) == (True, False)
    assert serving(core) == {"digits": "1.0.0", "gate": "2.0.0"}


def test_a_version_that_fails_on_trial_costs_its_own_model_only() -> None:
    core = running()
    heard(
        core,
        core.topics.desired,
        wishing(generation=2, digits=Assignment(V1), gate=Assignment(GATE2)),
    )
    core.on_fetched(GATE2.digest, 5.0)
    core.on_loaded(GATE2.digest, "CPU", 5.0)

    core.on_calls(GATE2.digest, 0, 1, 6.0)

    report = core.report().models
    assert serving(core) == {"digits": "1.0.0", "gate": "1.0.0"}
    assert [slot.state for slot in report["digits"].slots if slot.version] == ["active"]
    assert "bad" in [slot.state for slot in report["gate"].slots]


def test_files_that_another_model_needs_are_kept() -> None:
    core = running()
    heard(core, core.topics.desired, wishing(generation=2, gate=Assignment(GATE2)))
    core.on_fetched(GATE2.digest, 5.0)
    core.on_loaded(GATE2.digest, "CPU", 5.0)

    effects = core.on_calls(GATE2.digest, 5, 0, 6.0)

    (kept,) = [set(effect.keep) for effect in effects if isinstance(effect, DeletePackages)]
    assert {V1.digest, GATE1.digest, GATE2.digest} <= kept


def test_both_models_survive_a_restart() -> None:
    state = running().to_json()

    again = both(dict(state), boot=4)

    slots = {name: report.slots for name, report in again.report().models.items()}
    for name, target in (("digits", V1), ("gate", GATE1)):
        (held,) = [slot for slot in slots[name] if slot.version]
        assert (held.digest, held.state) == (target.digest, "active")


def alone(state: JsonObject, *models: str, boot: int = 4) -> tuple[AgentCore, Sequence[Effect]]:
    """The next life, in which only these models run."""
    core = AgentCore(config_of(models=models), boot, state=state)
    return core, core.on_start(0.0, START_UNIX_S)


def test_a_model_that_is_not_run_this_time_rests_with_its_versions() -> None:
    errand, _ = alone(running().to_json(), "gate")
    heard(errand, errand.topics.desired, wishing(generation=2, gate=Assignment(GATE2)))
    errand.on_fetched(GATE2.digest, 5.0)
    errand.on_loaded(GATE1.digest, "CPU", 5.0)
    errand.on_loaded(GATE2.digest, "CPU", 5.0)
    effects = errand.on_calls(GATE2.digest, 5, 0, 6.0)

    back = both(dict(errand.to_json()), boot=5)

    assert list(errand.report().models) == ["gate"]
    (kept,) = [effect.keep for effect in effects if isinstance(effect, DeletePackages)]
    assert V1.digest in kept
    (held,) = [slot for slot in back.report().models["digits"].slots if slot.version]
    assert (held.digest, held.state) == (V1.digest, "active")


def test_a_model_that_was_not_run_for_many_starts_is_let_go() -> None:
    state = running().to_json()
    text = "model digits has not been run here for long: its versions are let go"

    told_at, run = [], [""]
    for start in range(1, 23):
        core, effects = alone(state, "gate", "faces", boot=3 + start)
        state, run = core.to_json(), list(core.report().models)
        if Log("info", text) in effects:
            told_at.append(start)

    assert told_at == [21]
    assert run == ["gate", "faces"]
    assert "digits" not in str(state)


def test_a_state_with_none_of_the_models_is_refused() -> None:
    state = running().to_json()

    with pytest.raises(UsageError, match="belongs to models 'digits', 'gate', not 'faces'"):
        AgentCore(config_of(models=("faces",)), 4, state=state)


@pytest.mark.parametrize(
    ("models", "said"), [((), "got none"), (("gate", "digits", "gate"), "got 'gate' twice")]
)
def test_no_model_or_one_twice_is_refused(models: tuple[str, ...], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        config_of(models=models)


def test_what_failed_is_cleared_for_the_model_that_is_named() -> None:
    core = running()
    desired = wishing(generation=2, digits=Assignment(V2), gate=Assignment(GATE2))
    heard(core, core.topics.desired, desired)
    for target in (V2, GATE2):
        core.on_fetch_failed(target.digest, "no such package", 5.0, permanent=True)

    effects = heard(
        core,
        core.topics.commands,
        Command("c1", "clear-bad", START_UNIX_S + 100.0, {"model": "gate"}),
    )

    fetched = [effect.digest for effect in effects if isinstance(effect, FetchPackage)]
    assert fetched == [GATE2.digest]
    unknown = heard(
        core,
        core.topics.commands,
        Command("c2", "clear-bad", START_UNIX_S + 100.0, {"model": "faces"}),
    )
    (answer,) = [message for message in told(unknown) if isinstance(message, CommandResult)]
    assert not answer.ok
    assert answer.detail == "model 'faces' is none of this device's (known: digits, gate)"


def test_one_report_tells_of_all_models() -> None:
    reports = [m for m in told(running().on_connected(5.0)) if isinstance(m, Report)]

    assert {name: one.serving for name, one in reports[0].models.items()} == {
        "digits": V1.digest,
        "gate": GATE1.digest,
    }
