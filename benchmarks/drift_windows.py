"""Drift, between device and cloud: bytes of a window, time of a merge, error of a quantile."""

import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from benchmarks.drift_data import mixed_rows
from benchmarks.drift_package import bench_package
from benchmarks.drift_peers import KLL, WHYLOGS, Peers, open_peers
from benchmarks.harness import Figure
from edge_agent.adapters.numpy_counting import count_block
from edge_agent.adapters.sqlite_store import SqliteBatchStore
from edge_agent.agent import Agent
from edge_contract.messages import TelemetryBatch, encode
from edge_contract.package import Layout, Package, Role, Source, profile_specs
from edge_contract.stats import Column, ProfileSpec, Sketch

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["figures"]

_WINDOWS: Final = (60, 600, 6000)
_TARGET_BYTES: Final = {600: 2300}
_BEYOND_PEERS: Final = ("joint",)
_SHARES: Final = np.arange(1, 100) / 100


def figures(*, quick: bool, seed: int) -> Sequence[Figure]:
    """Return what windows cost, ours as an agent makes them and the peers' compressed."""
    rng = np.random.default_rng(seed)
    package = bench_package(seed)
    rows = mixed_rows(100_000, rng)
    repeats = 2 if quick else 8
    batches = {count: [_window(package, rng, count) for _ in range(repeats)] for count in _WINDOWS}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.npy"
        np.save(path, rows)
        with open_peers(path, install=not quick) as peers:
            return [
                *_sizes(package, batches, peers),
                *_merges(package, batches[600], peers),
                *_errors(package, rows, peers),
            ]


def _window(package: Package, rng: np.random.Generator, count: int) -> TelemetryBatch:
    """Let an agent predict rows one by one, and return what it sends of them."""
    while True:
        with tempfile.TemporaryDirectory() as folder:
            with Agent(package, device="bench", state=folder, interval_s=3600.0) as agent:
                agent.wait_ready()
                for row in mixed_rows(count, rng):
                    agent.predict(row[None])
            store = SqliteBatchStore(Path(folder) / "agent.db")
            batches = store.batches()
            store.close()
        if len(batches) == 1:  # the agent may have closed a window just after its start
            return batches[0]


def _sizes(
    package: Package, batches: Mapping[int, Sequence[TelemetryBatch]], peers: Peers
) -> Sequence[Figure]:
    found: list[Figure] = []
    for count, made in batches.items():
        target = _TARGET_BYTES.get(count)
        name = f"{count} rows, 20 features"
        whole = statistics.median(len(encode(batch)) for batch in made)
        lean = statistics.median(len(encode(_lean(package, batch))) for batch in made)
        found += [
            Figure(f"message of a window, {name}", whole, "bytes", target),
            Figure(f"the same without joint statistics, {name}", lean, "bytes", target),
        ]
        for peer in (WHYLOGS, KLL):
            size = None
            if peer in peers.running:
                size = peers.running[peer].ask(do="window", rows=count)["bytes"]
            found.append(Figure(f"{peer}, {name}", size, "bytes", peer=peers.name(peer)))
    return found


def _lean(package: Package, batch: TelemetryBatch) -> TelemetryBatch:
    """Return a window without the statistics that have no like in the peers."""
    columns = _spec(package).columns
    (entry,) = batch.entries
    kept = {
        index: state
        for index, state in entry.profile.items()
        if columns[index].spec.kind not in _BEYOND_PEERS
    }
    return replace(batch, entries=(replace(entry, profile=kept),))


def _merges(package: Package, windows: Sequence[TelemetryBatch], peers: Peers) -> Sequence[Figure]:
    spec = _spec(package)
    first, second = (spec.decode(batch.entries[0].profile) for batch in windows[:2])
    times: list[float] = []
    peers_s: dict[str, list[float]] = {peer: [] for peer in peers.running}
    for _ in range(15):
        began_s = time.perf_counter()
        first.merged(second)
        times.append(time.perf_counter() - began_s)
        for peer, process in peers.running.items():
            peers_s[peer].append(process.ask(do="window", rows=600)["seconds"])
    found = [Figure("merging two windows of 600 rows", min(times) * 1e6, "us")]
    for peer in (WHYLOGS, KLL):
        median_us = min(peers_s[peer]) * 1e6 if peer in peers_s else None
        found.append(Figure(f"{peer}, the same", median_us, "us", peer=peers.name(peer)))
    return found


def _errors(package: Package, rows: "NDArray[np.float32]", peers: Peers) -> Sequence[Figure]:
    worst = max(
        _rank_error(sketch, column)
        for sketch, column in zip(_sketches(package, rows), rows.T, strict=True)
    )
    name = "largest error of a quantile's rank, 100,000 rows"
    theirs = peers.running[KLL].ask(do="ranks")["error"] if KLL in peers.running else None
    return [
        Figure(name, worst, "of 1"),
        Figure(f"{KLL}, the same", theirs, "of 1", peer=peers.name(KLL)),
    ]


def _sketches(package: Package, rows: "NDArray[np.float32]") -> Sequence[Sketch]:
    columns = [
        column
        for column in _spec(package).columns
        if column.subject.startswith("feature:") and column.spec.kind == "sketch"
    ]
    layout = Layout(rows.shape[1], tuple(Source((index,)) for index in range(rows.shape[1])))
    spec = ProfileSpec(tuple(Column(column.subject, column.spec) for column in columns))
    profile = count_block(spec, layout, rows)
    found = [profile[index] for index in range(len(columns))]
    return [sketch for sketch in found if isinstance(sketch, Sketch)]


def _rank_error(sketch: Sketch, column: "NDArray[np.float32]") -> float:
    """Return how far the quantiles of a sketch are off, as shares of the rows."""
    ordered = np.sort(column[~np.isnan(column)]).astype(np.float64)
    quantiles = _quantiles(sketch)
    below = np.searchsorted(ordered, quantiles, "left") / len(ordered)
    upto = np.searchsorted(ordered, quantiles, "right") / len(ordered)
    errors = np.maximum(np.maximum(below - _SHARES, _SHARES - upto), 0.0)
    return float(errors.max())


def _quantiles(sketch: Sketch) -> "NDArray[np.float64]":
    """Return quantiles: interpolated in a bucket, or its value where values are whole."""
    pieces = [(0.0, 0.0, sketch.zero)] if sketch.zero else []
    for code, count in sketch.counts.items():
        value = sketch.spec.value_of(code)
        low, high = (value, value) if sketch.spec.integer else sketch.spec.edges_of(code)
        pieces.append((low, high, count))
    low, high, counts = np.array(sorted(pieces)).T
    reached = np.cumsum(counts)
    wanted = _SHARES * reached[-1]
    place = np.searchsorted(reached, wanted, "left")
    share = 1.0 - (reached[place] - wanted) / counts[place]
    found: NDArray[np.float64] = low[place] + (high - low)[place] * share
    return found


def _spec(package: Package) -> ProfileSpec:
    return profile_specs(package.manifest, package.reference())[Role.PRIMARY]
