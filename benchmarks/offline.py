"""A week out of reach of the network: what it takes of disk and memory, and what arrives."""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness import Figure, benchmark
from tests.support.offline_week import live_offline

__all__ = ["offline"]


@benchmark
def offline(*, quick: bool, seed: int) -> Sequence[Figure]:  # noqa: ARG001  nothing here is by chance
    """Live a week offline on a virtual clock, in the usual outbox and in small ones."""
    days, interval_s = (2, 3600.0) if quick else (7, 300.0)
    figures: list[Figure] = []
    for outbox_mb, restarts in ((32.0, True), (0.5, False), (0.5, True)):
        outbox_bytes = round(outbox_mb * 1e6)
        began_s = time.monotonic()
        with tempfile.TemporaryDirectory(dir=_memory()) as folder:
            week = live_offline(
                Path(folder),
                days=days,
                interval_s=interval_s,
                outbox_bytes=outbox_bytes,
                restarts=restarts,
                features=20,
            )
        name = f"{days} days, {outbox_mb:g} MB, {'a restart a day' if restarts else 'no restart'}: "
        unaccounted = week.rows - week.merged_rows - week.lost_rows
        took = f"{time.monotonic() - began_s:.0f} s"
        figures += [
            Figure(name + "windows counted", week.windows, "windows", peer=took),
            Figure(
                name + "rows neither merged once nor reported as lost", unaccounted, "rows", 0.0
            ),
            Figure(name + "rows reported as lost", week.lost_rows, "rows"),
            Figure(name + "largest outbox", week.largest_outbox_bytes / 1e6, "MB", outbox_mb),
            Figure(name + "largest store on disk", week.largest_file_bytes / 1e6, "MB"),
            Figure(name + "growth of memory", week.memory_growth_bytes / 1e6, "MB"),
            Figure(name + "longest window that arrived", week.longest_window_s / 3600.0, "hours"),
            Figure(name + "batches left after the reconnect", week.left, "batches", 0.0),
        ]
    return figures


def _memory() -> str | None:
    """Return a folder in memory where there is one: time is not what is measured."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108  removed at the end
