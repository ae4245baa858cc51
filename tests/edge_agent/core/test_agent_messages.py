"""The agent's core does what the cloud wants, and nothing that makes no sense."""

import pytest

from edge_agent.core.agent import AgentCore
from edge_agent.core.effects import (
    FetchPackage,
    Log,
    Route,
)
from edge_contract.messages import (
    Acks,
    Assignment,
    BootAck,
    CollectorState,
    Command,
    Message,
    Report,
    encode,
)
from tests.support.agent_batches import batch
from tests.support.agent_core import CONFIG, START_UNIX_S, heard, serving, started, told, wishing
from tests.support.agent_outbox import sending
from tests.support.agent_slots import V1, V2


def test_an_older_desired_state_is_ignored() -> None:
    core = started()
    heard(core, core.topics.desired, wishing(generation=7, digits=Assignment(V1)))

    effects = heard(core, core.topics.desired, wishing(generation=6, digits=Assignment(V2)))

    assert effects == []
    assert core.generation == 7


def test_the_same_desired_state_again_is_answered_with_a_report() -> None:
    core = started()
    heard(core, core.topics.desired, wishing(generation=7, digits=Assignment(V1)))

    effects = heard(core, core.topics.desired, wishing(generation=7, digits=Assignment(V1)))

    (report,) = told(effects)
    assert len(effects) == 1
    assert isinstance(report, Report)
    assert report.generation == 7


def test_a_desired_state_without_this_model_ends_its_shadow_and_keeps_it_serving() -> None:
    core = started()
    serving(core)
    heard(core, core.topics.desired, wishing(generation=2, digits=Assignment(V1, V2)))
    core.on_fetched(V2.digest, 4.0)
    core.on_loaded(V2.digest, "CPU", 5.0)

    effects = heard(core, core.topics.desired, wishing(generation=3))

    assert Route(V1.digest, model="digits") in effects


def test_the_cloud_sets_the_length_of_windows() -> None:
    core = started()

    heard(core, core.topics.desired, wishing(interval_s=5.0))

    assert core.interval_s == 5.0
    assert core.wake_at_s <= 1.0 + 5.0 + 0.5


def test_the_same_length_of_windows_again_does_not_move_their_end() -> None:
    core = started()
    end_s = core.wake_at_s

    heard(core, core.topics.desired, wishing(interval_s=60.0), now_s=58.0)

    assert core.wake_at_s == end_s


@pytest.mark.parametrize("interval_s", [1e-9, 0.09, 86_401.0, 1e300])
def test_a_length_of_windows_that_makes_no_sense_is_ignored_and_the_rest_done(
    interval_s: float,
) -> None:
    core = started()

    effects = heard(
        core, core.topics.desired, wishing(interval_s=interval_s, digits=Assignment(V1))
    )

    assert core.interval_s == 60.0
    assert FetchPackage(V1.digest, "http://packages") in effects
    (warning,) = [effect.text for effect in effects if isinstance(effect, Log)]
    assert warning.startswith("ignored a part of the desired state: telemetry interval must be")


def test_a_length_of_windows_of_zero_leaves_it_as_it_is() -> None:
    core = started()
    heard(core, core.topics.desired, wishing(interval_s=5.0))

    heard(core, core.topics.desired, wishing(generation=2, interval_s=0.0))

    assert core.interval_s == 5.0


@pytest.mark.parametrize(
    "payload", [b"", b"\x01garbage", b"\x02", b"{}", encode(Acks())[:-3], b"\xff" * 100]
)
def test_garbage_is_logged_and_changes_nothing(payload: bytes) -> None:
    core = started()
    before = core.to_json()

    (log,) = core.on_message(core.topics.desired, payload, now_s=1.0, at_unix_s=START_UNIX_S)

    assert isinstance(log, Log)
    assert log.level == "warning"
    assert log.text.startswith("ignored a message on 'ef1/f1/d/cam-7': ")
    assert core.to_json() == before


@pytest.mark.parametrize(
    "message", [Acks((BootAck(1, 1),)), CollectorState(listening=False), wishing(generation=9)]
)
def test_a_message_on_the_wrong_topic_is_logged_and_forgotten(message: Message) -> None:
    core = AgentCore(CONFIG, 3, restored=[batch(0)])
    core.on_start(0.0, START_UNIX_S)

    effects = heard(core, core.topics.commands, message)

    kind = type(message).__name__
    assert effects == [Log("warning", f"ignored {kind} on 'ef1/f1/c/cam-7'")]
    assert core.generation == 0
    assert sending(batch(0)) in core.on_connected(2.0)


def test_a_command_on_the_wrong_topic_is_logged_and_not_done() -> None:
    core = started()

    effects = heard(core, core.topics.acks, Command("c1", "ping", START_UNIX_S + 60.0))

    assert effects == [Log("warning", "ignored Command on 'ef1/f1/a/cam-7'")]


def test_a_message_that_devices_do_not_hear_is_logged_and_forgotten() -> None:
    core = started()

    effects = heard(core, core.topics.desired, core.farewell)

    assert effects == [Log("warning", "ignored Death on 'ef1/f1/d/cam-7'")]
