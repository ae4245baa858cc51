"""Rows of tensors: which to take, and which the model answers."""

import numpy as np
from numpy.typing import NDArray

from converters.base import Tensors

__all__ = ["answered", "row_count", "spread", "taken"]


def row_count(tensors: Tensors) -> int:
    """Return how many rows there are."""
    return len(next(iter(tensors.values())))


def taken(tensors: Tensors, rows: NDArray[np.int64]) -> Tensors:
    """Return some of the rows."""
    return {name: values[rows] for name, values in tensors.items()}


def spread(rows: NDArray[np.int64], wanted: int) -> NDArray[np.int64]:
    """Return some of the places, evenly spread."""
    places = np.linspace(0, len(rows) - 1, min(wanted, len(rows))).astype(np.int64)
    return rows[np.unique(places)]


def answered(outputs: Tensors) -> NDArray[np.bool_]:
    """Return of each row whether all its numbers are finite."""
    total = row_count(outputs)
    finite = np.ones(total, bool)
    for values in outputs.values():
        if values.dtype.kind == "f":
            finite &= np.isfinite(values).reshape(total, -1).all(axis=1)
    return finite
