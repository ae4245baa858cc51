"""How agents begin, close, die, and what they leave behind."""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edge_agent.agent import Agent
from edge_agent.config import ring_folder
from edge_contract.errors import PackageError, UnavailableError, UsageError
from edge_contract.messages import Counters
from tests.edge_agent.conftest import MakeAgent
from tests.edge_agent.saved_entries import NO_BROKER, entries_in, total
from tests.support.disks import files_of_at_most
from tests.support.links import wait_until
from tests.support.packages import digits, words


class TestLife:
    def test_a_model_that_nobody_can_give_is_told(self) -> None:
        with pytest.raises(
            UsageError,
            match=r"model 'digits' is no package file, and there is no cloud to get it from: give",
        ):
            Agent("digits")

    def test_a_model_that_does_not_come_is_told_with_what_to_check(
        self, make_agent: MakeAgent
    ) -> None:
        agent = make_agent("digits", cloud=NO_BROKER, ready_timeout_s=0.05)
        with pytest.raises(
            UnavailableError,
            match=r"no version of model 'digits' is on device 'cam-7' after 0 s: check that the",
        ):
            agent.predict([[0.0] * 64])
        with pytest.raises(UnavailableError, match="no version of model"):
            agent.wait_ready(0.0)
        assert agent.version == ""

    def test_the_last_good_version_answers_while_the_broker_cannot_be_reached(
        self, make_agent: MakeAgent
    ) -> None:
        make_agent(digits().package).close()

        offline = make_agent("digits", cloud=NO_BROKER)
        prediction = offline.predict(digits().rows[:3])

        assert prediction.labels is not None
        assert offline.version == "1.0.0"
        began_s = time.monotonic()
        offline.close()
        assert time.monotonic() - began_s < 3.0
        assert total(entries_in(offline.state)).rows == 3

    def test_a_closed_agent_says_so(self, make_agent: MakeAgent) -> None:
        with make_agent(digits().package) as agent:
            name = agent.predict(digits().rows[:1]).id
        for attempt in (
            lambda: agent.predict(digits().rows[:1]),
            lambda: agent.label(name, 1),
            agent.wait_ready,
        ):
            with pytest.raises(UsageError, match="agent 'cam-7' is closed: make a new one"):
                attempt()

    def test_closing_wakes_a_call_that_waits_for_a_model(self, make_agent: MakeAgent) -> None:
        agent = make_agent("digits", cloud=NO_BROKER, ready_timeout_s=30.0)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(agent.predict, [[0.0] * 64])
            time.sleep(0.05)
            agent.close()
            with pytest.raises(UsageError, match="is closed"):
                waiting.result(timeout=5.0)

    def test_closing_twice_or_from_many_threads_is_closing_once(
        self, make_agent: MakeAgent
    ) -> None:
        agent = make_agent(digits().package)
        agent.predict(digits().rows[:2])
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: agent.close(), range(4)))
        agent.close()
        assert total(entries_in(agent.state)) == Counters(rows=2, calls=1)

    def test_calls_under_way_while_it_closes_are_answered_and_counted_or_refused(
        self, make_agent: MakeAgent
    ) -> None:
        agent = make_agent(digits().package)
        agent.wait_ready()
        answered: list[int] = []

        def predict_until_closed() -> str:
            while True:
                try:
                    answered.append(len(agent.predict(digits().rows[:1])))
                except UsageError as error:
                    return str(error)

        with ThreadPoolExecutor(4) as pool:
            ends = [pool.submit(predict_until_closed) for _ in range(4)]
            time.sleep(0.1)
            agent.close()
        assert {end.result() for end in ends} == {"agent 'cam-7' is closed: make a new one"}
        again = make_agent(digits().package)
        again.close()

        assert total(entries_in(again.state)).rows == len(answered) > 0

    def test_without_cloud_and_state_nothing_is_left_behind(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        agent = Agent(digits().package)
        agent.predict(digits().rows[:1])
        rings = ring_folder(agent.state)
        assert agent.state.parent == tmp_path

        agent.close()

        assert list(tmp_path.iterdir()) == []
        assert not rings.exists()

    def test_the_status_file_says_what_serves_and_that_the_agent_has_left(
        self, make_agent: MakeAgent
    ) -> None:
        agent = make_agent(digits().package)
        agent.wait_ready()
        path = agent.state / "status.json"
        wait_until(lambda: json.loads(path.read_text())["models"]["digits"]["version"] == "1.0.0")
        status = json.loads(path.read_text())
        assert status["device"] == "cam-7"
        assert status["closed"] is False
        assert [slot["state"] for slot in status["models"]["digits"]["slots"]] == [
            "active",
            "empty",
        ]

        agent.close()
        assert json.loads(path.read_text())["closed"] is True


class TestWhatCannotBegin:
    def test_a_folder_of_another_model_is_told_and_stays_usable(
        self, make_agent: MakeAgent
    ) -> None:
        make_agent(digits().package).close()
        with pytest.raises(UsageError, match="belongs to model 'digits', not 'trees'"):
            make_agent(words().package)
        make_agent(digits().package).wait_ready()

    def test_a_damaged_package_is_told_before_anything_is_made(
        self, make_agent: MakeAgent, tmp_path: Path
    ) -> None:
        path = tmp_path / "digits.modelpkg"
        path.write_bytes(digits().package.to_archive()[:-100])
        with pytest.raises(PackageError, match=r"digits\.modelpkg': not a readable model package"):
            make_agent(path)
        assert not (tmp_path / "state").exists()

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            ({"device": "cam 7"}, "cam 7"),
            ({"fleet": "a/b"}, "a/b"),
            ({"interval_s": 0.0}, "telemetry interval must be from 0.1"),
            ({"cloud": "http://x"}, "http"),
        ],
    )
    def test_wrong_options_are_told_and_leave_the_folder_free(
        self, make_agent: MakeAgent, wrong: dict[str, object], said: str
    ) -> None:
        with pytest.raises(UsageError, match=said):
            make_agent(digits().package, **wrong)
        make_agent(digits().package).wait_ready()

    def test_a_state_folder_that_cannot_be_written_is_told(
        self, make_agent: MakeAgent, tmp_path: Path
    ) -> None:
        (tmp_path / "state").write_text("a file in its place")
        with pytest.raises(UnavailableError, match=r"cannot write to folder '.*state'"):
            make_agent(digits().package)

    def test_a_full_disk_is_told(self, make_agent: MakeAgent) -> None:
        with (
            files_of_at_most(2000),
            pytest.raises(UnavailableError, match="check that its disk has room"),
        ):
            make_agent(digits().package)
        make_agent(digits().package).wait_ready()


SCRIPT = """
import os, signal, sys
import numpy as np
from edge_agent.agent import Agent

agent = Agent(sys.argv[1], state=sys.argv[2], device="cam-7", cloud=sys.argv[4] or None)
for _ in range(50):
    agent.predict(np.zeros((2, 64), np.float32))
if sys.argv[3] == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def run_script(tmp_path: Path) -> Iterator[Callable[..., int]]:
    """Runs a program that predicts 100 rows and never closes its agent."""
    path, state = tmp_path / "digits.modelpkg", tmp_path / "state"
    path.write_bytes(digits().package.to_archive())

    def run(end: str, cloud: str = "") -> int:
        command = [sys.executable, "-c", SCRIPT, str(path), str(state), end, cloud]
        return subprocess.run(command, check=False, timeout=30.0).returncode

    yield run
    shutil.rmtree(ring_folder(state), ignore_errors=True)


@pytest.mark.parametrize("cloud", ["", NO_BROKER])
def test_a_program_that_ends_without_closing_saves_what_it_counted(
    run_script: Callable[..., int], tmp_path: Path, cloud: str
) -> None:
    assert run_script("", cloud) == 0
    assert total(entries_in(tmp_path / "state")) == Counters(rows=100, calls=50)


def test_rows_of_a_program_that_was_killed_are_counted_by_the_next_one(
    run_script: Callable[..., int], make_agent: MakeAgent, tmp_path: Path
) -> None:
    assert run_script("kill") == -9

    agent = make_agent("digits")
    assert agent.rows_observed() == 100
    agent.close()

    assert total(entries_in(tmp_path / "state")) == Counters(rows=100, calls=50)
