import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.agent import Agent
from edge_agent.config import ring_folder
from edge_contract.errors import UsageError
from tests.edge_agent.conftest import MakeAgent
from tests.support.packages import regression


def test_a_folder_that_is_held_names_the_process_that_holds_it(
    make_agent: MakeAgent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_agent(regression().package)
    monkeypatch.setattr(
        "edge_agent.adapters.sqlite_store.SqliteBatchStore.__init__.__kwdefaults__",
        {"wait_s": 0.1, "labelled_rows": 10, "labelled_days": 1},
    )

    with pytest.raises(UsageError, match=rf"another agent runs in folder .*process {os.getpid()},"):
        Agent(regression().package, state=tmp_path / "state")


def test_the_note_goes_with_its_holder(make_agent: MakeAgent, tmp_path: Path) -> None:
    with make_agent(regression().package):
        assert json.loads((tmp_path / "state" / "holder.json").read_text())["pid"] == os.getpid()
    assert not (tmp_path / "state" / "holder.json").exists()


def test_a_note_that_a_killed_process_left_keeps_nobody_away(
    make_agent: MakeAgent, tmp_path: Path
) -> None:
    package = tmp_path / "sums.modelpkg"
    package.write_bytes(regression().package.to_archive())
    script = (
        "import os, sys; from edge_agent.agent import Agent\n"
        "agent = Agent(sys.argv[1], state=sys.argv[2]); agent.wait_ready(); os._exit(9)"
    )
    subprocess.run(
        [sys.executable, "-c", script, str(package), str(tmp_path / "state")], check=False
    )
    assert (tmp_path / "state" / "holder.json").exists()

    agent = make_agent(regression().package)

    assert agent.wait_ready() == "1.0.0"
    assert json.loads((tmp_path / "state" / "holder.json").read_text())["pid"] == os.getpid()


def test_a_note_that_nobody_can_read_changes_nothing_of_the_error(
    make_agent: MakeAgent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_agent(regression().package)
    (tmp_path / "state" / "holder.json").write_text('{"pid": 7')
    monkeypatch.setattr(
        "edge_agent.adapters.sqlite_store.SqliteBatchStore.__init__.__kwdefaults__",
        {"wait_s": 0.1, "labelled_rows": 10, "labelled_days": 1},
    )

    with pytest.raises(UsageError, match=r"give this one a state folder of its own$"):
        Agent(regression().package, state=tmp_path / "state")


def test_rings_lie_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEFLEET_RINGS", str(tmp_path / "run"))
    first = ring_folder(tmp_path / "state")
    assert first.parent == tmp_path / "run"
    assert ring_folder(tmp_path / "state") == first
    assert ring_folder(tmp_path / "other") != first
