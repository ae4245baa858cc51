"""Cells of each class's probability, from what devices count and what the labels said."""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from cloud_sync.core.analysis.calibration import TRUSTED_ROWS, calibrated
from cloud_sync.core.analysis.class_estimate import Cell, ClassEstimate, class_estimate
from edge_contract.package.calibration import Calibration
from edge_contract.package.curves import recalibrated, shrunk
from edge_contract.stats import BINS, SHARES, ClassProbabilities, ProbabilitiesSpec
from edge_contract.stats.probabilities import fine_edge

__all__ = ["class_estimates"]

_RIVAL_MIDDLES: Final = tuple(
    (fine_edge(place) + fine_edge(place + 1)) / 2 for place in range(BINS)
)
"""Probabilities in the middle of the bins of rivals."""


def class_estimates(
    spec: ProbabilitiesSpec,
    counts: Sequence[Sequence[int]],
    calibration: Calibration,
    every: ClassProbabilities | None,
) -> list[ClassEstimate]:
    """Return the estimated quality of each class, in the order of the model's classes.

    Args:
        spec: The bins of predicted probabilities.
        counts: ``[classes][bins]``, rows by predicted class and by bin of the probability of that
            class; not all are 0.
        calibration: What the labels of the reference said.
        every: What all probabilities of the rows are worth, where devices count that. Where they do
            not, and there are more than two classes, a wrong prediction is taken to be of another
            class as often as wrong predictions of the reference were.
    """
    classes = range(len(spec.lows))
    own = [_predicted_cells(spec, counts, calibration, k) for k in classes]
    if len(classes) == 2:
        return [class_estimate([*_mirrored(own[1 - k]), *own[k]]) for k in classes]
    if every is not None and every.rows:
        return [
            class_estimate(
                _merged(own[k], _rival_cells(calibration, every.rivals.get(k, {}), k), spec, k),
                right=every.right[k] / SHARES,
                missed=(every.expected[k] - every.right[k]) / SHARES,
            )
            for k in classes
        ]
    return [
        class_estimate([rest, *own[k]], with_area=False)
        for k, rest in enumerate(_rests(own, calibration))
    ]


def _predicted_cells(
    spec: ProbabilitiesSpec,
    counts: Sequence[Sequence[int]],
    calibration: Calibration,
    k: int,
) -> list[Cell]:
    curves = calibrated(spec, calibration)
    labels = calibration.rows[k] if curves.calibrated else None
    return [
        Cell(rows, share, _labels(labels, place), is_predicted=True)
        for place, (rows, share) in enumerate(zip(counts[k], curves.right[k], strict=True))
    ]


def _rival_cells(calibration: Calibration, bins: dict[int, int], k: int) -> list[Cell]:
    labels = calibration.rival_rows[k] if calibration.rival_rows else None
    curve = _rival_curve(calibration, k)
    return [
        Cell(bins.get(place, 0), curve[place], _labels(labels, place), is_predicted=False)
        for place in range(BINS)
    ]


@lru_cache(maxsize=2048)
def _rival_curve(calibration: Calibration, k: int) -> tuple[float, ...]:
    """Return how often a class is true, by its probability, where another one is predicted."""
    if not calibration.rival_rows:
        return _RIVAL_MIDDLES
    rows, true = calibration.rival_rows[k], calibration.rival_true[k]
    return tuple(shrunk(rows, true, recalibrated(_RIVAL_MIDDLES, rows, true)))


def _merged(
    predicted: Sequence[Cell], rivals: Sequence[Cell], spec: ProbabilitiesSpec, k: int
) -> list[Cell]:
    """Return both kinds of cells in rising order of the probability of the class."""
    placed = [(spec.middle_of(k, place), cell) for place, cell in enumerate(predicted)]
    placed += zip(_RIVAL_MIDDLES, rivals, strict=True)
    return [cell for _, cell in sorted(placed, key=lambda item: item[0]) if cell.rows]


def _mirrored(cells: Sequence[Cell]) -> list[Cell]:
    """Return the cells of one of two classes as cells of the other, which was not predicted."""
    return [cell._replace(share=1.0 - cell.share, is_predicted=False) for cell in reversed(cells)]


def _rests(own: Sequence[Sequence[Cell]], calibration: Calibration) -> list[Cell]:
    """Return for each class one cell of all rows in which another one was predicted."""
    wrong = [sum(cell.rows * (1 - cell.share) for cell in cells) for cells in own]
    predicted = [sum(cell.rows for cell in cells) for cells in own]
    rows = sum(predicted)
    missed = [sum(bins) + 1.0 for bins in calibration.rival_true] or [1.0] * len(own)
    weight = sum(missed)
    per_missed = [count / (weight - known) for count, known in zip(wrong, missed, strict=True)]
    rests: list[Cell] = []
    for k in range(len(own)):
        others = rows - predicted[k]
        expected = missed[k] * (sum(per_missed) - per_missed[k])
        labels = sum(calibration.rival_rows[k]) if calibration.rival_rows else math.inf
        share = min(expected / others, 1.0) if others else 0.0
        rests.append(Cell(others, share, labels + TRUSTED_ROWS, is_predicted=False))
    return rests


def _labels(table: Sequence[int] | None, place: int) -> float:
    return math.inf if table is None else table[place] + TRUSTED_ROWS
