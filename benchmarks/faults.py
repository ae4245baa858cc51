"""Whole systems of real processes in which something breaks: are all promises kept?"""

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import tests.support.faults.all_stories  # noqa: F401  lists them
from benchmarks.campaign import Entry, Notebook, Order
from benchmarks.harness import Figure, campaign
from edge_contract.reading import JsonValue
from tests.integration.gate import make_packages
from tests.support.faults.process_stories import JOURNAL_ROUNDS
from tests.support.faults.trouble import can_make_trouble
from tests.support.faults.world import STORIES, Told, tell

__all__ = ["faults", "figures_of", "told_by_story"]

_AT_ONCE: Final = 4
_QUICK: Final = ("agents killed with -9", "disk of a device full", "network cut")


@campaign
def faults(notebook: Notebook, *, quick: bool, seed: int) -> Sequence[Figure]:
    """Kill, freeze, fill, cut and damage everything that a fleet stands on, hundreds of times."""
    if not can_make_trouble():
        return [Figure("runs", None, "runs", peer="needs Linux, root, unshare, nft and a compiler")]
    names, rounds = (_QUICK, 1) if quick else (tuple(STORIES), JOURNAL_ROUNDS)
    orders = [Order(name, seed + number) for number in range(rounds) for name in names]
    with tempfile.TemporaryDirectory() as folder:
        packages = make_packages(Path(folder))

        def run(order: Order) -> Mapping[str, JsonValue]:
            told = tell(order.name, packages, seed=order.seed)
            return {**asdict(told), "faults": list(told.faults), "wrong": list(told.wrong)}

        entries = notebook.fill(orders, run, at_once=_AT_ONCE)
    return figures_of(entries, ordered=len(orders))


def told_by_story(entries: Sequence[Entry]) -> dict[str, list[Told]]:
    """Return what came of the runs of each story, in the order in which stories are listed."""
    found: dict[str, list[Told]] = {name: [] for name in STORIES}
    for entry in entries:
        found[entry.order.name].append(Told.read(entry.outcome))
    return {name: told for name, told in found.items() if told}


def figures_of(entries: Sequence[Entry], *, ordered: int) -> list[Figure]:
    """Return what came of all runs, and of the runs of each story."""
    by_story = told_by_story(entries)
    told = [one for runs in by_story.values() for one in runs]
    happened = Counter(fault for one in told for fault in one.faults)
    codes = Counter(entry.code for entry in entries)
    run_by = ", ".join(f"{count} with code {code}" for code, count in codes.items())
    return [
        Figure("runs", len(told), "runs", ordered, at_most=False, peer=run_by),
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
