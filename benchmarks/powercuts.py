"""The power goes at every point of an update, and processes are killed at random: what is left?"""

import random
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness import Figure, benchmark
from tests.support.power_cut.campaign import cut_everywhere, notes_of, record_story
from tests.support.power_cut.killing import kill_stories
from tests.support.power_cut.recording import can_record
from tests.support.ring_kills import kill_appenders

__all__ = ["powercuts"]


@benchmark
def powercuts(*, quick: bool, seed: int) -> Sequence[Figure]:
    """Cut the power at every write of an update, kill agents and ring writers at random."""
    if not can_record():
        return [Figure("power cuts", None, "", peer="needs Linux and a C compiler")]
    kills, appenders = (1, 30) if quick else (100, 3000)
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        recording = record_story(scratch)
        wrong: list[AssertionError] = []
        bad: list[AssertionError] = []
        chosen, share = random.Random(seed), 0.004 if quick else 1.0
        tried: Counter[str] = cut_everywhere(
            recording,
            scratch,
            chance=random.Random(seed),
            wanted=lambda _point: chosen.random() < share,
            on_wrong=wrong.append,
        )
        began_s = time.monotonic()
        killed = scratch / "killed"
        killed.mkdir()
        told = kill_stories(
            recording.packages,
            killed,
            notes=[note for _, note in notes_of(recording.operations)],
            kills=kills,
            seed=seed,
            longest_s=1.5,
            on_wrong=bad.append,
        )
        kills_s = time.monotonic() - began_s
        ring = kill_appenders(scratch / "ring", kills=appenders, seed=seed)
    return [
        Figure("recorded calls of the story", len(recording.operations), "calls"),
        *(Figure(f"cuts that leave {left}", count, "cuts") for left, count in tried.items()),
        Figure(
            "cuts after which something was wrong",
            len(wrong),
            "cuts",
            0.0,
            peer=str(wrong[0]) if wrong else "",
        ),
        Figure("agents killed with -9 in the story", kills, "kills", peer=f"{kills_s:.0f} s"),
        Figure("of them after they had told something", told, "kills"),
        Figure(
            "agents that left something wrong",
            len(bad),
            "kills",
            0.0,
            peer=str(bad[0]) if bad else "",
        ),
        Figure("processes killed with -9 while they append to a ring", ring.kills, "kills"),
        Figure("rows that they appended", ring.rows, "rows"),
        Figure("rows that were lost, torn or doubled", ring.wrong, "rows", 0.0),
    ]
