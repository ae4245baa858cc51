"""What is counted when collectors, their database and their broker die at random."""

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from benchmarks.campaign import Notebook, Order
from benchmarks.harness import Figure, campaign
from edge_contract.reading import JsonValue
from tests.support.brokers import BROKERS, make_broker
from tests.support.collector_world import CollectorWorld

__all__ = ["collectors"]

_RUNS: Final = 40
_FAULTS: Final = 6
_EVERY_S: Final = 0.7
_PATIENCE_S: Final = 60.0


@campaign
def collectors(notebook: Notebook, *, quick: bool, seed: int) -> Sequence[Figure]:
    """Kill and freeze two collectors, PostgreSQL and the broker; compare rows sent and merged."""
    orders = [
        Order(BROKERS[number % len(BROKERS)], seed + number)
        for number in range(1 if quick else _RUNS)
    ]

    def run(order: Order) -> Mapping[str, JsonValue]:
        return _outcome(order, faults=1 if quick else _FAULTS)

    outcomes = [entry.outcome for entry in notebook.fill(orders, run)]
    happened = Counter(fault.text() for one in outcomes for fault in one["faults"].items())
    sent, merged, repeated = (
        sum(one[name].integer() for one in outcomes) for name in ("sent", "merged", "repeated")
    )
    wrong = sum(not one["is_exact"].flag() for one in outcomes)
    return [
        Figure("runs", len(outcomes), "runs", len(orders), at_most=False),
        *(Figure(f"fault: {what}", count, "times") for what, count in sorted(happened.items())),
        Figure("rows sent", sent, "rows"),
        Figure("rows merged", merged, "rows", sent, at_most=False),
        Figure("messages that came again", repeated, "batches"),
        Figure("runs in which a row was lost or doubled", wrong, "runs", 0),
    ]


def _outcome(order: Order, *, faults: int) -> Mapping[str, JsonValue]:
    """Let one world live, with the broker and the seed that are ordered."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        broker = make_broker(order.name, folder / "broker")
        with CollectorWorld(folder, broker, seed=order.seed) as world:
            world.run(faults, every_s=_EVERY_S)
            verdict = world.settle(_PATIENCE_S)
            return {
                "faults": list(world.happened),
                "sent": sum(verdict.sent_rows.values()),
                "merged": sum(verdict.merged_rows.values()),
                "repeated": verdict.repeated,
                "is_exact": verdict.is_exact,
            }
