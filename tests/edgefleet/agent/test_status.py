"""``edgefleet agent status``."""

import json
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.agent import Agent
from tests.edgefleet.agent.conftest import Command
from tests.support.packages import mixed


def test_a_person_sees_what_serves(edgefleet: Command, state: Path) -> None:
    with Agent(mixed().package, state=state, device="cam-7") as agent:
        agent.wait_ready()
        agent.predict(mixed().rows.head(1))
    outcome = edgefleet("status", "--state", str(state))

    assert outcome.code == 0
    assert "device cam-7, has left, generation 0, 1 batches waiting" in outcome.out
    assert "active (serves)" in outcome.out
    assert mixed().package.digest[7:19] in outcome.out


def test_a_person_sees_where_the_model_runs_and_why(edgefleet: Command, state: Path) -> None:
    with Agent(mixed().package, state=state, providers=("openvino",)) as agent:
        agent.wait_ready()
    outcome = edgefleet("status", "--state", str(state))

    said = " ".join(outcome.out.split())
    assert "runs on CPUExecutionProvider: onnxruntime" in said
    assert "here has no OpenVINOExecutionProvider: install onnxruntime-openvino" in said


def test_a_person_sees_what_keeps_updates_waiting(edgefleet: Command, state: Path) -> None:
    window = "22:00-05:00 Europe/Oslo; sat,sun 00:00-24:00 Europe/Oslo"
    with (
        Agent(mixed().package, state=state, download_only=True, maintenance_window=window) as agent,
        agent.hold_updates("the [arm] moves"),
    ):
        outcome = edgefleet("status", "--state", str(state))

    said = " ".join(outcome.out.split())
    assert "updates: held by the application: the [arm] moves; download only; " in said
    assert "window 22:00-05:00 Europe/Oslo or sat,sun 00:00-00:00 Europe/Oslo (" in said


def test_a_script_gets_json(edgefleet: Command, state: Path) -> None:
    with Agent(mixed().package, state=state, device="cam-7") as agent:
        agent.wait_ready()
        outcome = edgefleet("status", "--state", str(state), "--json")

    status = json.loads(outcome.out)
    assert (status["device"], status["closed"], status["running"]) == ("cam-7", False, True)
    assert status["models"].keys() == {"customers"}


def test_brackets_in_a_reason_are_shown_as_they_are(edgefleet: Command, state: Path) -> None:
    slot = {
        "slot": "B",
        "state": "bad",
        "version": "1.1.0",
        "digest": mixed().package.digest,
        "detail": "is [bold]",
    }
    state.mkdir()
    (state / "status.json").write_text(
        json.dumps(
            {
                "written_unix_s": 0.0,
                "pid": 7,
                "closed": False,
                "device": "cam-7",
                "generation": 3,
                "waiting_batches": 0,
                "models": {"customers": {"serving": "", "slots": [slot]}},
            }
        )
    )
    outcome = edgefleet("status", "--state", str(state))
    assert outcome.code == 0
    assert "device cam-7, process 7, generation 3" in outcome.out
    assert "is [bold]" in outcome.out


def test_a_person_sees_how_packages_came_and_why_not_in_fewer_bytes(
    edgefleet: Command, state: Path
) -> None:
    with Agent(mixed().package, state=state) as agent:
        agent.wait_ready()
    path = state / "status.json"
    status = json.loads(path.read_text())
    status["models"]["customers"]["downloads"] |= {
        "delta_bytes": 700,
        "whole_bytes": 41_000,
        "fallbacks": 1,
        "reason": "delta is [damaged]",
    }
    path.write_text(json.dumps(status))
    outcome = edgefleet("status", "--state", str(state))

    said = " ".join(outcome.out.split())
    assert "customers: 41700 bytes fetched: 41000 as they are, 0 compressed, 700 as deltas" in said
    assert "a smaller way failed 1 times, at last: delta is [damaged]" in said


def test_where_no_agent_ever_ran_the_way_to_one_is_told(edgefleet: Command, tmp_path: Path) -> None:
    outcome = edgefleet("status", "--state", str(tmp_path))
    assert outcome.code == 2
    assert f"there is no agent in '{tmp_path}': name its folder with --state" in outcome.err


def test_a_process_that_was_killed_is_told_as_gone(edgefleet: Command, state: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    with Agent(mixed().package, state=state, device="cam-7") as agent:
        agent.wait_ready()
        killed = json.loads((state / "status.json").read_text()) | {"pid": dead.pid}
    (state / "status.json").write_text(json.dumps(killed))
    (state / "holder.json").write_text(json.dumps({"pid": dead.pid, "host": platform.node()}))

    outcome = edgefleet("status", "--state", str(state))
    told = json.loads(edgefleet("status", "--state", str(state), "--json").out)

    said = " ".join(outcome.out.split())
    assert f"device cam-7, process {dead.pid} is gone: it was killed, or power was lost" in said
    assert (told["closed"], told["running"]) == (False, False)


@pytest.mark.parametrize("text", ["", "{", "[1]", "{}", '{"closed": false, "written_unix_s": "x"}'])
def test_a_status_that_is_damaged_is_told_in_words(
    edgefleet: Command, state: Path, text: str
) -> None:
    state.mkdir()
    (state / "status.json").write_text(text)

    outcome = edgefleet("status", "--state", str(state))

    assert outcome.code == 1
    assert f"the status in {str(state)!r} is damaged" in " ".join(outcome.err.split())
