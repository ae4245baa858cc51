"""The data of the drift benchmarks: 20 float features unlike each other, as fleets have them."""

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FEATURES", "mixed_rows"]

FEATURES: Final = 20

_NORMAL: Final = ((0, 1), (1, 2), (-3, 0.5), (10, 3), (0, 100), (50, 5))
_LOGNORMAL: Final = ((0, 0.5), (1, 1), (-2, 1), (5, 0.25), (0, 2))
_STUDENT_SCALES: Final = (1.0, 10.0, 0.1)
_SHARES_OF_ZEROS: Final = (0.7, 0.9, 0.3)
_WITH_GAPS: Final = 3
_SHARE_MISSING: Final = 0.01


def mixed_rows(count: int, rng: np.random.Generator) -> "NDArray[np.float32]":
    """Return ``float32[count, 20]``.

    Six normal columns (one of them with 1 % missing), five log-normal ones, three of Student's t
    with two degrees of freedom, three that are mostly zero, a uniform one, whole numbers, and one
    far from zero.
    """
    columns = [rng.normal(mean, sigma, count) for mean, sigma in _NORMAL]
    columns += [rng.lognormal(mean, sigma, count) for mean, sigma in _LOGNORMAL]
    columns += [rng.standard_t(2, count) * scale for scale in _STUDENT_SCALES]
    columns += [
        np.where(rng.random(count) < share, 0.0, rng.lognormal(0.0, 1.0, count))
        for share in _SHARES_OF_ZEROS
    ]
    columns += [
        rng.random(count),
        rng.poisson(4, count).astype(np.float64),
        rng.normal(1000.0, 1.0, count),
    ]
    rows = np.stack(columns, axis=1).astype(np.float32)
    rows[rng.random(count) < _SHARE_MISSING, _WITH_GAPS] = np.nan
    return rows
