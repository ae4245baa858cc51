"""Expected confusion of whole blocks: :mod:`edge_contract.stats.class_probabilities` by numpy."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from edge_contract.stats import BINS, SHARES, WORTH_BINS, ClassProbabilities, ClassProbabilitiesSpec

__all__ = ["count_class_probabilities", "fine_bins"]


def fine_bins(parts: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return :func:`edge_contract.stats.probabilities.fine_bin` of numbers from 0 to 1."""
    roots = np.sqrt(parts)
    roots += np.sqrt(roots)
    roots *= BINS / 2
    return np.minimum(roots, BINS - 1).astype(np.int64)


def count_class_probabilities(
    spec: ClassProbabilitiesSpec, block: NDArray[np.float64]
) -> ClassProbabilities:
    """Return the sums of ``float64[1 + classes, rows]``: predicted class, all probabilities."""
    classes = len(spec.worths)
    predicted, probabilities = block[0], block[1:]
    is_class = (predicted == np.floor(predicted)) & (predicted >= 0) & (predicted < classes)
    is_valid = is_class & ((probabilities >= 0) & (probabilities <= 1.0001)).all(axis=0)
    if not is_valid.all():
        predicted, probabilities = predicted[is_valid], probabilities[:, is_valid]
    rows = len(predicted)
    invalid = block.shape[1] - rows
    if not rows:
        found = spec.empty()
        found.invalid = invalid
        return found
    index = predicted.astype(np.intp)
    shares = _shares(spec, _worth_bins(probabilities))
    own = shares[index, np.arange(rows)]
    keys = fine_bins(np.minimum(probabilities, 1.0))
    keys += np.arange(0, classes * BINS, BINS)[:, None]
    counts = np.bincount(keys.ravel(), minlength=classes * BINS)
    counts -= np.bincount(keys[index, np.arange(rows)], minlength=classes * BINS)
    return ClassProbabilities(
        spec,
        invalid=invalid,
        rows=rows,
        right=np.bincount(index, own, minlength=classes).astype(np.int64).tolist(),
        expected=shares.sum(axis=1).astype(np.int64).tolist(),
        rivals=_sparse(counts.reshape(classes, BINS)),
    )


def _worth_bins(probabilities: NDArray[np.float64]) -> NDArray[np.int64]:
    is_low = probabilities < 0.5
    distance = np.where(is_low, probabilities, np.maximum(1.0 - probabilities, 0.0))
    bins = fine_bins(2.0 * distance)
    return np.where(is_low, bins, WORTH_BINS - 1 - bins)


def _shares(spec: ClassProbabilitiesSpec, bins: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return whole numbers: quotients of such that are below 2 ** 33 lose nothing as floats."""
    worths = _table(spec).take(bins + _offsets(len(spec.worths)))
    total = worths.sum(axis=0)
    is_worthless = total == 0
    some_worthless = bool(is_worthless.any())
    if some_worthless:
        total[is_worthless] = 1.0
    worths *= SHARES
    worths += np.floor(total / 2)
    worths /= total
    shares: NDArray[np.float64] = np.floor(worths, out=worths)
    if some_worthless:
        shares[:, is_worthless] = SHARES // len(spec.worths)
    return shares


@lru_cache(maxsize=64)
def _table(spec: ClassProbabilitiesSpec) -> NDArray[np.float64]:
    return np.array(spec.worths, np.float64).ravel()


def _offsets(classes: int) -> NDArray[np.int64]:
    return np.arange(0, classes * WORTH_BINS, WORTH_BINS)[:, None]


def _sparse(counts: NDArray[np.intp]) -> dict[int, dict[int, int]]:
    return {
        k: {int(place): int(row[place]) for place in np.flatnonzero(row)}
        for k, row in enumerate(counts)
        if row.any()
    }
