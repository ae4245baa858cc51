"""What is counted when collectors, their database and their broker die at random."""

import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.harness import Figure, benchmark
from tests.support.brokers import BROKERS, make_broker
from tests.support.collector_world import CollectorWorld, Verdict

__all__ = ["collectors"]

_FAULTS: Final = 6
_EVERY_S: Final = 0.7
_PATIENCE_S: Final = 60.0


@benchmark
def collectors(*, quick: bool, seed: int) -> Sequence[Figure]:
    """Kill and freeze two collectors, PostgreSQL and the broker; compare rows sent and merged."""
    happened: Counter[str] = Counter()
    verdicts: list[Verdict] = []
    for run in range(1 if quick else 40):
        broker = BROKERS[run % len(BROKERS)]
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            with CollectorWorld(
                folder, make_broker(broker, folder / "broker"), seed=seed + run
            ) as w:
                w.run(1 if quick else _FAULTS, every_s=_EVERY_S)
                verdicts.append(w.settle(_PATIENCE_S))
                happened.update(w.happened)
    sent = sum(sum(verdict.sent_rows.values()) for verdict in verdicts)
    merged = sum(sum(verdict.merged_rows.values()) for verdict in verdicts)
    wrong = sum(not verdict.is_exact for verdict in verdicts)
    return [
        Figure("runs", len(verdicts), "runs"),
        *(Figure(f"fault: {what}", count, "times") for what, count in sorted(happened.items())),
        Figure("rows sent", sent, "rows"),
        Figure("rows merged", merged, "rows", sent, at_most=False),
        Figure("messages that came again", sum(v.repeated for v in verdicts), "batches"),
        Figure("runs in which a row was lost or doubled", wrong, "runs", 0),
    ]
