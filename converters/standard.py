"""Centers and scales of columns, as robust as a median, for statistics of standardised values."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["NORMAL_IQR", "Standard", "standard_of", "standardised"]

NORMAL_IQR: Final = 1.35
"""Interquartile range of a normal distribution of standard deviation 1."""

_SMALLEST_SCALE: Final = 1e-30
_LARGEST_SCALE: Final = 1e30
_MAX_STEPS: Final = 3.0


class Standard(NamedTuple):
    """Where a column lies and how wide it is; both are float32 numbers in its unit."""

    center: float
    scale: float


def standard_of(values: NDArray[np.float32]) -> Standard | None:
    """Return median and interquartile range in standard deviations.

    Where the quartiles are equal the standard deviation itself is taken; ``None`` if that is 0 or
    out of range: such a column cannot be standardised.

    Args:
        values: ``float32[rows]``; NaN and infinities are ignored.
    """
    finite = values[np.isfinite(values)].astype(np.float64)
    if len(finite) < 2:
        return None
    low, center, high = np.quantile(finite, [0.25, 0.5, 0.75])
    scale = float(high - low) / NORMAL_IQR or float(finite.std())
    if not _SMALLEST_SCALE <= scale <= _LARGEST_SCALE:
        return None
    return Standard(float(np.float32(center)), float(np.float32(scale)))


def standardised(values: NDArray[np.float32], standard: Standard) -> NDArray[np.float32]:
    """Return values in standard deviations, at most 3 of them; 0 where there is none."""
    with np.errstate(over="ignore"):
        steps = (values - np.float32(standard.center)) / np.float32(standard.scale)
    bounded: NDArray[np.float32] = np.clip(
        np.where(np.isfinite(values), steps, np.float32(0)), -_MAX_STEPS, _MAX_STEPS
    )
    return bounded
