"""Collectors, broker and database die at random moments: every row is counted once."""

from pathlib import Path

from tests.support.brokers import make_broker
from tests.support.collector_world import CollectorWorld


def test_whatever_dies_every_row_is_counted_once(tmp_path: Path) -> None:
    with CollectorWorld(tmp_path, make_broker("nats", tmp_path / "broker"), seed=5) as world:
        world.run(faults=4, every_s=0.5)
        verdict = world.settle(within_s=30.0)

    assert verdict.batches > 50
    assert verdict.is_exact, verdict
