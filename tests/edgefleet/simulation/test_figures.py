"""What a simulation counts, what it finds wrong, and what the machine must allow."""

from collections import Counter

import pytest

from edge_contract.errors import UsageError
from edgefleet.simulation import limits
from edgefleet.simulation.orders import CommandRun, RolloutRun
from edgefleet.simulation.outcome import Outcome
from edgefleet.simulation.surroundings import Rows
from edgefleet.simulation.tally import Delays, Tally


def outcome(
    rows: dict[str, Rows],
    merged: dict[str, int],
    *,
    rollouts: tuple[RolloutRun, ...] = (),
    commands: tuple[CommandRun, ...] = (),
    was_stopped: bool = False,
) -> Outcome:
    return Outcome(
        seconds=1.0,
        tally=Tally(devices=len(rows), connects=len(rows)),
        rows=rows,
        merged=merged,
        seen_serving=dict.fromkeys(rows, "sha256:a"),
        commands=commands,
        rollouts=rollouts,
        alarms=(),
        was_stopped=was_stopped,
    )


def test_delays_of_several_processes_add_up_and_keep_the_longest() -> None:
    here, there = Delays(), Delays()
    for number in range(1, 100):
        here.add(number / 1000)
    there.add(7.0)

    both = here.plus(there)

    assert len(both) == 100
    assert both.quantile_s(0.5) == pytest.approx(0.05, rel=0.05)
    assert both.quantile_s(1.0) == 7.0
    assert both.longest_s == 7.0
    assert Delays().quantile_s(0.5) == 0.0


def test_tallies_add_up() -> None:
    first, second = Tally(devices=2, rows=10), Tally(devices=3, rows=5)
    first.warnings["disk full"] += 1
    second.warnings["disk full"] += 2

    total = Tally.sum([first, second])

    assert (total.devices, total.rows, total.warnings["disk full"]) == (5, 15, 3)
    assert (first.rows, second.rows) == (10, 5)


def test_rows_that_are_lost_or_merged_twice_are_found_device_by_device() -> None:
    found = outcome(
        {"a": Rows(10, 10), "b": Rows(20, 20), "c": Rows(30, 30, 5), "d": Rows(40, 40)},
        {"a": 10, "b": 17, "c": 25, "d": 45},
    )

    assert [(loss.device, loss.missing) for loss in found.losses] == [("d", -5), ("b", 3)]
    assert found.to_json()["devices_with_wrong_rows"] == 2


def test_a_cloud_that_believes_something_else_of_a_device_is_found() -> None:
    found = outcome(
        {"a": Rows(serving="sha256:a"), "b": Rows(serving="sha256:b"), "c": Rows()},
        {"a": 0, "b": 0, "c": 0},
    )

    assert found.misjudged == ["b"]
    assert found.problems == [
        "the cloud believes of 1 devices that they serve another package than they do, of b for one"
    ]


def test_what_was_ordered_and_did_not_happen_is_a_problem_unless_somebody_stopped_it() -> None:
    rollout = RolloutRun("2.0.0", "canary", "succeeded", 0.0, state="running", sentence="half way")
    command = CommandRun(
        "ping",
        0.0,
        "c1",
        4,
        {"done": 2, "failed": 1, "waiting": 1},
        refusals=Counter({"expired before it arrived": 1}),
        silent=["b"],
    )
    refused = RolloutRun("3.0.0", "canary", "", 0.0, error="there is no such version")

    told = outcome({}, {}, rollouts=(rollout, refused), commands=(command,)).problems
    stopped = outcome(
        {}, {}, rollouts=(rollout, refused), commands=(command,), was_stopped=True
    ).problems

    assert told == [
        "command ping: not done on all of 4 devices: 2 done, 1 failed, 1 waiting; "
        "1 said 'expired before it arrived'; 1 gave no result while they were online, as b",
        "rollout of 2.0.0: is running, expected succeeded: half way",
        "rollout of 3.0.0: there is no such version",
    ]
    assert stopped == ["rollout of 3.0.0: there is no such version"]


def test_too_few_open_files_are_told_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "_hard_limit", lambda: 4096)

    limits.check_files(5000, processes=2, with_broker=False)
    with pytest.raises(UsageError, match=r"each of 1 processes needs 5128 open files.*is 4096"):
        limits.check_files(5000, processes=1, with_broker=False)
    with pytest.raises(UsageError, match="the broker needs 6000 open files for 5000 devices"):
        limits.check_files(5000, processes=2, with_broker=True)


def test_devices_are_shared_by_as_many_processes_as_suit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 4)

    found = [limits.processes_for(devices, 0) for devices in (1, 1500, 1501, 100_000)]

    assert found == [1, 1, 2, 4]
    assert limits.processes_for(3, 8) == 3
