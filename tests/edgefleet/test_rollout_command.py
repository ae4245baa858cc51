"""``edgefleet rollout``: orders in all their forms, previews, watching."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from edge_contract.errors import UsageError
from edgefleet.rollout_orders import plan_file, start_unix_s, steps_of
from tests.edgefleet.conftest import Outcome
from tests.support.memory_cloud import START_UNIX_S, MemoryCloud
from tests.support.tiny_package import tiny_package
from tests.support.views import device

Run = Callable[..., Outcome]

PLAN = """
steps = [{ count = 2, bake_s = 60 }, 0.5, 1.0]
windows = ["22:00-05:00"]
devices_per_minute = 30

[gates.drift]
on_fail = "pause"
"""


@pytest.fixture(autouse=True)
def two_versions(backend: MemoryCloud) -> None:
    for version in ("1.0.0", "1.1.0"):
        package = tiny_package("digits", version, model=version.encode())
        backend.push(package.to_archive(), by="test")


def test_steps_are_shares_percentages_and_numbers_of_devices() -> None:
    assert steps_of("3dev, 10%,0.5,1") == [{"count": 3}, {"fraction": 0.1}, 0.5, 1.0]


@pytest.mark.parametrize("text", ["all", "3 devices", "%", "devdev", "nan", "inf%", "0.1,,1"])
def test_a_step_that_is_none_is_told(text: str) -> None:
    with pytest.raises(UsageError, match="is none; write steps like"):
        steps_of(text)


def test_a_beginning_is_a_span_or_a_time_to_come() -> None:
    later = start_unix_s("2h") - start_unix_s("1h")

    assert later == pytest.approx(3600.0, abs=1.0)
    assert start_unix_s("2090-01-01T00:00+00:00") == 3786912000.0
    with pytest.raises(UsageError, match="is over"):
        start_unix_s("2020-01-01T00:00")
    with pytest.raises(UsageError, match="no time to begin"):
        start_unix_s("tomorrow")


def test_a_dry_run_says_what_would_come_of_a_plan_from_a_file_and_starts_nothing(
    run: Run, backend: MemoryCloud, tmp_path: Path
) -> None:
    (tmp_path / "plan.toml").write_text(PLAN)
    backend.put_device(device("cam-01"))

    order = ("rollout", "start", "digits@1.1.0", "--plan", str(tmp_path / "plan.toml"))
    shown = run(*order, "--no-shadow", "--bake", "120", "--dry-run")
    found = json.loads(run(*order, "--no-shadow", "--dry-run", "--json").out)

    assert shown.code == 0
    assert "canary 2 devices" in shown.out
    assert "nothing speaks against it; nothing was started" in shown.out
    assert found["plan"]["windows"] == ["22:00-05:00"]
    assert found["plan"]["gates"]["drift"]["on_fail"] == "pause"
    assert backend.rollouts() == []


def test_a_plan_about_another_version_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text('version = "2.0.0"')

    refused = run("rollout", "start", "digits@1.1.0", "--plan", str(tmp_path / "plan.toml"))

    assert refused.code == 2
    assert "the plan is for version '2.0.0', not '1.1.0'" in refused.err


def test_a_dry_run_that_finds_a_problem_ends_with_1(run: Run) -> None:
    shown = run("rollout", "start", "digits@1.1.0", "--dry-run")

    assert shown.code == 1
    assert "problem: there is no device yet" in shown.out


def test_a_plan_file_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("steps = [")

    with pytest.raises(UsageError, match=r"bad\.toml' is no TOML"):
        plan_file(tmp_path / "bad.toml")
    with pytest.raises(UsageError, match=r"cannot read plan '.*none\.toml': No such file"):
        plan_file(tmp_path / "none.toml")


def test_an_order_names_its_target_and_pace(run: Run, backend: MemoryCloud) -> None:
    limits = ("--per-minute", "20", "--in-flight", "5", "--at", "2h", "--window", "22:00-05:00")

    started = run("rollout", "start", "digits@1.1.0", "--target", 'tag.site == "oslo"', *limits)

    assert started.code == 0
    assert backend.rollout("latest").target == 'tag.site == "oslo"'


def test_watching_ends_with_the_outcome(run: Run, backend: MemoryCloud) -> None:
    ends = {"succeeded": 0, "rolled_back": 1, "aborted": 1}
    codes = {}
    run("rollout", "start", "digits@1.1.0")
    for state in ends:
        ended = replace(backend.rollout("latest"), state=state, ended_unix_s=START_UNIX_S)
        backend.put_rollout(ended)
        codes[state] = run("rollout", "watch").code

    assert codes == ends


def test_the_status_says_what_can_be_done(run: Run) -> None:
    run("rollout", "start", "digits@1.1.0", "--approval")

    assert "you can: edgefleet rollout approve | abort" in run("rollout", "status").out
