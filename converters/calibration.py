"""Builds a package's calibration: what the model's predictions were worth on labelled rows.

Each class's probability is calibrated against all others by isotonic regression over rows, as CBPE
does it (NannyML describes it), and the calibrated probabilities of a row are scaled to add up to
one. The package keeps what estimates need of that: for two classes the sum of calibrated
probabilities in each bin of the histogram that devices make; for more, tables by which devices
calibrate rows themselves (:mod:`edge_contract.stats.class_probabilities`), and the same sums.
"""

from dataclasses import replace
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from converters.base import Tensors
from edge_contract.package import Calibration, Manifest, OutputRole, Task
from edge_contract.package.curves import isotonic, recalibrated, shrunk
from edge_contract.stats import (
    BINS,
    MAX_CLASSES,
    SHARES,
    WORTH_BINS,
    ClassProbabilitiesSpec,
    ProbabilitiesSpec,
)
from edge_contract.stats.class_probabilities import worth_middle

__all__ = ["Learned", "learned", "probabilities_of"]

_Numbers: TypeAlias = NDArray[np.float64]
_Classes: TypeAlias = NDArray[np.int64]

_MOST_BLOCKS: Final = 4096
_DECIMALS: Final = 3


class Learned(NamedTuple):
    """What labelled rows say of a classifier.

    Attributes:
        calibration: For the cloud.
        worths: For devices; ``None`` for two classes, and for more than they count one by one.
    """

    calibration: Calibration
    worths: ClassProbabilitiesSpec | None = None


class _Rows(NamedTuple):
    """Labelled rows.

    Attributes:
        predicted: ``int64[rows]``.
        probabilities: ``float64[rows, classes]``.
        truths: ``int64[rows]``; -1 where the model has no such class.
    """

    predicted: _Classes
    probabilities: _Numbers
    truths: _Classes


def learned(
    manifest: Manifest,
    *,
    predicted: NDArray[np.float32],
    probabilities: NDArray[np.float32] | None,
    truths: _Classes | None,
) -> Learned:
    """Return what labelled rows say of a classifier; of none, that the model is to be believed.

    Args:
        manifest: Of the model.
        predicted: ``float32[rows]``: indices of the predicted classes, NaN or -1 for none.
        probabilities: ``float32[rows, classes]``.
        truths: ``int64[rows]``: indices of the true classes, -1 for none.
    """
    if manifest.task not in (Task.BINARY, Task.MULTICLASS) or probabilities is None:
        return Learned(Calibration())
    classes = probabilities.shape[1]
    is_counted = 2 < classes <= MAX_CLASSES
    if truths is None:
        return Learned(Calibration(), _believed(classes) if is_counted else None)
    rows = _valid(predicted, probabilities, truths)
    spec = ProbabilitiesSpec.for_classes(classes, threshold=manifest.threshold)
    if is_counted:
        worths = _worths(rows)
        bins = _worth_bins(rows.probabilities)
        table = np.array(worths.worths, np.float64).T
        calibrated = _scaled(np.take_along_axis(table, bins, axis=0), rows)
        found = _with_rivals(_calibration(spec, rows, calibrated), rows, calibrated)
        return Learned(found, worths)
    if classes == 2:
        calibrated = np.stack([_isotonic(rows, k) for k in range(classes)], axis=1)
        return Learned(_calibration(spec, rows, _scaled(calibrated, rows)))
    hits = (rows.truths[:, None] == np.arange(classes)).astype(np.float64)
    return Learned(_with_rivals(_calibration(spec, rows, hits), rows, hits))


def probabilities_of(manifest: Manifest, outputs: Tensors) -> NDArray[np.float32] | None:
    """Return ``float32[rows, classes]``; ``None`` if the model gives none for each class."""
    given = manifest.output(OutputRole.PROBABILITIES)
    if given is None or outputs[given.name].ndim != 2:
        return None
    found = outputs[given.name].astype(np.float32)
    return found if found.shape[1] == len(manifest.classes) else None


def _valid(
    predicted: NDArray[np.float32], probabilities: NDArray[np.float32], truths: _Classes
) -> _Rows:
    numbers = probabilities.astype(np.float64)
    with np.errstate(invalid="ignore"):
        known = (predicted >= 0) & ((numbers >= 0) & (numbers <= 1.0001)).all(axis=1)
    return _Rows(predicted[known].astype(np.int64), np.minimum(numbers[known], 1.0), truths[known])


def _isotonic(rows: _Rows, k: int) -> _Numbers:
    """Return how often class ``k`` is true at each row's probability of it, rising with that."""
    order = np.argsort(rows.probabilities[:, k], kind="stable")
    sorted_rows = rows.probabilities[order, k]
    starts = np.flatnonzero(np.diff(sorted_rows, prepend=-1.0))
    starts = starts[:: max(-(-len(starts) // _MOST_BLOCKS), 1)]
    if not len(starts):
        return np.zeros(0)
    sizes = np.diff(starts, append=len(order))
    means = np.add.reduceat((rows.truths[order] == k).astype(np.float64), starts) / sizes
    calibrated = np.empty(len(order))
    calibrated[order] = np.repeat(isotonic(means.tolist(), sizes.tolist()), sizes)
    return calibrated


def _worths(rows: _Rows) -> ClassProbabilitiesSpec:
    """Return the tables of all classes; bins with few rows lean on the model's own probability."""
    bins = _worth_bins(rows.probabilities)
    tables: list[tuple[int, ...]] = []
    for k in range(rows.probabilities.shape[1]):
        counts = np.bincount(bins[:, k], minlength=WORTH_BINS).tolist()
        hits = np.bincount(bins[:, k], _isotonic(rows, k), minlength=WORTH_BINS).tolist()
        prior = recalibrated(_MIDDLES, counts, hits)
        tables.append(tuple(round(worth * SHARES) for worth in shrunk(counts, hits, prior)))
    return ClassProbabilitiesSpec(tuple(tables))


def _believed(classes: int) -> ClassProbabilitiesSpec:
    return ClassProbabilitiesSpec((tuple(round(p * SHARES) for p in _MIDDLES),) * classes)


def _scaled(worths: _Numbers, rows: _Rows) -> _Numbers:
    """Return calibrated probabilities that add up to the share of truths the model has a class for.

    That share is 1 but for odd labels, of which any prediction is wrong.
    """
    total = worths.sum(axis=1, keepdims=True)
    even = np.full_like(worths, 1.0 / worths.shape[1])
    scaled: _Numbers = np.divide(worths, total, out=even, where=total > 0)
    return scaled * (np.count_nonzero(rows.truths >= 0) / max(len(rows.truths), 1))


def _calibration(spec: ProbabilitiesSpec, rows: _Rows, calibrated: _Numbers) -> Calibration:
    classes = len(spec.lows)
    index = np.arange(len(rows.predicted))
    own = rows.probabilities[index, rows.predicted]
    lows = np.array(spec.lows)[rows.predicted]
    bins = BINS - 1 - _fine_bins(np.clip((1.0 - own) / (1.0 - lows), 0.0, 1.0))
    keys = rows.predicted * BINS + bins
    counts = np.bincount(keys, minlength=classes * BINS)
    hits = _summed(keys, calibrated[index, rows.predicted], size=classes * BINS)
    return Calibration(_count_table(counts), _hit_table(hits))


def _with_rivals(calibration: Calibration, rows: _Rows, calibrated: _Numbers) -> Calibration:
    classes = rows.probabilities.shape[1]
    is_rival = rows.predicted[:, None] != np.arange(classes)
    keys = (np.arange(classes) * BINS + _fine_bins(rows.probabilities))[is_rival]
    counts = np.bincount(keys, minlength=classes * BINS)
    hits = _summed(keys, calibrated[is_rival], size=classes * BINS)
    return replace(calibration, rival_rows=_count_table(counts), rival_true=_hit_table(hits))


def _summed(keys: NDArray[np.int64], numbers: _Numbers, *, size: int) -> _Numbers:
    return np.bincount(keys, numbers, minlength=size).astype(np.float64)


def _fine_bins(parts: _Numbers) -> _Classes:
    roots = np.sqrt(parts)
    return np.minimum(((roots + np.sqrt(roots)) * (BINS / 2)).astype(np.int64), BINS - 1)


def _worth_bins(probabilities: _Numbers) -> _Classes:
    is_low = probabilities < 0.5
    bins = _fine_bins(2.0 * np.where(is_low, probabilities, 1.0 - probabilities))
    return np.where(is_low, bins, WORTH_BINS - 1 - bins)


def _count_table(flat: NDArray[np.intp]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(bins) for bins in flat.reshape(-1, BINS).tolist())


def _hit_table(flat: _Numbers) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(bins) for bins in flat.round(_DECIMALS).reshape(-1, BINS).tolist())


_MIDDLES: Final = tuple(worth_middle(index) for index in range(WORTH_BINS))
