"""The package whose statistics the drift benchmarks measure."""

from functools import cache

import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.drift_data import mixed_rows
from edge_contract.package import Package
from edgefleet.converting import convert

__all__ = ["bench_package"]


@cache
def bench_package(seed: int) -> Package:
    """Return a binary classifier of :func:`mixed_rows` with a reference of 20,000 rows."""
    rows = mixed_rows(20_000, np.random.default_rng(seed))
    truth = (rows[:, 0] + 0.2 * rows[:, 17] > 0).astype(int)
    model = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()).fit(rows, truth)
    return convert(model, rows, truth, name="bench", version="1.0.0")
