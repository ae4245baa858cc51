"""Kills real processes with -9 in the middle of the story, and looks at what they leave.

Run as ``python -m tests.support.power_cut.killing PACKAGES SCRATCH`` it lives through the story in
a fresh folder for every line on standard input, which says after how many seconds it is killed, and
answers each line when the process is dead. Forking is far quicker than starting Python anew.
"""

import contextlib
import itertools
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.support.power_cut.after import NOTHING_YET, Moment, check, raise_it
from tests.support.power_cut.recording import MARKS
from tests.support.power_cut.story import Note, hopeless_in, live

__all__ = ["kill_stories"]


def kill_stories(
    packages: Path,
    scratch: Path,
    *,
    notes: Sequence[Note],
    kills: int,
    seed: int,
    longest_s: float,
    on_wrong: Callable[[AssertionError], None] = raise_it,
) -> int:
    """Kill so many processes at random moments; return how many had told something before.

    Args:
        packages: Folder with the packages of the story.
        scratch: For their folders.
        notes: Of a story that nobody killed.
        kills: How many.
        seed: Of the moments.
        longest_s: The latest moment.
        on_wrong: Is told what one of them left that is not as it must be; by default it is raised.
    """
    chance = random.Random(seed)
    command = [sys.executable, "-m", __name__, str(packages), str(scratch)]
    told, hopeless = 0, hopeless_in(packages)
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for number in range(kills):
            at_s = chance.uniform(0.0, longest_s)
            process.stdin.write(f"{at_s}\n")
            process.stdin.flush()
            assert process.stdout.readline() == "dead\n"
            moment = _moment(scratch / "state", notes, hopeless)
            told += moment.before is not NOTHING_YET
            try:
                check(scratch / "state", scratch / "rings", moment)
            except Exception as error:  # noqa: BLE001  whatever it is, the agent did not start
                wrong = AssertionError(f"kill {number} after {at_s:.3f} s: {error!r}")
                wrong.__cause__ = error
                on_wrong(wrong)
        process.stdin.close()
    assert process.returncode == 0
    return told


def _moment(folder: Path, notes: Sequence[Note], hopeless: frozenset[str]) -> Moment:
    """Return what the killed process had told last, and everything that it may have done next."""
    lines: list[bytes] = []
    with contextlib.suppress(FileNotFoundError):
        lines = (folder / MARKS).read_bytes().splitlines(keepends=True)
    whole = [line for line in lines if line.endswith(b"\n")]
    before = Note.read(whole[-1]) if whole else NOTHING_YET
    pairs = itertools.pairwise([NOTHING_YET, *notes])
    nexts = [later for earlier, later in pairs if earlier.is_like(before)]
    return Moment(before, (before, *nexts), hopeless)


def _serve_kills(packages: Path, scratch: Path) -> None:
    for line in sys.stdin:
        folder, rings = scratch / "state", scratch / "rings"
        for place in (folder, rings):
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
        child = os.fork()
        if child == 0:
            logging.disable()
            with contextlib.suppress(BaseException):
                live(folder, packages, rings)
            os._exit(0)
        time.sleep(float(line))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        sys.stdout.write("dead\n")
        sys.stdout.flush()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    _serve_kills(Path(sys.argv[1]), Path(sys.argv[2]))
