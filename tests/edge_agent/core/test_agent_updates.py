"""Holding updates and letting them begin, as the shell and the cloud see it."""

import pytest

from edge_agent.core.agent import AgentCore
from edge_agent.core.effects import Route
from edge_contract.errors import UsageError
from edge_contract.messages import Assignment, Command, CommandResult, Report, Target
from tests.support.agent_core import START_UNIX_S, config_of, heard, serving, told, wishing
from tests.support.agent_slots import V1, V2, V3

V4 = Target("4.0.0", f"sha256:{4:064d}")


def started(*, download_only: bool = False) -> AgentCore:
    core = AgentCore(config_of(download_only=download_only), 3)
    core.on_start(0.0, START_UNIX_S)
    return core


def ready(core: AgentCore) -> None:
    """1.0.0 serves, and 2.0.0 is here."""
    serving(core)
    heard(core, core.topics.desired, wishing(generation=2, digits=Assignment(V2)), now_s=4.0)
    core.on_fetched(V2.digest, 5.0)
    core.on_loaded(V2.digest, "CPU", 6.0)


def answered(core: AgentCore, name: str, **arguments: str) -> tuple[bool, str, bool]:
    """Whether a command was done, what was answered, and whether calls go elsewhere now."""
    command = Command("c1", name, START_UNIX_S + 600.0, dict(arguments))
    effects = heard(core, core.topics.commands, command, now_s=9.0)
    result = told(effects)[-1]
    assert isinstance(result, CommandResult)
    return result.ok, result.detail, any(isinstance(effect, Route) for effect in effects)


def updates(report: object) -> str:
    assert isinstance(report, Report)
    return report.models["digits"].updates


def test_that_updates_are_held_is_reported_at_once_but_not_many_times_a_second() -> None:
    core = started()

    first = told(core.on_hold("", 10.0))
    others = [told(core.on_release("", 10.1)), told(core.on_hold("arm", 10.2))]
    assert core.wake_at_s == 15.0
    later = told(core.on_timer(15.0, START_UNIX_S + 15.0))

    assert [updates(report) for report in first] == ["held by the application"]
    assert others == [[], []]
    assert [updates(report) for report in later] == ["held by the application: arm"]


def test_what_was_held_and_let_go_in_between_is_not_reported() -> None:
    core = started()
    core.on_hold("", 10.0)
    core.on_release("", 20.0)
    core.on_hold("", 20.1)
    core.on_release("", 20.2)

    assert told(core.on_timer(25.0, START_UNIX_S + 25.0)) == []


def test_letting_go_routes_calls_to_what_waited_and_reports_it_at_once() -> None:
    core = started()
    core.on_hold("", 3.5)
    ready(core)

    effects = core.on_release("", 7.0)

    assert Route(V2.digest, fallback=V1.digest, model="digits") in effects
    assert [updates(report) for report in told(effects)] == [""]


def test_the_cloud_lets_a_version_begin_by_command() -> None:
    core = started(download_only=True)
    ready(core)

    assert answered(core, "install-update") == (True, "digits 2.0.0 begins to serve", True)


def test_a_command_may_name_the_model() -> None:
    core = started(download_only=True)
    ready(core)

    assert answered(core, "install-update", model="digits")[0]


def test_what_is_held_begins_after_the_command_when_the_application_lets_go() -> None:
    core = started(download_only=True)
    core.on_hold("", 3.5)
    ready(core)

    answer = answered(core, "install-update")
    effects = core.on_release("", 20.0)

    assert answer == (True, "digits 2.0.0 begins to serve when the application lets go", False)
    assert Route(V2.digest, fallback=V1.digest, model="digits") in effects


def test_a_command_for_nothing_says_so() -> None:
    core = started(download_only=True)
    serving(core)

    assert answered(core, "install-update") == (False, "no version waits to serve", False)


def test_a_command_for_a_model_that_is_not_here_says_so() -> None:
    ok, text, _ = answered(started(), "install-update", model="gate")

    assert not ok
    assert "model 'gate' is none of this device's" in text


@pytest.mark.parametrize(
    ("windows", "complaint"),
    [
        (("22:00-05:00",), "names no time zone"),
        (("22:00-05:00 UTC", "nights UTC"), "'nights' is none"),
    ],
)
def test_an_agent_with_a_window_that_is_none_is_refused(
    windows: tuple[str, ...], complaint: str
) -> None:
    with pytest.raises(UsageError, match=complaint):
        config_of(maintenance_windows=windows)


def test_holding_and_installing_concern_all_models_or_the_one_that_is_named() -> None:
    core = AgentCore(config_of(models=("digits", "gate"), download_only=True), 3)
    core.on_start(0.0, START_UNIX_S)
    for generation, (digits, gate) in enumerate([(V1, V3), (V2, V4)], 1):
        wished = wishing(generation=generation, digits=Assignment(digits), gate=Assignment(gate))
        heard(core, core.topics.desired, wished, now_s=1.0)
        for target in (digits, gate):
            core.on_fetched(target.digest, 2.0)
            core.on_loaded(target.digest, "CPU", 3.0)

    assert core.deployers.updates_ready() == {"digits": "2.0.0", "gate": "4.0.0"}
    core.on_hold("", 4.0)
    held = core.install_update(4.5, "gate")
    let_go = core.on_release("", 5.0)

    assert not any(isinstance(effect, Route) for effect in held)
    assert [e.model for e in let_go if isinstance(e, Route)] == ["gate"]
    assert core.deployers.updates_ready() == {"digits": "2.0.0"}
