"""Kills processes with -9 while they append to a ring, and counts what the ring still has.

Run as ``python -m tests.support.ring_kills RING KILLS SEED``. Every process is forked, which takes
milliseconds, appends rows in every way there is, and notes in memory that it shares how many it has
begun and how many the ring has taken. What the ring holds afterwards lies between.
"""

import json
import mmap
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np

from edge_agent.adapters.ring import Ring

__all__ = ["Outcome", "kill_appenders"]

_BEGUN, _TAKEN = 0, 1  # places in the memory that is shared
_LONGEST_S: Final = 0.002
_WIDTH: Final = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it.

    Attributes:
        kills: Processes that were killed.
        rows: Rows that they appended.
        wrong: Rows that were lost, torn or counted twice.
    """

    kills: int
    rows: int
    wrong: int


def kill_appenders(path: Path, *, kills: int, seed: int) -> Outcome:
    """Kill so many processes, one after the other, that append to the ring at ``path``."""
    command = [sys.executable, "-m", __name__, str(path), str(kills), str(seed)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return Outcome(**json.loads(done.stdout))


def _append_for_ever(path: Path, tally: memoryview, ready: int) -> None:
    ring = Ring(path, _WIDTH)
    ring.lay_out_calls(0)
    nothing = np.zeros((1, 0), np.float32)
    number = ring.mark.rows
    os.write(ready, b"!")
    while True:
        count = number % 7 + 1
        tally[_BEGUN] = number + count
        ring.append([_numbered(number, count)], count, 1.0, calls=count)
        number += count
        tally[_TAKEN] = number
        for _ in range(number % 3):
            tally[_BEGUN] = number + 1
            ring.append_call(nothing, *_numbered(number, 1)[0].tolist())
            number += 1
            tally[_TAKEN] = number
        tally[_BEGUN] = number + 1
        ring.append_row(memoryview(_numbered(number, 1)[0].tobytes()))
        number += 1
        tally[_TAKEN] = number
        ring.release(max(number - 20, 0), 1.0)
        ring.count(failures=1, dropped=1)


def _numbered(first: int, count: int) -> "np.ndarray[tuple[int, int], np.dtype[np.float32]]":
    """Return rows that say which they are; float32 tells a million numbers apart."""
    numbers = (np.arange(first, first + count) % 1_000_000).astype(np.float32)
    return np.stack([numbers, -numbers, numbers + 0.5], axis=1)


def _kill(path: Path, kills: int, seed: int) -> Outcome:
    chance = random.Random(seed)
    tally = memoryview(mmap.mmap(-1, 16)).cast("Q")
    before = wrong = 0
    for _ in range(kills):
        began, ready = os.pipe()
        tally[_BEGUN] = tally[_TAKEN] = before
        child = os.fork()
        if child == 0:
            _append_for_ever(path, tally, ready)
        os.read(began, 1)
        time.sleep(chance.uniform(0.0, _LONGEST_S))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(began)
        os.close(ready)
        before, found_wrong = _look(path, begun=tally[_BEGUN], taken=tally[_TAKEN])
        wrong += found_wrong
    return Outcome(kills, before, wrong)


def _look(path: Path, *, begun: int, taken: int) -> tuple[int, int]:
    """Return how many rows the ring has counted, and how many are not as they were appended."""
    ring = Ring(path, _WIDTH)
    mark, first = ring.mark, ring.released
    waiting = [row for block in ring.read(first, mark.rows) for row in block.tolist()]
    ring.close()
    expected = _numbered(first, mark.rows - first).tolist()
    lost = max(taken - mark.rows, 0)
    doubled = max(mark.rows - begun, 0)
    torn = sum(row != right for row, right in zip(waiting, expected, strict=True))
    uneven = abs(mark.calls - mark.rows) + abs(mark.failures - mark.dropped)
    return mark.rows, lost + doubled + torn + uneven


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(_kill(Path(sys.argv[1]), *map(int, sys.argv[2:])))))
