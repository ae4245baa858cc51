"""Damaged input for ten minutes a reader: what crashes, hangs or grows."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypedDict

from rich.console import Console

from benchmarks.fuzz_process import FINDINGS
from benchmarks.harness import Figure, benchmark
from benchmarks.peers import python_of
from edge_contract.errors import UnavailableError
from tests.support.fuzzing import MOST_S

__all__ = ["fuzz"]

_READERS: Final = (
    "API bodies",
    "package",
    "codec",
    "manifest",
    "desired state",
    "telemetry",
    "model",
    "join token",
)
_SECONDS: Final = 600.0
_QUICK_S: Final = 1.0
_STARTS_S: Final = 120.0
_MOST_MB: Final = 300.0
_AT_ONCE: Final = 2


@benchmark
def fuzz(*, quick: bool, seed: int) -> Sequence[Figure]:
    """Damage messages, packages, models, orders, tokens and bodies of the API, led by coverage."""
    seconds = _QUICK_S if quick else _SECONDS
    console = Console(stderr=True)
    try:
        guide = python_of("atheris", ["atheris"], install=not quick)
    except UnavailableError as error:
        console.print(f"not led by coverage, atheris is not there: {error}", markup=False)
        guide = None
    figures: list[Figure] = []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        runs = [pool.submit(_fuzzed, name, seconds, seed, guide) for name in _READERS]
        for name, run in zip(_READERS, runs, strict=True):
            findings = run.result()
            for crash in findings["crashes"][:5]:
                console.print(f"{name}: {crash['what']}: {crash['input'][:600]}", markup=False)
            figures += _figures(name, findings, seconds)
    return figures


class _Crash(TypedDict):
    what: str
    input: str


class _Findings(TypedDict):
    """What ``benchmarks/fuzz_process.py`` writes, and how its process ended."""

    guided: bool
    runs: int
    read: int
    shapes: int
    crashed: int
    crashes: list[_Crash]
    slowest_s: float
    grown_mb: float
    peak_mb: float
    ended_early: int


def _figures(name: str, found: _Findings, seconds: float) -> list[Figure]:
    led = "led by coverage" if found["guided"] else "led by the words of refusals"
    tried = f"{found['runs']} inputs in {seconds:.0f} s, {found['read']} taken, {led}"
    return [
        Figure(f"{name}: crashes", found["crashed"], "inputs", 0.0, peer=tried),
        Figure(f"{name}: hangs and deaths", found["ended_early"], "inputs", 0.0),
        Figure(f"{name}: slowest input", found["slowest_s"], "s", MOST_S),
        Figure(f"{name}: growth of memory", found["grown_mb"], "MB", _MOST_MB),
        Figure(f"{name}: peak memory", found["peak_mb"], "MB"),
        Figure(f"{name}: ways to be refused", found["shapes"], "words"),
    ]


def _fuzzed(name: str, seconds: float, seed: int, guide: Path | None) -> _Findings:
    """Return what a process of its own found, and whether it died of an input.

    Raises:
        UnavailableError: It did not get as far as the first input; with what it said.
    """
    paths = [*map(str, guide.parents[1].glob("lib/python*/site-packages"))] if guide else []
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "benchmarks.fuzz_process"),
                *(name, str(seconds), str(seed), folder),
            ],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONWARNINGS": "ignore"},
            capture_output=True,
            check=False,
            timeout=seconds + _STARTS_S,
        )
        told = Path(folder) / FINDINGS
        said = done.stderr.decode(errors="replace")
        if not told.is_file():
            raise UnavailableError(f"{name!r} was not read at all: {said[-2_000:]}")
        if done.returncode:
            Console(stderr=True).print(f"{name}: {said[-4_000:]}", markup=False)
        findings: _Findings = json.loads(told.read_bytes())
        findings["ended_early"] = int(done.returncode != 0)
        return findings
