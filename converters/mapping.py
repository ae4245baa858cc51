"""Chooses the mapping of a numeric column's sketch: the one that tells the most values apart."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from converters.standard import NORMAL_IQR
from edge_contract.stats import CENTRED, FLOAT_BITS, SketchSpec
from edge_contract.stats.sketch import CENTRED_BASE, CENTRED_BUCKETS, SHIFT

__all__ = ["sketch_for"]

_SMALLEST_SCALE: Final = 1e-30
_LARGEST_SCALE: Final = 1e30


def sketch_for(values: NDArray[np.float32]) -> SketchSpec:
    """Return the sketch of a column.

    It is the mapping whose fullest bucket holds the smaller share of the values; zeros are counted
    apart in both, so they do not matter. Where both are as good, ``float-bits`` is taken: it needs
    no parameters.

    Args:
        values: ``float32[rows]``; NaN and infinities are ignored.
    """
    finite = values[np.isfinite(values)]
    integer = bool(len(finite)) and bool(np.all(finite == np.trunc(finite)))
    plain = SketchSpec(FLOAT_BITS, integer=integer)
    spread = finite[finite != 0]
    if len(spread) < 2 or spread.min() == spread.max():
        return plain
    center = np.float32(np.median(spread.astype(np.float64)))
    scale = _scale(spread.astype(np.float64))
    if not _SMALLEST_SCALE <= scale <= _LARGEST_SCALE:
        return plain
    if _fullest(_centred_buckets(spread, center, scale)) < _fullest(_float_buckets(spread)):
        return SketchSpec(CENTRED, float(center), float(scale), integer)
    return plain


def _scale(values: NDArray[np.float64]) -> np.float32:
    """Return the interquartile range in standard deviations; the deviation itself if it is 0."""
    low, high = np.quantile(values, [0.25, 0.75])
    width = (high - low) / NORMAL_IQR
    return np.float32(width if width > 0 else values.std())


def _float_buckets(values: NDArray[np.float32]) -> NDArray[np.int64]:
    bits: NDArray[np.int64] = values.view(np.uint32).astype(np.int64)
    return bits >> SHIFT


def _centred_buckets(
    values: NDArray[np.float32], center: np.float32, scale: np.float32
) -> NDArray[np.int64]:
    with np.errstate(over="ignore"):
        offset = (values - center) * (np.float32(1) / scale)
        distance: NDArray[np.float32] = np.float32(1) + np.abs(offset)
    bucket = np.minimum(_float_buckets(distance) - CENTRED_BASE, CENTRED_BUCKETS - 1)
    signed: NDArray[np.int64] = np.where(np.signbit(offset), -1 - bucket, bucket)
    return signed


def _fullest(buckets: NDArray[np.int64]) -> int:
    return int(np.unique(buckets, return_counts=True)[1].max())
