"""What one collector process merges, and how many bytes a window takes on the wire."""

import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from benchmarks.harness import Figure, benchmark
from cloud_sync.adapters.sqlite_warehouse import SqliteWarehouse
from cloud_sync.core.collector import Collector
from cloud_sync.core.collector_config import CollectorConfig
from cloud_sync.core.facts import PackageFacts
from edge_agent.adapters.numpy_counting import BlockCounter
from edge_contract.messages import (
    BatchId,
    Counters,
    FleetTopics,
    TelemetryBatch,
    WindowEntry,
    encode,
)
from edge_contract.package import Package, Role, layout_of
from edgefleet.converting import convert

__all__ = ["ingest"]

_FEATURES = 20


@benchmark
def ingest(*, quick: bool, seed: int) -> Sequence[Figure]:
    """Merge batches of 60 rows x 20 features through the collector into SQLite, exactly once."""
    package = _package(seed)
    facts = PackageFacts(package.digest, package.manifest, package.reference())
    rng = np.random.default_rng(seed)
    batches = 300 if quick else 3000
    payloads = {rows: _payloads(facts, rng, rows, 40) for rows in (60, 600)}
    with tempfile.TemporaryDirectory() as folder:
        warehouse = SqliteWarehouse(Path(folder))
        collector = Collector(
            CollectorConfig(max_batches=100_000),
            packages=lambda _digest: facts,
            marks=warehouse.marks,
            is_known=lambda _device: True,
        )
        chance = random.Random(seed)
        devices = [f"cam-{number}" for number in range(50)]
        wire = [
            (FleetTopics("bench").device(name).telemetry, _batch(name, seq, chance, payloads[60]))
            for seq in range(batches // len(devices))
            for name in devices
        ]
        began_s, began_cpu_s = time.perf_counter(), time.process_time()
        for index, (topic, payload) in enumerate(wire, 1):
            collector.on_telemetry(topic, payload, time.time())
            if index % 500 == 0 or index == len(wire):
                commit = collector.take_commit()
                if commit is not None:
                    warehouse.commit(commit)
                    collector.committed()
        seconds, cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
        merged = warehouse.totals().tally.batches
        warehouse.close()
    sizes = {
        rows: float(np.median([len(_wire(e)) for e in found])) for rows, found in payloads.items()
    }
    return [
        Figure(
            "batches merged and committed", merged / cpu_s, "1/s of one core", 5000, at_most=False
        ),
        Figure("batches merged and committed, wall", merged / seconds, "1/s"),
        Figure("60-row window of 20 features", sizes[60], "bytes"),
        Figure("600-row window of 20 features", sizes[600], "bytes"),
    ]


def _package(seed: int) -> Package:
    rows = np.random.default_rng(seed).normal(0.0, 1.0, (5000, _FEATURES)).astype(np.float32)
    truth = (rows[:, 0] + rows[:, 1] > 0).astype(int)
    model = LogisticRegression().fit(rows, truth)
    return convert(model, rows, truth, name="bench", version="1.0.0")


def _payloads(
    facts: PackageFacts, rng: np.random.Generator, rows: int, count: int
) -> list[WindowEntry]:
    spec = facts.specs[Role.PRIMARY]
    layout = layout_of(Role.PRIMARY, facts.manifest, spec)
    counter = BlockCounter(spec, layout)
    entries: list[WindowEntry] = []
    for _ in range(count):
        table = np.empty((rows, layout.width), np.float32)
        table[:, :_FEATURES] = rng.normal(0.0, 1.0, (rows, _FEATURES))
        table[:, -3] = rng.integers(0, 2, rows)
        table[:, -2] = rng.uniform(0.5, 1.0, rows)
        table[:, -1] = rng.gamma(2.0, 20.0, rows)
        state = counter.count(table).brief().to_state()
        now = time.time()
        counters = Counters(rows, rows)
        entries.append(WindowEntry(facts.digest, Role.PRIMARY, now - 60, now, counters, state))
    return entries


def _batch(device: str, seq: int, chance: random.Random, entries: list[WindowEntry]) -> bytes:
    return encode(TelemetryBatch(BatchId(device, 1, seq), (chance.choice(entries),)))


def _wire(entry: WindowEntry) -> bytes:
    return encode(TelemetryBatch(BatchId("cam-1", 1, 0), (entry,)))
