"""What a predicted probability is worth, from the labels in a package's reference."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from edge_contract.package.calibration import Calibration
from edge_contract.package.curves import recalibrated, shrunk
from edge_contract.stats import BINS, ProbabilitiesSpec

__all__ = ["TRUSTED_ROWS", "Curves", "calibrated"]

TRUSTED_ROWS: Final = 8.0
"""So many labelled rows the curve through the other bins is worth, where errors are told."""


@dataclass(frozen=True, slots=True)
class Curves:
    """How often predictions are right.

    Attributes:
        right: Per class and bin, the share of such predictions that is right.
        labels: Per bin, labelled rows behind it, of all classes, and :data:`TRUSTED_ROWS`.
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
    probabilities, and that one on the model's own probability; both are bent by a straight line in
    the log-odds that fits all labels there are (Platt). Each curve rises with the bin (isotonic),
    as in the method that calibrates row by row.
    """
    own = [[spec.middle_of(k, b) for b in range(BINS)] for k in range(len(spec.lows))]
    if not calibration or len(calibration.rows) != len(own):
        return Curves(tuple(map(tuple, own)), (1.0,) * BINS, calibrated=False)
    pooled: dict[float, list[float]] = {}
    for low, probabilities in zip(spec.lows, own, strict=True):
        if low not in pooled:
            alike = [k for k, other in enumerate(spec.lows) if other == low]
            rows_alike = _columns([calibration.rows[k] for k in alike])
            right_alike = _columns([calibration.correct[k] for k in alike])
            prior = recalibrated(probabilities, rows_alike, right_alike)
            pooled[low] = shrunk(rows_alike, right_alike, prior)
    right: list[tuple[float, ...]] = []
    for low, rows, correct in zip(spec.lows, calibration.rows, calibration.correct, strict=True):
        prior = recalibrated(pooled[low], rows, correct)
        right.append(tuple(shrunk(rows, correct, prior)))
    labels = tuple(rows + TRUSTED_ROWS for rows in _columns(calibration.rows))
    return Curves(tuple(right), labels, calibrated=True)


def _columns(tables: Sequence[Sequence[float]]) -> list[float]:
    return [sum(column) for column in zip(*tables, strict=True)]
