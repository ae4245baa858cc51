"""Whole systems of real processes in which something breaks: are all promises kept?"""

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import tests.support.faults.all_stories  # noqa: F401  lists them
from benchmarks.harness import Figure, benchmark
from tests.integration.gate import make_packages
from tests.support.faults.trouble import can_make_trouble
from tests.support.faults.world import STORIES, Told, tell

__all__ = ["faults", "figures_of"]

_ROUNDS: Final = 12
_AT_ONCE: Final = 4
_QUICK: Final = ("agents killed with -9", "disk of a device full", "network cut")


@benchmark
def faults(*, quick: bool, seed: int) -> Sequence[Figure]:
    """Kill, freeze, fill, cut and damage everything that a fleet stands on, hundreds of times."""
    if not can_make_trouble():
        return [Figure("runs", None, "runs", peer="needs Linux, root, unshare, nft and a compiler")]
    names = _QUICK if quick else tuple(STORIES)
    orders = [(name, seed + number) for number in range(1 if quick else _ROUNDS) for name in names]
    with tempfile.TemporaryDirectory() as folder:
        packages = make_packages(Path(folder))
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            told = list(pool.map(lambda order: tell(order[0], packages, seed=order[1]), orders))
    by_story: dict[str, list[Told]] = {name: [] for name in names}
    for (name, _), one in zip(orders, told, strict=True):
        by_story[name].append(one)
    return figures_of(by_story)


def figures_of(by_story: Mapping[str, Sequence[Told]]) -> list[Figure]:
    """Return what came of all runs, and of the runs of each story."""
    told = [one for runs in by_story.values() for one in runs]
    happened = Counter(fault for one in told for fault in one.faults)
    return [
        Figure("runs", len(told), "runs"),
        Figure("faults", sum(happened.values()), "faults", peer=f"of {len(happened)} kinds"),
        Figure("rows observed by agents", sum(one.observed for one in told), "rows"),
        Figure("rows merged", sum(one.merged for one in told), "rows"),
        Figure("runs in which a promise was broken", _wrong(told), "runs", 0.0),
        *(
            Figure(f"broken: {name}", _wrong(runs), "runs", 0.0, peer=_summary(runs))
            for name, runs in by_story.items()
        ),
    ]


def _wrong(runs: Sequence[Told]) -> int:
    return sum(bool(one.wrong) for one in runs)


def _summary(runs: Sequence[Told]) -> str:
    """Return how many runs, faults and rows those were, and what was wrong first."""
    faults = sum(len(one.faults) for one in runs)
    rows = sum(one.observed for one in runs)
    first = next((one.wrong[0] for one in runs if one.wrong), "")
    return f"{len(runs)} runs, {faults} faults, {rows:,} rows" + (f"; {first}" if first else "")
