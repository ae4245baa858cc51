"""What a fresh process has loaded when it gets its first prediction, and what it has not."""

import json
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
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(features=features), str(package), state, cloud],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


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
