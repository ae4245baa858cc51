"""The agent's core as its shell sees it: who it is, and what outlives it."""

import json
import math
from collections.abc import Callable
from functools import partial

import pytest

from edge_agent.core.agent import AgentConfig, AgentCore
from edge_agent.core.effects import (
    CollectWindows,
    FetchPackage,
    LoadPackage,
    Log,
    Route,
    SaveState,
    SendEvent,
)
from edge_contract.errors import PackageError, UsageError
from edge_contract.messages import (
    Assignment,
    Birth,
    Death,
    Report,
)
from tests.support.agent_batches import batch
from tests.support.agent_core import (
    CONFIG,
    START_UNIX_S,
    config_of,
    heard,
    serving,
    started,
    states,
    told,
    wishing,
)
from tests.support.agent_outbox import sending
from tests.support.agent_slots import V1


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (partial(config_of, models=("../digits",)), "model name '../digits' is not allowed"),
        (partial(config_of, interval_s=0.01), "must be from 0.1 to 86400 s, got 0.01"),
        (partial(config_of, tags={"site": "x" * 300}), "itself: .*site is .*at most 256"),
        (partial(config_of, facts={"load": math.nan}), "introduce itself: .*cannot be encoded"),
        (partial(config_of, agent_version="1" * 65), "at most 64 characters; check its name"),
        (partial(config_of, device="all cams"), "device 'all cams' cannot introduce itself"),
    ],
)
def test_an_agent_that_the_cloud_could_not_understand_is_refused(
    config: Callable[[], AgentConfig], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        config()


def test_a_reserved_device_name_is_refused() -> None:
    with pytest.raises(UsageError, match="device name 'all' is reserved"):
        AgentCore(config_of(device="all"), 1)


def test_a_connected_agent_is_born_reports_and_sends_what_waits() -> None:
    core = AgentCore(CONFIG, 3, restored=[batch(0, 1.0)])
    core.on_start(0.0, START_UNIX_S)

    birth, report, publish = core.on_connected(5.0)

    assert birth == SendEvent(
        Birth(
            "cam-7",
            3,
            START_UNIX_S,
            clean=True,
            agent_version="0.1.0",
            facts={"cpus": 4},
            tags={"site": "oslo"},
        )
    )
    assert isinstance(report, SendEvent)
    assert isinstance(report.message, Report)
    assert report.message.waiting_batches == 1
    assert publish == sending(batch(0, 1.0))


def test_every_report_has_the_next_number() -> None:
    core = started()

    reports = [m for _ in range(3) for m in told(core.on_connected(0.0)) if isinstance(m, Report)]

    assert [report.number for report in reports] == [1, 2, 3]
    assert {report.boot for report in reports} == {3}


def test_the_next_birth_tells_that_a_life_was_cut_off() -> None:
    core = AgentCore(CONFIG, 3)
    (state,) = states(core.on_start(0.0, START_UNIX_S))

    (birth, _) = told(started(boot=4, state=state).on_connected(0.0))

    assert isinstance(birth, Birth)
    assert not birth.clean


def test_the_next_birth_tells_that_a_life_ended_on_purpose() -> None:
    core = started()
    closing = core.on_close()
    (state,) = states(closing)

    (birth, _) = told(started(boot=4, state=state).on_connected(0.0))

    assert closing[0] == CollectWindows()
    assert isinstance(birth, Birth)
    assert birth.clean


def test_every_birth_of_a_life_tells_the_same() -> None:
    core = started()

    first, again = told(core.on_connected(0.0))[0], told(core.on_connected(9.0))[0]

    assert first == again


def test_the_will_and_the_farewell_name_the_life() -> None:
    core = started()

    assert core.last_will == Death("cam-7", 3, "lost")
    assert core.farewell == Death("cam-7", 3, "closed")


def test_the_journal_is_written_before_anything_is_done_and_reported_after_it() -> None:
    core = started()

    effects = heard(core, core.topics.desired, wishing(digits=Assignment(V1)))

    kinds = [type(effect) for effect in effects]
    assert kinds == [SaveState, FetchPackage, SendEvent]
    loading = core.on_fetched(V1.digest, 2.0)
    assert [type(effect) for effect in loading] == [SaveState, LoadPackage, SendEvent]
    routing = core.on_loaded(V1.digest, "CPU", 3.0)
    assert isinstance(routing[0], SaveState)
    assert routing[1] == Route(V1.digest, model="digits")
    assert isinstance(routing[-1], SendEvent)


def test_nothing_is_written_or_reported_when_nothing_changes() -> None:
    core = started()
    serving(core)

    assert core.on_calls(V1.digest, 10, 0, 4.0) == []
    assert core.on_fetched(V1.digest, 4.0) == []
    assert core.on_timer(4.0, START_UNIX_S + 4.0) == []


def test_a_restarted_agent_goes_on_from_its_journal() -> None:
    core = started()
    serving(core)
    state = json.loads(json.dumps(core.to_json()))

    restarted = AgentCore(CONFIG, 4, state=state)
    save, *effects = restarted.on_start(0.0, START_UNIX_S)

    assert isinstance(save, SaveState)
    assert effects == [LoadPackage(V1.digest)]
    assert restarted.generation == 1


def test_what_serves_after_a_restart_is_reported_as_soon_as_it_does() -> None:
    core = started()
    serving(core)
    core = started(boot=4, state=core.to_json())

    effects = core.on_loaded(V1.digest, "CPU", 1.0)

    (report,) = told(effects)
    assert isinstance(report, Report)
    assert report.models["digits"].serving == V1.digest


def test_a_journal_that_the_store_refused_is_written_again_after_a_while() -> None:
    core = started()
    heard(core, core.topics.desired, wishing(digits=Assignment(V1)))

    logs = core.on_state_save_failed("disk full", 10.0)
    early = core.on_timer(14.9, START_UNIX_S + 14.9)
    late = core.on_timer(15.0, START_UNIX_S + 15.0)

    assert logs == [Log("warning", "disk full; trying again in 5 s")]
    assert core.wake_at_s > 15.0
    assert early == []
    assert states(late) == [core.to_json()]


def test_the_state_of_another_model_is_refused() -> None:
    state = started().to_json()
    config = config_of(models=("faces",))

    with pytest.raises(UsageError, match="belongs to model 'digits', not 'faces': use another"):
        AgentCore(config, 4, state=state)


@pytest.mark.parametrize("earlier", [3, 5])
def test_a_life_with_the_number_of_an_earlier_one_is_refused(earlier: int) -> None:
    """Its batches would have the names of others, and the collector would take them for known."""
    message = f"begins life 3, but its store holds batches of life {earlier}"

    with pytest.raises(UsageError, match=message):
        AgentCore(CONFIG, 3, restored=[batch(0, boot=1), batch(0, boot=earlier)])


@pytest.mark.parametrize("field", ["generation", "clean", "models"])
def test_a_damaged_state_is_refused_with_its_place(field: str) -> None:
    state = {key: value for key, value in started().to_json().items() if key != field}

    with pytest.raises(PackageError, match=f"agent state.{field} is missing"):
        AgentCore(CONFIG, 4, state=state)
