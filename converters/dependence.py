"""Measures how much neighbouring rows depend on each other.

Tests for drift take rows for independent. Rows that follow each other in time often are not: a
camera's frames resemble the frames before. Means of windows of such rows vary more than they would
otherwise, by a factor that is called variance inflation, tau; alarms are slowed by it.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["variance_inflation"]

_MIN_WINDOWS: Final = 20
_WINDOW_ROWS: Final = (8, 32, 128, 512, 2048)
_MAX_ROWS: Final = 100_000
_UPPER: Final = 0.9
_SIGMAS: Final = 4.0


def variance_inflation(
    columns: NDArray[np.float32], groups: Iterable[NDArray[np.intp]] = ()
) -> float:
    """Return tau of rows in the order in which they came: 1.0 if they came in random order.

    Per column the values are replaced by their mid-ranks, and the variance of the means of windows
    of neighbouring rows is divided by what random order would give. Of the columns the 0.9 quantile
    counts, of several window lengths the longest that gives more than chance explains.

    Args:
        columns: ``float32[rows, columns]``; NaN counts as the middle rank.
        groups: Rows that are only compared with each other, as those of one hour of the day: what
            differs between groups is then no dependence. None for all rows together.
    """
    columns = columns[:_MAX_ROWS]
    parts = [group[group < len(columns)] for group in groups]
    ranks = [rank for rank in _mid_ranks(columns, parts) if len(rank) and rank.std() > 0]
    if not ranks:
        return 1.0
    table = np.stack(ranks, axis=1)
    largest = 1.0
    for length in _WINDOW_ROWS:
        windows = len(table) // length
        if windows < _MIN_WINDOWS:
            break
        tau = float(np.quantile(_ratios(table[: windows * length], length), _UPPER))
        chance = math.sqrt(2.0 / (windows - 1))  # by how much a variance of so few means is off
        if tau > 1.0 + _SIGMAS * chance and tau > largest * (1.0 + chance):
            largest = tau
    return largest


def _mid_ranks(
    columns: NDArray[np.float32], groups: Sequence[NDArray[np.intp]]
) -> Iterator[NDArray[np.float64]]:
    """Yield every column as ranks from 0 to 1, in each group by itself."""
    for column in columns.T:
        if not groups:
            yield _ranked(column)
            continue
        ranks = np.full(len(column), 0.5)
        for group in groups:
            ranks[group] = _ranked(column[group])
        yield ranks


def _ranked(column: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return ranks from 0 to 1; equal values share the middle of their ranks."""
    present = ~np.isnan(column)
    _, places, counts = np.unique(column[present], return_inverse=True, return_counts=True)
    ranks = np.full(len(column), 0.5)
    if len(counts):
        middle = (np.cumsum(counts) - counts / 2) / counts.sum()
        ranks[present] = middle[places]
    return ranks


def _ratios(table: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Return, per column, the variance of window means over that of randomly drawn windows."""
    rows = len(table)
    means = table.reshape(rows // length, length, -1).mean(axis=1)
    found = ((means - table.mean(axis=0)) ** 2).sum(axis=0) / (len(means) - 1)
    random = table.var(axis=0) / length  # windows cut from all rows: drawn without putting back
    ratios: NDArray[np.float64] = np.ones_like(found)
    np.divide(found, random, out=ratios, where=random > 0)
    return ratios
