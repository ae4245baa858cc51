"""What a benchmark is, how its figures are timed, printed and kept."""

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Final, Protocol

from rich.console import Console
from rich.table import Table

from benchmarks.campaign import Notebook
from benchmarks.code_version import UNKNOWN, code_version

__all__ = [
    "BENCHMARKS",
    "CAMPAIGNS",
    "RESULTS",
    "Figure",
    "Run",
    "benchmark",
    "campaign",
    "interleaved",
]

RESULTS: Final = Path(__file__).parent / "results"
_PACKAGES: Final = ("edgefleet", "numpy", "onnxruntime", "onnx", "scikit-learn", "skl2onnx")


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number.

    Attributes:
        name: What was measured.
        value: The number; ``None`` if it could not be measured, and ``peer`` says why.
        unit: Its unit; ``x`` for a ratio.
        target: What the project aims at; ``None`` where nothing is promised.
        at_most: Whether the target is an upper bound; else it is a lower one.
        peer: What it was compared with, in the same run.
    """

    name: str
    value: float | None
    unit: str
    target: float | None = None
    at_most: bool = True
    peer: str = ""

    @property
    def met(self) -> bool | None:
        """Whether this run reached the target; ``None`` without one or without a number."""
        if self.target is None or self.value is None:
            return None
        return bool(self.value <= self.target if self.at_most else self.value >= self.target)


class Benchmark(Protocol):
    """Measures something."""

    __name__: str

    def __call__(self, *, quick: bool, seed: int) -> Sequence[Figure]:
        """Return the figures; ``quick`` asks for rough ones within a minute."""
        ...


class Campaign(Protocol):
    """Measures something in many runs, each of which is kept when it ends."""

    __name__: str

    def __call__(self, notebook: Notebook, *, quick: bool, seed: int) -> Sequence[Figure]:
        """Return the figures of all runs in the notebook, after those that are missing in it."""
        ...


BENCHMARKS: Final[dict[str, Benchmark]] = {}
"""Every benchmark by name that is no campaign."""

CAMPAIGNS: Final[dict[str, Campaign]] = {}
"""Every campaign by name."""


def benchmark(function: Benchmark) -> Benchmark:
    """List ``function`` under its name."""
    BENCHMARKS[function.__name__] = function
    return function


def campaign(function: Campaign) -> Campaign:
    """List ``function`` under its name."""
    CAMPAIGNS[function.__name__] = function
    return function


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one benchmark.

    Attributes:
        name: Of the benchmark.
        seed: That decided.
        quick: Whether its figures are rough.
        started: When, as ISO 8601.
        figures: What was measured.
        code: That was measured, see :func:`benchmarks.code_version.code_version`.
        was_interrupted: Whether somebody ended a campaign before its last run.
    """

    name: str
    seed: int
    quick: bool
    started: str
    figures: Sequence[Figure]
    code: str = UNKNOWN
    was_interrupted: bool = False

    @classmethod
    def of(
        cls, name: str, *, quick: bool, seed: int, resumes: bool = False, folder: Path = RESULTS
    ) -> "Run":
        """Run a benchmark.

        Args:
            name: Of it.
            quick: Whether rough figures do; those of campaigns are kept nowhere.
            seed: Decides what chance decides.
            resumes: Whether a campaign goes on where it was broken off, rather than begin anew.
            folder: Of the notebooks of campaigns.
        """
        started = datetime.now(UTC).isoformat(timespec="seconds")
        code = code_version()
        if name in BENCHMARKS:
            return cls(name, seed, quick, started, BENCHMARKS[name](quick=quick, seed=seed), code)
        path = folder / f"{name}.jsonl"
        notebook = Notebook() if quick else Notebook.opened(path, resumes=resumes)
        figures = CAMPAIGNS[name](notebook, quick=quick, seed=seed)
        return cls(name, seed, quick, started, figures, code, notebook.was_interrupted)

    def print(self, console: Console) -> None:
        """Print the figures as a table."""
        table = Table("figure", "value", "unit", "target", "met", "compared with", title=self.name)
        for figure in self.figures:
            bound = (
                ""
                if figure.target is None
                else f"{'≤' if figure.at_most else '≥'} {figure.target:g}"
            )
            met = {True: "[green]yes", False: "[red]no", None: ""}[figure.met]
            value = "-" if figure.value is None else f"{figure.value:.4g}"
            table.add_row(figure.name, value, figure.unit, bound, met, figure.peer)
        console.print(table)

    def save(self, folder: Path = RESULTS) -> Path:
        """Write the run as JSON and return the file."""
        folder.mkdir(exist_ok=True)
        path = folder / f"{self.name}.json"
        document = {
            "name": self.name,
            "command": f"python -m benchmarks {self.name}{' --quick' if self.quick else ''}",
            "machine": {
                "cpus": os.cpu_count(),
                "machine": platform.machine(),
                "system": platform.system(),
                "python": platform.python_version(),
            },
            "code": self.code,
            "versions": _versions(),
            "seed": self.seed,
            "started": self.started,
            "figures": [_kept(figure) for figure in self.figures],
        }
        path.write_text(json.dumps(document, indent=1) + "\n")
        return path


def _kept(figure: Figure) -> dict[str, object]:
    value = None if figure.value is None else float(figure.value)  # numbers of numpy as well
    return {**asdict(figure), "value": value, "met": figure.met}


def interleaved(
    calls: Mapping[str, Callable[[], object]], *, rounds: int, seconds_per_round: float
) -> dict[str, float]:
    """Return the median seconds of one call of each, measured in turns.

    Taking turns lets a disturbance of the machine hit all of them alike, so ratios hold on shared
    machines where absolute times do not.
    """
    repeats = {name: _repeats(call, seconds_per_round) for name, call in calls.items()}
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            began_s = time.perf_counter()
            for _ in range(repeats[name]):
                call()
            times[name].append((time.perf_counter() - began_s) / repeats[name])
    return {name: statistics.median(found) for name, found in times.items()}


def _repeats(call: Callable[[], object], seconds: float) -> int:
    call()
    began_s = time.perf_counter()
    call()
    return max(int(seconds / max(time.perf_counter() - began_s, 1e-7)), 1)


def _versions() -> dict[str, str]:
    found: dict[str, str] = {}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
