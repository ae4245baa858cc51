"""Of a run of tests that is cut nothing stays alive."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.processes import ROOT, eventually
from tests.support.left_behind import MARK

RUN = """
import subprocess, time
from tests.support.left_behind import ends_with_this_process

ends_with_this_process()
left = subprocess.Popen(["sleep", "100"], start_new_session=True)
print(left.pid, flush=True)
time.sleep(100)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the environment of processes")
def test_what_a_killed_run_has_started_ends_soon_after_it() -> None:
    elsewhere = {name: text for name, text in os.environ.items() if name != MARK}
    command = [sys.executable, "-c", RUN]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=elsewhere, cwd=ROOT) as run:
        assert run.stdout is not None
        left = int(run.stdout.readline())
        eventually("it runs", lambda: is_running(left))
        run.kill()

    eventually("it ends", lambda: not is_running(left))


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""  # as of one that nobody waits for
    except OSError:
        return False
