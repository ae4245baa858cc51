"""Windows and batches of one small package, for tests of the agent's core."""

import hashlib
from collections.abc import Sequence

from edge_agent.core.windows import merged_entries
from edge_contract.messages import BatchId, Counters, TelemetryBatch, WindowEntry
from edge_contract.stats import Column, MomentsSpec, ProfileSpec, SketchSpec

__all__ = ["DIGEST", "SPEC", "batch", "bulky_batch", "bulky_state", "entry", "merge", "rows_of"]

DIGEST = "sha256:" + "d1" * 32
SPEC = ProfileSpec((Column("feature:x", SketchSpec()), Column("feature:x", MomentsSpec())))


def entry(
    *values: float, start_unix_s: float = 0.0, end_unix_s: float = 60.0, package: str = DIGEST
) -> WindowEntry:
    """A window in which one feature had these values."""
    profile = SPEC.empty()
    for value in values:
        profile.observe(0, (value,))
        profile.observe(1, (value,))
    counters = Counters(rows=len(values), calls=len(values))
    return WindowEntry(package, "primary", start_unix_s, end_unix_s, counters, profile.to_state())


def batch(seq: int, *values: float, boot: int = 1) -> TelemetryBatch:
    """A batch with the window of minute ``seq``."""
    start_unix_s = 60.0 * seq
    window = entry(*values, start_unix_s=start_unix_s, end_unix_s=start_unix_s + 60.0)
    return TelemetryBatch(BatchId("cam-7", boot, seq), (window,))


def bulky_state(size_bytes: int, seed: int = 0) -> list[int]:
    """The state of a statistic that takes about so many bytes on the wire: it hardly compresses."""
    blocks = range(size_bytes // 32 + 1)
    noise = b"".join(hashlib.sha256(f"{seed}/{block}".encode()).digest() for block in blocks)
    return [int.from_bytes(noise[at : at + 4], "big") for at in range(0, size_bytes, 4)]


def bulky_batch(seq: int, size_bytes: int = 40_000, rows: int = 10) -> TelemetryBatch:
    """A batch that fits into no message together with another one; nobody knows its package."""
    window = WindowEntry(
        "sha256:" + "ee" * 32,
        "primary",
        60.0 * seq,
        60.0 * seq + 60.0,
        Counters(rows=rows, calls=rows),
        {0: bulky_state(size_bytes, seq)},
    )
    return TelemetryBatch(BatchId("cam-7", 1, seq), (window,))


def merge(entries: Sequence[WindowEntry]) -> tuple[WindowEntry, ...]:
    """Merge windows as an agent does that knows the package."""
    return merged_entries(entries, {(DIGEST, "primary"): SPEC})


def rows_of(sent: TelemetryBatch) -> int:
    """How many rows a batch accounts for, lost ones included."""
    return sent.lost_rows + sum(window.counters.rows for window in sent.entries)
