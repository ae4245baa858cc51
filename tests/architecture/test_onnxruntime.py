"""onnxruntime reports usage to its maker unless it is told not to before it is loaded."""

import os
import subprocess
import sys
from pathlib import Path

from tests.architecture.sources import ROOT, imported_modules, python_files

LOADERS = {
    ROOT / "converters" / "silent_onnxruntime.py",
    ROOT / "edge_agent" / "adapters" / "silent_onnxruntime.py",
}

PEERS = {
    ROOT / "benchmarks" / "peer_programs" / f"{name}.py"
    for name in ("serve_bentoml", "serve_litserve", "serve_mlserver", "first_prediction")
}
"""Run as others would write them, without anything of ours."""

USE_BOTH = """
from converters.onnx_read import read_onnx
from edge_agent.adapters.onnxruntime_engine import OnnxRuntimeEngine
OnnxRuntimeEngine()
"""


def test_only_the_files_that_silence_it_import_onnxruntime() -> None:
    importing = {
        path
        for path in python_files("benchmarks", "converters", "edge_agent", "edgefleet", "tests")
        if "onnxruntime" in imported_modules(path.read_text(encoding="utf-8"))
    }

    assert importing == LOADERS | PEERS


def test_programs_of_peers_silence_it_themselves() -> None:
    for path in PEERS:
        before = path.read_text(encoding="utf-8").partition("import onnxruntime")[0]
        assert 'os.environ["ORT_DISABLE_TELEMETRY"] = "1"' in before


def test_loading_onnxruntime_gives_this_machine_no_number_to_be_known_by(tmp_path: Path) -> None:
    places = dict.fromkeys(("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_DATA_HOME"), str(tmp_path))
    environment = {**os.environ, **places}
    environment.pop("ORT_DISABLE_TELEMETRY", None)

    subprocess.run([sys.executable, "-c", USE_BOTH], cwd=ROOT, env=environment, check=True)

    assert list(tmp_path.rglob("*")) == []


def test_both_files_are_the_same() -> None:
    assert len({path.read_text(encoding="utf-8") for path in LOADERS}) == 1
