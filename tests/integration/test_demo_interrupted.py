"""Ctrl-C in the middle of the demo leaves nothing behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.config import ring_folder
from tests.integration.processes import ROOT, eventually, tail


def processes_of(folder: Path) -> list[str]:
    """Command lines of the processes that were told to work in a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:  # it ended meanwhile
            continue
        if any(str(folder) in word for word in words):
            found.append(" ".join(words))
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes where Linux shows them")
def test_an_interrupted_demo_leaves_no_process_and_no_folder_behind(tmp_path: Path) -> None:
    log = tmp_path / "demo.log"
    with (
        log.open("w") as out,
        subprocess.Popen(
            [sys.executable, "-m", "edgefleet", "demo", "--once"],
            stdout=out,
            stderr=out,
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(tmp_path)},
            start_new_session=True,
        ) as demo,
    ):
        try:
            states = eventually(
                "all cameras have rings",
                lambda: (
                    [
                        state
                        for state in tmp_path.glob("edgefleet-demo-*/cam-??")
                        if any(ring_folder(state).glob("*.ring"))
                    ][19:]
                    and list(tmp_path.glob("edgefleet-demo-*/cam-??"))
                ),
                within_s=80.0,
            )
            assert len(processes_of(tmp_path)) >= 21  # the cameras and the broker
        finally:
            demo.send_signal(signal.SIGINT)
            code = demo.wait(35.0)

    assert code == 130, tail(log)
    assert "Traceback" not in log.read_text()
    assert processes_of(tmp_path) == []
    assert list(tmp_path.iterdir()) == [log]
    assert [ring_folder(state) for state in states if ring_folder(state).exists()] == []
