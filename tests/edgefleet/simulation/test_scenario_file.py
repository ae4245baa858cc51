"""Scenario files: what they say, and how they are refused."""

from pathlib import Path

import pytest

from edge_contract.errors import UsageError
from edgefleet.simulation.scenario import Scenario, Selection
from edgefleet.simulation.scenario_file import read_scenario, with_options

EVERYTHING = """
[fleet]
devices = 200
minutes = 3
sites = ["oslo", "lund"]

[[drift]]
sites = ["oslo"]
at_s = 30
features = ["x0"]
shift = 1.5

[[flapping]]
share = 0.1

[[reconnect]]
at_s = 60

[[restart]]
at_s = 70
share = 0.5

[[clock]]
share = 0.05
skew_s = -86400

[[slow]]
share = 0.1

[[version]]
version = "2.0.0"
failing = 0.2

[[rollout]]
at_s = 90
version = "2.0.0"
expect = "rolled_back"
settings = { bake_s = 5.0, steps = [0.1, 1.0] }

[[command]]
at_s = 20
name = "set-interval"
arguments = { seconds = 5 }
"""


def scenario_of(folder: Path, text: str) -> Scenario:
    path = folder / "scenario.toml"
    path.write_text(text)
    return with_options(read_scenario(path), where=path.name)


def test_a_file_says_what_happens_to_whom_and_when(tmp_path: Path) -> None:
    scenario = scenario_of(tmp_path, EVERYTHING)

    assert (scenario.devices, scenario.lasts_s, scenario.sites) == (200, 180.0, ("oslo", "lund"))
    assert scenario.drifts[0].features == ("x0",)
    assert scenario.drifts[0].span.covers(30.0)
    assert not scenario.drifts[0].span.covers(29.0)
    assert [(away.at_s, away.restarts) for away in scenario.away] == [(60.0, False), (70.0, True)]
    assert scenario.clocks[0].skew_s == -86400.0
    assert scenario.versions["2.0.0"].failing == 0.2
    assert scenario.rollouts[0].order == {
        "version": "2.0.0",
        "strategy": "canary",
        "bake_s": 5.0,
        "steps": [0.1, 1.0],
    }
    assert scenario.commands[0].arguments == {"seconds": 5}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[fleet", "is no TOML"),
        ("[fleet]\ndevice = 5", "[fleet]: key 'device' is unknown; did you mean 'devices'?"),
        ("[fleets]", "key 'fleets' is unknown; did you mean 'fleet'?"),
        ("fleet = 3", "fleet is 3, expected a table"),
        ("[fleet]\ndevices = 0", "devices is 0, expected a whole number from 1 to 100000"),
        ("[fleet]\ndevices = true", "devices is True, expected a whole number"),
        ("[fleet]\nminutes = nan", "minutes is nan, expected a number from 0.01"),
        ("[fleet]\nsites = 'oslo'", "sites is 'oslo', expected a list of texts"),
        ("[fleet]\nsites = ['os/lo']", "'os/lo'"),
        ("[drift]\nshift = 1", "expected tables, each written as [[drift]]"),
        ("[[drift]]\nat_s = 5", "[[drift]] number 1: nothing drifts: give shift or missing"),
        ("[[drift]]\nmissing = 2", "missing is 2, expected a number from 0 to 1"),
        ("[[drift]]\nshift = 1\nat_s = 9\nuntil_s = 3", "until_s is 3, expected more than at_s, 9"),
        ("[[drift]]\nshift = 1\nsites = ['rome']", "no device is at site 'rome'; sites are oslo"),
        ("[[flapping]]\nshare = 1\n[[flapping]]\nshare = -1", "[[flapping]] number 2: share is -1"),
        ("[[rollout]]\nat_s = 1", "[[rollout]] number 1: 'version' is missing"),
        ("[[rollout]]\nversion = '2'", "version is '2', expected one like '2.0.0'"),
        (
            "[[rollout]]\nversion = '2.0.0'\nexpect = 'fine'",
            "expect is 'fine', expected one of succeeded",
        ),
        (
            "[[rollout]]\nversion = '2.0.0'\nsettings = { windows = [2026-01-01] }",
            "settings cannot be sent",
        ),
        ("[[rollout]]\nversion = '2.0.0'\nat_s = 500", "comes after the end at 120 s"),
        ("[[version]]\nversion = '2.0.0'\n[[version]]\nversion = '2.0.0'", "is described twice"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(UsageError) as refused:
        scenario_of(tmp_path, text)

    assert complaint in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*none.toml': No such file"):
        read_scenario(tmp_path / "none.toml")


def test_options_win_over_the_file_and_are_checked_like_it() -> None:
    chosen = with_options(Scenario(), where="here", devices=5, minutes=0.5, seed=3)

    assert (chosen.devices, chosen.minutes, chosen.seed) == (5, 0.5, 3)
    with pytest.raises(UsageError, match="from 1 to 100000 devices, got 200000"):
        with_options(Scenario(), where="here", devices=200_000)
    with pytest.raises(UsageError, match="above 0 minutes, got -1"):
        with_options(Scenario(), where="here", minutes=-1.0)


def test_a_share_takes_about_so_many_and_always_the_same() -> None:
    selection = Selection("drift-0", share=0.2)
    names = [f"sim-{number:05d}" for number in range(2000)]

    taken = [name for name in names if selection.takes(name, "oslo")]

    assert 340 < len(taken) < 460
    assert taken == [name for name in names if selection.takes(name, "oslo")]
    assert taken != [name for name in names if Selection("drift-1", share=0.2).takes(name, "oslo")]
    assert all(Selection("a").takes(name, "oslo") for name in names)
    assert not any(Selection("a", sites=("lund",)).takes(name, "oslo") for name in names)
