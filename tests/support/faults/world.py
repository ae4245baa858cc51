"""Runs a story of faults in a world of its own: processes, mounts and network that end with it."""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, Self

from edge_contract.errors import MessageError
from edge_contract.reading import Reader

__all__ = ["STORIES", "Scene", "Told", "story", "tell"]

_ROOT: Final = Path(__file__).parents[3]
_LONGEST_S: Final = 240.0
_WORLD: Final = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a story takes place.

    Attributes:
        folder: For everything; removed afterwards.
        packages: By version.
        chance: Decides when and where.
        seed: It was made of; stories of successive seeds may share a list of places among them.
    """

    folder: Path
    packages: Mapping[str, Path]
    chance: random.Random
    seed: int


@dataclass(frozen=True, slots=True)
class Told:
    """What came of a story.

    Attributes:
        faults: What was done to whom.
        observed: Rows that ``predict`` answered on all devices.
        merged: Rows that the cloud has of them.
        wrong: What is not as it must be, in words; empty if all is well.
    """

    faults: Sequence[str]
    observed: int = 0
    merged: int = 0
    wrong: Sequence[str] = field(default=())

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Return what was written as JSON."""
        return cls(
            faults=[item.text() for item in reader["faults"].items()],
            observed=reader["observed"].integer(),
            merged=reader["merged"].integer(),
            wrong=[item.text(max_length=10_000) for item in reader["wrong"].items()],
        )


STORIES: Final[dict[str, Callable[[Scene], Told]]] = {}
"""Every story by its name."""


def story(name: str) -> Callable[[Callable[[Scene], Told]], Callable[[Scene], Told]]:
    """List a story under a name."""

    def listed(function: Callable[[Scene], Told]) -> Callable[[Scene], Told]:
        STORIES[name] = function
        return function

    return listed


def tell(name: str, packages: Mapping[str, Path], *, seed: int) -> Told:
    """Let a story happen in a world of its own, and return what came of it."""
    order = {"name": name, "seed": seed, "packages": {v: str(p) for v, p in packages.items()}}
    command = [*_WORLD, sys.executable, "-m", "tests.support.faults.run", json.dumps(order)]
    with subprocess.Popen(
        command, cwd=_ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            out, err = process.communicate(timeout=_LONGEST_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return Told([], wrong=[f"it did not end within {_LONGEST_S:.0f} s"])
    if process.returncode != 0:
        last = err.strip().splitlines()[-1:] or ["it said nothing"]
        return Told([], wrong=[f"it ended with exit code {process.returncode}: {last[0]}"])
    return Told.read(Reader(json.loads(out.splitlines()[-1]), "story", MessageError))


def happen(order: str) -> str:
    """Do what :func:`tell` ordered, within the new world; return what came of it as JSON."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    read = json.loads(order)
    packages = {version: Path(path) for version, path in read["packages"].items()}
    chance = random.Random(f"{read['name']}/{read['seed']}")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        scene = Scene(Path(name), packages, chance, read["seed"])
        try:
            told = STORIES[read["name"]](scene)
        except AssertionError as error:
            told = Told([], wrong=[str(error).partition("\n")[0] or repr(error)])
            _keep_logs(scene.folder, f"{read['name']}-{read['seed']}")
    return json.dumps(asdict(told))


def _keep_logs(folder: Path, name: str) -> None:
    """Keep the ends of all logs where ``FAULT_LOGS`` says, for whoever looks into a violation."""
    if not (kept := os.environ.get("FAULT_LOGS")):
        return
    with (Path(kept) / f"{name.replace(' ', '-')}.log").open("w") as file:
        for log in sorted(folder.rglob("*.log")):
            file.write(f"== {log.relative_to(folder)}\n{log.read_text(errors='replace')[-8000:]}\n")
