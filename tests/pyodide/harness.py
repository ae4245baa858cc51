"""Runs a Python script in Pyodide, the CPython of the browser, and returns what it printed."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from tests.architecture.sources import ROOT

__all__ = ["CORE", "JsonValue", "run_in_pyodide"]

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"

CORE = ("edge_contract", "edge_agent/__init__.py", "edge_agent/core")
"""What a browser tab runs, as paths relative to the repository."""


def run_in_pyodide(
    script: Path, *, trees: Sequence[str] = CORE, timeout_s: float = 100.0
) -> JsonValue:
    """Run ``script`` with copies of ``trees`` beside it; starting takes about two seconds.

    The script finds the trees below its working folder and on its path, at the same relative
    places as in the repository, and prints one JSON value to stdout.

    Raises:
        AssertionError: The script failed; the message is its traceback.
    """
    assert (ROOT / "browser/node_modules/pyodide").is_dir(), 'no Pyodide here: run "make browser"'
    command = ["node", str(ROOT / "tests/pyodide/run_core.mjs"), str(script), *trees]
    completed = subprocess.run(
        command, capture_output=True, text=True, timeout=timeout_s, check=False
    )
    assert completed.returncode == 0, completed.stderr
    answer: JsonValue = json.loads(completed.stdout)
    return answer
