"""What a fresh process has loaded when it gets its first prediction, and what it has not."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.packages import binary

PROGRAM = """
import json, os, sys, threading
from edgefleet import Agent
package, state, cloud = sys.argv[1:]
agent = Agent(package, state=state or None, cloud=cloud or None)
answer = agent.predict([[0.0] * {features}])
print(json.dumps({{
    "modules": sorted(sys.modules),
    "threads": threading.active_count(),
    "tasks": len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 0,
    "blas": os.environ.get("OPENBLAS_NUM_THREADS"),
}}), flush=True)
agent.close()
"""

SETTLED = """
import re, sys, time
from edgefleet import Agent
package, state = sys.argv[1:]
agent = Agent(package, state=state)

def resident_mb():
    with open("/proc/self/status") as status:
        return int(re.search(r"RssFile:\\s+([0-9]+)", status.read())[1]) / 1000

row = [[0.0] * {features}]
agent.predict(row)
before, wait_until_s = resident_mb(), time.monotonic() + 20.0
while resident_mb() > before - 5.0 and time.monotonic() < wait_until_s:
    time.sleep(0.05)
print(before, resident_mb(), len(agent.predict(row).labels or ()))
agent.close()
"""

LATER = (
    "asyncio", "concurrent.futures", "email", "hashlib", "http", "paho.mqtt.client",
    "socket", "sqlite3.dump", "ssl", "subprocess", "tempfile", "unittest", "urllib.request",
    "edge_agent.adapters.http_source", "edge_agent.adapters.mqtt_session",
    "edge_agent.adapters.numpy_counting", "edge_agent.adapters.trial_process",
    "edge_agent.serving", "edge_agent.samples", "edge_contract.delta",
)  # fmt: skip


@pytest.fixture
def package(tmp_path: Path) -> Path:
    path = tmp_path / "binary.modelpkg"
    path.write_bytes(binary().package.to_archive())
    return path


def started(package: Path, *, state: str = "", cloud: str = "") -> dict[str, object]:
    """Return what a process of its own says after its first prediction."""
    features = len(binary().package.manifest.features)
    program = PROGRAM.format(features=features)
    found: dict[str, object] = json.loads(run(program, str(package), state, cloud))
    return found


def run(program: str, *arguments: str) -> str:
    """Return what a program says that finds the environment of a device, not that of tests."""
    environment = {key: value for key, value in os.environ.items() if not key.endswith("_THREADS")}
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def loaded(found: dict[str, object], names: Sequence[str]) -> list[str]:
    modules = found["modules"]
    assert isinstance(modules, list)
    return [name for name in names if name in modules]


def test_nothing_is_loaded_that_can_wait_for_the_first_prediction(package: Path) -> None:
    found = started(package)

    assert loaded(found, LATER) == []
    assert loaded(found, ["numpy", "onnxruntime", "edge_agent.row_path"]) != []


def test_the_link_waits_for_the_first_prediction_too(package: Path, tmp_path: Path) -> None:
    found = started(package, state=str(tmp_path / "state"), cloud="mqtt://127.0.0.1:9")

    assert loaded(found, LATER) == []


@pytest.mark.skipif(sys.platform != "linux", reason="/proc lists the threads of a process")
def test_linear_algebra_gets_no_threads_and_nobody_inherits_that(package: Path) -> None:
    found = started(package)

    assert found["tasks"] == found["threads"]
    assert found["blas"] is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets go of code")
def test_code_that_only_the_start_ran_leaves_memory_soon(package: Path, tmp_path: Path) -> None:
    program = SETTLED.format(features=len(binary().package.manifest.features))

    before_mb, after_mb, answered = map(float, run(program, str(package), str(tmp_path)).split())

    assert after_mb < before_mb - 5.0
    assert answered == 1
