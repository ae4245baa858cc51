"""Damaged input for ten minutes a reader: what crashes, hangs or grows."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console

from benchmarks.harness import Figure, benchmark
from tests.support.fuzz_targets import targets
from tests.support.fuzzing import MOST_S, fuzzed

__all__ = ["fuzz"]

_SECONDS: Final = 600.0
_QUICK_S: Final = 0.5
_MOST_MB: Final = 300.0


@benchmark
def fuzz(*, quick: bool, seed: int) -> Sequence[Figure]:
    """Damage messages, packages, models, orders, tokens and bodies of the API at random."""
    seconds = _QUICK_S if quick else _SECONDS
    console = Console(stderr=True)
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        for target in targets(Path(folder)):
            found = fuzzed(target, seed=seed, seconds=seconds)
            for data, what in found.crashes[:5]:
                console.print(f"{target.name}: {what}: {data[:300]!r}", markup=False)
            tried = f"{found.runs} inputs in {seconds:.0f} s, {found.read} of them taken"
            name = f"{target.name}: "
            figures += [
                Figure(name + "crashes", len(found.crashes), "inputs", 0.0, peer=tried),
                Figure(name + "ways to be refused", found.shapes, "words"),
                Figure(name + "slowest input", found.slowest_s, "s", MOST_S),
                Figure(name + "growth of memory", found.grown_mb, "MB", _MOST_MB),
            ]
    return figures
