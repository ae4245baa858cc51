"""Commands are done once, in time, and each one is answered."""

import pytest

from edge_agent.core.agent import AgentConfig, AgentCore
from edge_agent.core.effects import CollectWindows, Effect, FetchPackage, SaveState, SendEvent
from edge_contract.messages import (
    Assignment,
    Birth,
    Command,
    CommandResult,
    DesiredState,
    Report,
    encode,
)
from edge_contract.reading import JsonValue
from tests.support.agent_slots import V1

START_UNIX_S = 1_800_000_000.0


def started() -> AgentCore:
    core = AgentCore(AgentConfig(fleet="f1", device="cam-7", models=("digits",)), 1)
    core.on_start(0.0, START_UNIX_S)
    return core


def commanded(
    core: AgentCore,
    name: str,
    arguments: dict[str, JsonValue] | None = None,
    *,
    command_id: str = "c1",
    expires_s: float = 60.0,
    to_all: bool = False,
) -> list[Effect]:
    command = Command(command_id, name, START_UNIX_S + expires_s, arguments or {})
    topic = core.topics.to_all if to_all else core.topics.commands
    effects = core.on_message(topic, encode(command), now_s=1.0, at_unix_s=START_UNIX_S + 1.0)
    return list(effects)


def answer(effects: list[Effect]) -> CommandResult:
    """The answer, which is always what comes last."""
    last = effects[-1]
    assert isinstance(last, SendEvent)
    assert isinstance(last.message, CommandResult)
    return last.message


@pytest.mark.parametrize("to_all", [False, True])
def test_ping_is_answered(to_all: bool) -> None:
    effects = commanded(started(), "ping", to_all=to_all)

    assert effects == [SendEvent(CommandResult("cam-7", "c1", ok=True, detail="pong"))]


def test_report_sends_statistics_and_state_now() -> None:
    collect, report, _ = effects = commanded(started(), "report")

    assert collect == CollectWindows()
    assert isinstance(report, SendEvent)
    assert isinstance(report.message, Report)
    assert answer(effects).ok


def test_introduce_repeats_the_birth_for_a_cloud_that_was_not_there() -> None:
    core = started()
    born, *_ = core.on_connected(0.5)

    again, _ = effects = commanded(core, "introduce")

    assert isinstance(born, SendEvent)
    assert isinstance(born.message, Birth)
    assert again == born
    assert answer(effects).ok


@pytest.mark.parametrize("seconds", [0.1, 5, 5.0, 86_400])
def test_set_interval_changes_the_length_of_windows(seconds: float) -> None:
    core = started()

    result = answer(commanded(core, "set-interval", {"seconds": seconds}))

    assert core.interval_s == seconds
    assert result == CommandResult("cam-7", "c1", ok=True, detail=f"telemetry every {seconds} s")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({}, "needs seconds as a number, got None"),
        ({"seconds": "5"}, "needs seconds as a number, got '5'"),
        ({"seconds": True}, "needs seconds as a number, got True"),
        ({"seconds": 0.05}, "must be from 0.1 to 86400 s, got 0.05"),
        ({"seconds": 1e9}, "must be from 0.1 to 86400 s, got 1000000000.0"),
    ],
)
def test_set_interval_refuses_what_is_no_length(
    arguments: dict[str, JsonValue], reason: str
) -> None:
    core = started()

    result = answer(commanded(core, "set-interval", arguments))

    assert not result.ok
    assert result.detail.endswith(reason)
    assert core.interval_s == 60.0


def test_an_answer_is_never_too_long_to_be_read() -> None:
    result = answer(commanded(started(), "set-interval", {"seconds": "9" * 50_000}))

    assert len(result.detail) == 8000


def test_clear_bad_lets_a_failed_version_be_tried_again() -> None:
    core = started()
    desired = DesiredState(1, {"digits": Assignment(V1)}, "http://packages")
    core.on_message(core.topics.desired, encode(desired), now_s=0.0, at_unix_s=START_UNIX_S)
    core.on_fetch_failed(V1.digest, "not found", 1.0, permanent=True)

    effects = commanded(core, "clear-bad")

    assert isinstance(effects[0], SaveState)
    assert FetchPackage(V1.digest, "http://packages") in effects
    assert answer(effects).detail == "cleared"


def test_an_unknown_command_is_answered_with_the_known_ones() -> None:
    result = answer(commanded(started(), "reboot"))

    assert not result.ok
    assert result.detail == (
        "command 'reboot' is unknown (known: ping, introduce, report, set-interval, clear-bad, "
        "install-update)"
    )


def test_a_command_that_came_too_late_is_not_done() -> None:
    core = started()

    effects = commanded(core, "set-interval", {"seconds": 5}, expires_s=0.5)

    text = (
        "expired before it arrived: 0 s ago by this device's clock; set that clock if it is wrong"
    )
    assert effects == [SendEvent(CommandResult("cam-7", "c1", ok=False, detail=text))]
    assert core.interval_s == 60.0


def test_a_repeated_command_is_done_once_and_answered_again() -> None:
    core = started()
    first = commanded(core, "set-interval", {"seconds": 5})
    commanded(core, "set-interval", {"seconds": 9}, command_id="c2")

    again = commanded(core, "set-interval", {"seconds": 5})

    assert again == first[-1:]
    assert core.interval_s == 9.0


def test_the_last_hundred_commands_are_remembered() -> None:
    core = started()
    for number in range(101):
        commanded(core, "set-interval", {"seconds": number + 1}, command_id=f"c{number}")

    commanded(core, "set-interval", {"seconds": 2}, command_id="c1")
    after_a_remembered_one = core.interval_s
    commanded(core, "set-interval", {"seconds": 1}, command_id="c0")

    assert after_a_remembered_one == 101
    assert core.interval_s == 1
