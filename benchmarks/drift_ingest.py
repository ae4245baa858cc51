"""Drift, the device's part: what a row costs, and how many bytes a window takes on the wire."""

import time
from collections.abc import Sequence

import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.drift_data import FEATURES, mixed_rows
from benchmarks.harness import Figure
from edge_agent.adapters.numpy_counting import BlockCounter
from edge_contract.messages import BatchId, Counters, TelemetryBatch, WindowEntry, encode
from edge_contract.package import Package, Role, layout_of, profile_specs
from edgefleet.converting import convert

__all__ = ["figures"]

_WINDOW_TARGETS = {600: 2300}


def figures(*, quick: bool, seed: int) -> Sequence[Figure]:
    """Return sizes of windows."""
    rng = np.random.default_rng(seed)
    package = _package(rng)
    return [*_sizes(package, rng, windows=5 if quick else 40)]


def _package(rng: np.random.Generator) -> Package:
    rows = mixed_rows(20_000, rng)
    truth = (rows[:, 0] + 0.2 * rows[:, 17] > 0).astype(int)
    model = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()).fit(rows, truth)
    return convert(model, rows, truth, name="bench", version="1.0.0")


def _sizes(package: Package, rng: np.random.Generator, *, windows: int) -> list[Figure]:
    spec = profile_specs(package.manifest, package.reference())[Role.PRIMARY]
    layout = layout_of(Role.PRIMARY, package.manifest, spec)
    counter = BlockCounter(spec, layout)
    found: list[Figure] = []
    for count in (60, 600, 6000):
        sizes: list[int] = []
        for seq in range(windows):
            table = np.full((count, layout.width), np.nan, np.float32)
            table[:, :FEATURES] = mixed_rows(count, rng)
            table[:, -2] = rng.uniform(0.5, 1.0, count)
            table[:, -3] = rng.integers(0, 2, count)
            table[:, -1] = rng.gamma(2.0, 20.0, count)
            now_s = time.time()
            state = counter.count(table).brief().to_state()
            entry = WindowEntry(
                package.digest, Role.PRIMARY, now_s - 60, now_s, Counters(count, count), state
            )
            sizes.append(len(encode(TelemetryBatch(BatchId("cam-1", 1, seq), (entry,)))))
        name = f"message of a {count}-row window, 20 features"
        found.append(Figure(name, float(np.median(sizes)), "bytes", _WINDOW_TARGETS.get(count)))
    return found
