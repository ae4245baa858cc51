"""What a predicted probability is worth, from the labels in a package's reference."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from cloud_sync.core.analysis.isotonic import isotonic
from edge_contract.package.calibration import Calibration
from edge_contract.stats import BINS, ProbabilitiesSpec

__all__ = ["Curves", "calibrated", "recalibrated"]

_WEIGHT: Final = 8.0
"""So many labelled rows a bin's prior counts for."""

_NEWTON_STEPS: Final = 30
_RIDGE: Final = 1.0


@dataclass(frozen=True, slots=True)
class Curves:
    """How often predictions are right.

    Attributes:
        right: Per class and bin, the share of such predictions that is right.
        labels: Per bin, labelled rows behind it, all classes and the prior's weight together.
        calibrated: Whether there were labels at all; if not, the model is believed.
    """

    right: tuple[tuple[float, ...], ...]
    labels: tuple[float, ...]
    calibrated: bool

    def variance(self, shares: Sequence[Sequence[float]]) -> float:
        """Return what chance in the labels adds to the variance of an accuracy.

        Args:
            shares: Per class and bin, the weight that the accuracy gives to ``right``; below 0
                where one accuracy is taken from another.
        """
        if not self.calibrated:
            return 0.0
        total = 0.0
        for index, labels in enumerate(self.labels):
            weights = [bins[index] for bins in shares]
            size = sum(map(abs, weights))
            if size:
                rights = (curve[index] for curve in self.right)
                p = sum(abs(w) * right for w, right in zip(weights, rights, strict=True)) / size
                total += sum(weights) ** 2 * p * (1 - p) / labels
        return total


@lru_cache(maxsize=64)
def calibrated(spec: ProbabilitiesSpec, calibration: Calibration) -> Curves:
    """Return the curves of a package.

    A bin with few labels leans on the same bin of all classes with the same range of
    probabilities, and that one on the model's own probability, bent by a straight line in the
    log-odds that fits all labels there are (Platt). Each curve rises with the bin (isotonic), as in
    the method that calibrates row by row.
    """
    own = [[spec.middle_of(k, b) for b in range(BINS)] for k in range(len(spec.lows))]
    if not calibration or len(calibration.rows) != len(own):
        return Curves(tuple(map(tuple, own)), (1.0,) * BINS, calibrated=False)
    pooled: dict[float, list[float]] = {}
    for low, probabilities in zip(spec.lows, own, strict=True):
        if low not in pooled:
            alike = [k for k, other in enumerate(spec.lows) if other == low]
            rows = _columns([calibration.rows[k] for k in alike])
            correct = _columns([calibration.correct[k] for k in alike])
            prior = recalibrated(probabilities, rows, correct)
            pooled[low] = _shrunk(rows, correct, prior)
    right = [
        tuple(_shrunk(calibration.rows[k], calibration.correct[k], pooled[low]))
        for k, low in enumerate(spec.lows)
    ]
    labels = tuple(rows + _WEIGHT for rows in _columns(calibration.rows))
    return Curves(tuple(right), labels, calibrated=True)


def recalibrated(
    probabilities: Sequence[float], rows: Sequence[int], correct: Sequence[int]
) -> list[float]:
    """Return probabilities bent by ``a + b * log-odds`` so that they fit labels best.

    A ridge holds ``a`` near 0 and ``b`` near 1: without labels the result is what came in.
    """
    odds = [_logit(p) for p in probabilities]
    a, b = 0.0, 1.0
    for _ in range(_NEWTON_STEPS):
        slope_a, slope_b = -_RIDGE * a, -_RIDGE * (b - 1.0)
        bend_aa, bend_ab, bend_bb = _RIDGE, 0.0, _RIDGE
        for x, n, hits in zip(odds, rows, correct, strict=True):
            if n:
                p = _logistic(a + b * x)
                weight = n * p * (1 - p)
                slope_a += hits - n * p
                slope_b += (hits - n * p) * x
                bend_aa += weight
                bend_ab += weight * x
                bend_bb += weight * x * x
        scale = bend_aa * bend_bb - bend_ab * bend_ab
        step_a = (bend_bb * slope_a - bend_ab * slope_b) / scale
        step_b = (bend_aa * slope_b - bend_ab * slope_a) / scale
        length = max(abs(step_a), abs(step_b), 1.0)  # short steps far from the optimum
        a, b = a + step_a / length, b + step_b / length
    return [_logistic(a + b * x) for x in odds]


def _shrunk(rows: Sequence[int], correct: Sequence[int], prior: Sequence[float]) -> list[float]:
    weights = [count + _WEIGHT for count in rows]
    means = [
        (right + _WEIGHT * belief) / weight
        for right, belief, weight in zip(correct, prior, weights, strict=True)
    ]
    return isotonic(means, weights)


def _columns(tables: Sequence[Sequence[int]]) -> list[int]:
    return [sum(column) for column in zip(*tables, strict=True)]


def _logit(p: float) -> float:
    p = min(max(p, 1e-4), 1.0 - 1e-4)
    return math.log(p / (1.0 - p))


def _logistic(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-min(max(x, -40.0), 40.0)))
