"""Joint moments and mean vectors of whole blocks, without a loop over rows.

Gives the sums of :mod:`edge_contract.stats.joint` and :mod:`edge_contract.stats.vectors` exactly:
the same single-precision operations in the same order, then whole numbers.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge_contract.stats import LARGEST, Joint, JointSpec, Vectors, VectorsSpec
from edge_contract.stats.quantised import factor_of

__all__ = ["count_joint", "count_vectors"]


def count_joint(spec: JointSpec, block: NDArray[np.float32]) -> Joint:
    """Return the joint moments of ``float32[features, rows]``."""
    rows = block.shape[1]
    numbers, is_finite = _quantised(block, spec.centers, spec.scales)
    first, second = np.array(spec.pairs, np.intp).T
    # Products are at most 2304 and their squares 5,308,416: exact in a float64 for 1e9 rows.
    products = numbers[first] * numbers[second]
    missing = [0] * len(spec.pairs)
    if not is_finite.all():
        both: NDArray[np.bool_] = is_finite[first] & is_finite[second]
        missing = (rows - np.count_nonzero(both, axis=1)).tolist()
    return Joint(spec, rows, missing, _total(products), _squares(products))


def count_vectors(spec: VectorsSpec, block: NDArray[np.float32]) -> Vectors:
    """Return the sums of ``float32[components, rows]``."""
    rows = block.shape[1]
    numbers, is_finite = _quantised(block, spec.centers, spec.scales)
    is_whole: NDArray[np.bool_] = np.logical_and.reduce(is_finite, axis=0)
    missing = rows - int(np.count_nonzero(is_whole))
    if missing:
        numbers = numbers[:, is_whole]
    return Vectors(spec, rows, missing, _total(numbers), _squares(numbers))


def _quantised(
    block: NDArray[np.float32], centers: Sequence[float], scales: Sequence[float]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the integers, 0 where there is none, and where there are some."""
    factors = np.array([factor_of(scale) for scale in scales], np.float32)[:, None]
    is_finite: NDArray[np.bool_] = np.isfinite(block)
    steps = block - np.array(centers, np.float32)[:, None]
    steps *= factors
    np.clip(steps, np.float32(-LARGEST), np.float32(LARGEST), out=steps)
    steps += np.float32(0.5)
    np.floor(steps, out=steps)
    if not is_finite.all():
        steps[~is_finite] = 0.0
    return steps, is_finite


def _total(numbers: NDArray[np.float32]) -> list[int]:
    total: list[int] = numbers.sum(axis=1, dtype=np.float64).astype(np.int64).tolist()
    return total


def _squares(numbers: NDArray[np.float32]) -> list[int]:
    wide = numbers.astype(np.float64)
    squares: list[int] = np.einsum("ij,ij->i", wide, wide).astype(np.int64).tolist()
    return squares
