"""Adds up many moments at once, by the same law as ``edge_contract.stats.Moments.merged``."""

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from edge_contract.reading import JsonValue
from edge_contract.stats import Moments

__all__ = ["MomentsRow", "sums_of_moments"]

MomentsRow: TypeAlias = list[JsonValue]
"""Whole numbers and others: column, finite, nonfinite, mean, m2, lowest and highest."""

_MAX_FLOAT64: Final = float(np.finfo(np.float64).max)


def sums_of_moments(table: npt.NDArray[np.float64]) -> dict[int, Moments]:
    """Return the sum of each column, given a row of each part, see :data:`MomentsRow`.

    The mean is that of all observations, and ``m2`` grows by how far each part's mean lies from it:
    Chan's formula for any number of parts.
    """
    column, finite, nonfinite, mean, m2, low, high = table.T
    places = column.astype(np.int64)
    size = int(places.max()) + 1
    total = np.bincount(places, finite, size)
    unseen = np.bincount(places, nonfinite, size)
    weight = finite / np.where(total > 0, total, 1.0)[places]
    center = np.bincount(places, mean * weight, size)
    with np.errstate(over="ignore"):
        spread = np.bincount(places, m2 + finite * (mean - center[places]) ** 2, size)
    lowest, highest = np.full(size, np.inf), np.full(size, -np.inf)
    some = finite > 0
    np.minimum.at(lowest, places[some], low[some])
    np.maximum.at(highest, places[some], high[some])
    return {
        int(found): _moments(
            int(total[found]),
            int(unseen[found]),
            mean=float(center[found]),
            m2=min(float(spread[found]), _MAX_FLOAT64),
            low=float(np.float32(lowest[found])),
            high=float(np.float32(highest[found])),
        )
        for found in np.unique(places)
    }


def _moments(
    finite: int, nonfinite: int, *, mean: float, m2: float, low: float, high: float
) -> Moments:
    if not finite:
        return Moments(nonfinite=nonfinite)
    return Moments(finite, nonfinite, mean, m2, low, high)
