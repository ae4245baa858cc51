"""Commands of the device, with plugins as installed packages have them."""

import logging
import queue
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent import restarting
from edge_agent.core.commands import Action, Commands, Done, Moment
from edge_agent.device_commands import action_by, device_commands
from edge_agent.log_tail import LogTail
from edge_contract.errors import UsageError
from edge_contract.messages import Command, CommandResult, FleetTopics, encode
from edge_contract.reading import JsonValue
from tests.edge_agent.conftest import MakeAgent
from tests.support.agent_core import told
from tests.support.packages import digits

PLUGIN = """
from edge_contract.errors import UnavailableError

def blink(times=1):
    if times > 3:
        raise UnavailableError("the lamp is hot")
    return f"blinked {times} times"

number = 7
"""

ENTRY_POINTS = """
[edgefleet.commands]
blink = my_device_lamp:blink
number = my_device_lamp:number
gone = my_device_radio:call
set-log-level = my_device_lamp:blink
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    info = tmp_path / "my_device-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-device\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    (tmp_path / "my_device_lamp.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("my_device_lamp", None)


@pytest.fixture
def level() -> Iterator[None]:
    before = logging.getLogger("edgefleet").level
    yield
    logging.getLogger("edgefleet").setLevel(before)


def answer(name: str, **arguments: JsonValue) -> CommandResult:
    commands = Commands("cam-7", {}, device_commands)
    effects = commands.on_command(Command("c1", name, 100.0, arguments), Moment(0.0, 0.0))
    (result,) = told(effects)
    assert isinstance(result, CommandResult)
    return result


@pytest.mark.usefixtures("level")
def test_the_log_level_changes_at_run_time() -> None:
    assert answer("set-log-level", level="debug").detail == "logging from debug on"
    assert logging.getLogger("edgefleet").level == logging.DEBUG
    refused = answer("set-log-level", level="loud")
    assert not refused.ok
    assert "needs level as one of debug, info, warning, error, got 'loud'" in refused.detail
    assert logging.getLogger("edgefleet").level == logging.DEBUG


@pytest.mark.usefixtures("plugin")
def test_a_plugin_adds_a_command() -> None:
    assert answer("blink", times=2).detail == "blinked 2 times"
    assert answer("blink").ok


@pytest.mark.usefixtures("plugin")
def test_a_plugin_that_refuses_or_fails_is_answered(caplog: pytest.LogCaptureFixture) -> None:
    assert answer("blink", times=4).detail == "the lamp is hot"
    failed = answer("blink", times="two")
    assert not failed.ok
    assert failed.detail.startswith("TypeError: ")
    assert "command 'blink' of plugin my_device_lamp:blink failed" in caplog.text


@pytest.mark.usefixtures("plugin", "level")
def test_plugins_that_cannot_be_used_are_logged_and_left_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert "is unknown" in answer("gone").detail
    assert "gives no command 'gone': No module named 'my_device_radio'" in caplog.text
    assert "my_device_lamp:number is a int and cannot be called" in caplog.text
    assert "command 'set-log-level' of plugin my_device_lamp:blink is taken already" in caplog.text


def test_commands_of_the_core_load_no_plugins() -> None:
    def more() -> dict[str, Action]:
        raise AssertionError("asked for")

    commands = Commands("cam-7", {"ping": lambda _arguments, _moment: Done("pong")}, more)
    effects = commands.on_command(Command("c1", "ping", 100.0, {}), Moment(0.0, 0.0))
    (result,) = told(effects)
    assert isinstance(result, CommandResult)
    assert result.ok


def test_the_last_lines_of_the_log_are_collected() -> None:
    log = LogTail()
    logger = logging.getLogger("edgefleet.agent")
    try:
        for number in range(5):
            logger.error("line %d", number)
        commands = Commands("cam-7", {}, lambda: device_commands(log))
        command = Command("c1", "collect-logs", 100.0, {"lines": 2})
        (result,) = told(commands.on_command(command, Moment(0.0, 0.0)))
    finally:
        log.close()
    logger.error("line 5")

    assert isinstance(result, CommandResult)
    first, second = result.detail.splitlines()
    assert first.endswith("ERROR edgefleet.agent: line 3")
    assert second.endswith("ERROR edgefleet.agent: line 4")
    assert log.last(1, most_characters=1000).endswith("line 4")
    assert log.last(5, most_characters=120).count("\n") == 1


@pytest.mark.parametrize("lines", [0, 501, "all", True])
def test_collecting_logs_refuses_what_is_no_number_of_lines(lines: JsonValue) -> None:
    refused = answer("collect-logs", lines=lines)

    assert not refused.ok
    assert "needs lines from 1 to 500" in refused.detail


def test_an_agent_inside_an_application_is_not_restarted() -> None:
    refused = answer("restart")

    assert not refused.ok
    assert "runs inside an application" in refused.detail


def test_a_restart_is_taken_up_and_not_repeated_in_the_life_that_came_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("edge_agent.restarting._DELAY_S", 0.0)
    begun = threading.Event()
    commands = Commands("cam-7", {}, lambda: device_commands(life=4))
    with restarting.allowed(begun.set):
        (old,) = told(commands.on_command(restart_in(3), Moment(0.0, 0.0)))
        is_calm = not begun.is_set()
        (taken,) = told(commands.on_command(restart_in(4), Moment(0.0, 0.0)))
        assert begun.wait(5.0)

    assert is_calm
    assert old == CommandResult("cam-7", "c3", ok=True, detail="runs again")
    assert taken == CommandResult("cam-7", "c4", ok=True, detail="restarting", final=False)


def restart_in(life: int) -> Command:
    return Command(f"c{life}", "restart", 100.0, {"life": life})


def test_samples_are_refused_by_a_device_that_did_not_opt_in() -> None:
    without = answer("capture-samples")
    refused = answer("capture-samples", purpose="retraining")

    assert "needs a purpose" in without.detail
    assert (refused.ok, refused.detail) == (
        False,
        "this device has not opted in to samples: no row of it is kept or leaves it",
    )


def test_an_application_adds_commands_that_are_answered_as_others_are() -> None:
    commands = Commands("cam-7", {}, device_commands)

    def fail(**_arguments: object) -> str:
        raise ValueError("no lamp")

    commands.add("blink", action_by(lambda times=1: f"blinked {times} times", "'blink'"))
    commands.add("fail", action_by(fail, "'fail'"))

    def ask(command_id: str, name: str, **arguments: JsonValue) -> CommandResult:
        command = Command(command_id, name, 100.0, arguments)
        (result,) = told(commands.on_command(command, Moment(0.0, 0.0)))
        assert isinstance(result, CommandResult)
        return result

    assert ask("c1", "blink", times=3).detail == "blinked 3 times"
    assert (ask("c2", "fail").ok, ask("c3", "fail").detail) == (False, "ValueError: no lamp")
    assert ask("c4", "blink", colour="red").detail.startswith("TypeError: ")


@pytest.mark.parametrize("name", ["", "Blink", "blink me", "7up", "x" * 65, "restart", "ping"])
def test_a_command_without_a_name_of_its_own_is_refused(name: str) -> None:
    actions: dict[str, Action] = {"ping": lambda _arguments, _moment: Done("pong")}
    commands = Commands("cam-7", actions, device_commands)

    with pytest.raises(UsageError, match=r"is not allowed|is taken"):
        commands.add(name, action_by(lambda: "done", name))


def test_a_running_agent_does_what_it_was_taught(make_agent: MakeAgent) -> None:
    agent = make_agent(digits().package)
    done: queue.SimpleQueue[int] = queue.SimpleQueue()
    topics = FleetTopics("default").device("cam-7")

    agent.on_command("blink", lambda times: done.put(int(times)))
    command = Command("c1", "blink", time.time() + 60.0, {"times": 2})
    agent._shell.on_message(topics.commands, encode(command))

    assert done.get(timeout=10.0) == 2
