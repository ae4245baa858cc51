"""Expected metrics of one class against all others, from cells of its probability, with errors.

Cells are rows alike in what the model said of the class. Of each the share is known that is
expected to be of the class (:mod:`cloud_sync.core.analysis.calibration`); true and false, positive
and negative predictions are sums of it. Errors are propagated to first order (the delta method):
the chance of which rows came, from the spread of the shares, and the chance of the labels behind
each share.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Final, NamedTuple, Self

from edge_contract.reading import JsonObject, JsonValue

__all__ = ["Cell", "ClassEstimate", "Expected", "class_estimate", "mean_of"]

_BISECTIONS: Final = 30
_MOST_LOG_ODDS: Final = 30.0


class Cell(NamedTuple):
    """Rows alike in what the model said of a class.

    Attributes:
        rows: How many.
        share: Which part of them is expected to be of the class.
        labels: How many labelled rows say so; infinite where nothing but the model does.
        is_predicted: Whether the model predicted the class.
    """

    rows: float
    share: float
    labels: float
    is_predicted: bool


@dataclass(frozen=True, slots=True)
class Expected:
    """An estimated metric with its standard errors.

    Attributes:
        value: The metric.
        chance_error: By the chance of which rows came.
        calibration_error: By the chance of the labels behind the calibration; no number of rows
            makes it smaller.
    """

    value: float
    chance_error: float = 0.0
    calibration_error: float = 0.0

    @property
    def standard_error(self) -> float:
        """Both kinds together."""
        return math.hypot(self.chance_error, self.calibration_error)


@dataclass(frozen=True, slots=True)
class ClassEstimate:
    """Estimated quality of one class; ratios are 0 where they have no meaning.

    Attributes:
        predicted: Rows in which it was predicted.
        expected: Rows in which it is expected to be true.
        precision: Of the rows in which it was predicted, the share that is right.
        recall: Of the rows in which it is true, the share in which it was predicted.
        f1: Harmonic mean of both.
        roc_auc: How often a row of this class has a higher probability of it than another row;
            ``None`` where that cannot be said.
    """

    predicted: float
    expected: float
    precision: Expected
    recall: Expected
    f1: Expected
    roc_auc: Expected | None = None

    @property
    def comes_up(self) -> bool:
        """Whether it was predicted, or is expected at least half a time."""
        return self.predicted > 0 or self.expected >= 0.5

    def inflated(self, factor: float) -> Self:
        """Return the same with errors by chance ``factor`` times as large."""
        auc = self.roc_auc
        return replace(
            self,
            precision=_inflated(self.precision, factor),
            recall=_inflated(self.recall, factor),
            f1=_inflated(self.f1, factor),
            roc_auc=None if auc is None else _inflated(auc, factor),
        )

    def to_json(self) -> JsonObject:
        """Return the metrics for people and programs."""
        metrics = {"precision": self.precision, "recall": self.recall, "f1": self.f1}
        if self.roc_auc is not None:
            metrics["roc_auc"] = self.roc_auc
        values: dict[str, JsonValue] = {name: found.value for name, found in metrics.items()}
        return {
            "predicted": self.predicted,
            "expected": self.expected,
            **values,
            "standard_errors": {name: found.standard_error for name, found in metrics.items()},
        }


def class_estimate(
    cells: Sequence[Cell],
    *,
    right: float | None = None,
    missed: float | None = None,
    with_area: bool = True,
) -> ClassEstimate:
    """Return the metrics of one class.

    Args:
        cells: In rising order of the probability of the class.
        right: Rows expected to be of the class among those in which it was predicted, if that is
            known better than the cells tell it: their shares are bent to agree.
        missed: The same among the other rows.
        with_area: Whether the order of the cells means something.
    """
    cells = _bent(_bent(cells, right, is_predicted=True), missed, is_predicted=False)
    predicted = sum(cell.rows for cell in cells if cell.is_predicted)
    hits = sum(cell.rows * cell.share for cell in cells if cell.is_predicted)
    expected = sum(cell.rows * cell.share for cell in cells)
    both = predicted + expected
    precision = hits / predicted if predicted else 0.0
    recall = hits / expected if expected else 0.0
    f1 = 2 * hits / both if both else 0.0
    return ClassEstimate(
        predicted=predicted,
        expected=expected,
        # What one row adds to the error of each metric: slopes and levels of its share.
        precision=_expected(
            precision, cells, lambda cell: (1.0, -precision) if cell.is_predicted else (0.0, 0.0)
        ).over(predicted),
        recall=_expected(recall, cells, lambda cell: (float(cell.is_predicted) - recall, 0.0)).over(
            expected
        ),
        f1=_expected(
            f1,
            cells,
            lambda cell: (2.0 - f1, -f1) if cell.is_predicted else (-f1, 0.0),
        ).over(both),
        roc_auc=_area(cells) if with_area else None,
    )


def mean_of(metrics: Sequence[Expected]) -> Expected:
    """Return the mean of metrics of different classes, taking their errors as independent."""
    size = len(metrics)
    return Expected(
        sum(metric.value for metric in metrics) / size,
        math.hypot(*(metric.chance_error for metric in metrics)) / size,
        math.hypot(*(metric.calibration_error for metric in metrics)) / size,
    )


class _Sums(NamedTuple):
    """A metric, and the roots of the sums of what rows and labels add to its variance."""

    value: float
    chance: float
    calibration: float

    def over(self, size: float) -> Expected:
        """Return the metric, whose divisor is ``size``."""
        if not size:
            return Expected(self.value)
        return Expected(self.value, self.chance / size, self.calibration / size)


def _expected(
    value: float, cells: Sequence[Cell], line: Callable[[Cell], tuple[float, float]]
) -> _Sums:
    """Return the metric and its errors.

    Args:
        value: The metric.
        cells: All cells.
        line: What a row of a cell adds to the metric's error, times its divisor: slope and level
            of a line in the row's share.
    """
    chance = calibration = 0.0
    for cell in cells:
        slope, level = line(cell)
        chance += cell.rows * (slope * cell.share + level) ** 2
        calibration += _label_variance(cell) * (slope * cell.rows) ** 2
    return _Sums(value, math.sqrt(chance), math.sqrt(calibration))


def _area(cells: Sequence[Cell]) -> Expected | None:
    """Return the expected area under the ROC curve; ``None`` if one kind of row is never expected.

    Its error by chance is that of Hanley and McNeil (1982) for as many rows of both kinds.
    """
    positives = sum(cell.rows * cell.share for cell in cells)
    negatives = sum(cell.rows * (1 - cell.share) for cell in cells)
    if positives <= 0 or negatives <= 0:
        return None
    below = [0.0, *accumulate(cell.rows * (1 - cell.share) for cell in cells)]
    above = [0.0, *accumulate(cell.rows * cell.share for cell in reversed(cells))][-2::-1]
    area = 0.0
    for place, (cell, lower) in enumerate(zip(cells, below, strict=False)):
        area += cell.rows * cell.share * (lower + cell.rows * (1 - cell.share) / 2)
        area += cell.rows * cell.rows * _rise(cells, place) / 12
    area /= positives * negatives
    calibration = 0.0
    for place, (cell, lower, higher) in enumerate(zip(cells, below, above, strict=False)):
        of_negatives = (lower + cell.rows * (1 - cell.share) / 2) / negatives
        of_positives = (higher + cell.rows * cell.share / 2) / positives
        slope = (of_negatives - area) / positives - (of_positives - area) / negatives
        within = _change_of_rises(cells, place) / (12 * positives * negatives)
        calibration += _label_variance(cell) * (slope * cell.rows + within) ** 2
    spread = area * (1 - area)
    spread += max(positives - 1, 0.0) * (area / (2 - area) - area**2)
    spread += max(negatives - 1, 0.0) * (2 * area**2 / (1 + area) - area**2)
    chance = math.sqrt(max(spread, 0.0) / (positives * negatives))
    return Expected(area, min(chance, 0.5), math.sqrt(calibration))


def _rise(cells: Sequence[Cell], place: int) -> float:
    """Return by how much the share rises within a cell, as its neighbours let one expect.

    Of two rows in one cell the one with the higher probability is the likelier to be of the class,
    so they are no tie: where the share rises evenly by ``r`` over a cell, the pairs in it that are
    in order exceed half of them by ``r / 12`` of the square of its rows.
    """
    share = cells[place].share
    before = cells[place - 1].share if place else share  # at the ends shares rise less
    after = cells[place + 1].share if place + 1 < len(cells) else share
    return min(max((after - before) / 2, 0.0), 2 * share, 2 * (1 - share))


def _change_of_rises(cells: Sequence[Cell], place: int) -> float:
    """Return how the rises, each times the square of its rows, change with one cell's share."""
    last = len(cells) - 1
    if not last:
        return 0.0
    own = cells[place].rows ** 2
    raised = cells[place - 1].rows ** 2 if place else -own
    lowered = cells[place + 1].rows ** 2 if place < last else -own
    return (raised - lowered) / 2


def _label_variance(cell: Cell) -> float:
    return cell.share * (1 - cell.share) / cell.labels


def _inflated(metric: Expected, factor: float) -> Expected:
    return replace(metric, chance_error=metric.chance_error * factor)


def _bent(cells: Sequence[Cell], total: float | None, *, is_predicted: bool) -> list[Cell]:
    """Return the cells with shares of one side moved in log-odds until they add up to ``total``."""
    side = [cell for cell in cells if cell.is_predicted is is_predicted and 0 < cell.share < 1]
    fixed = sum(
        cell.rows for cell in cells if cell.is_predicted is is_predicted and cell.share >= 1
    )
    wanted = 0.0 if total is None else total - fixed
    if total is None or not 0 < wanted < sum(cell.rows for cell in side):
        return list(cells)
    low, high = -_MOST_LOG_ODDS, _MOST_LOG_ODDS
    for _ in range(_BISECTIONS):
        shift = (low + high) / 2
        if sum(cell.rows * _moved(cell.share, shift) for cell in side) < wanted:
            low = shift
        else:
            high = shift
    return [
        cell._replace(share=_moved(cell.share, (low + high) / 2))
        if cell.is_predicted is is_predicted and 0 < cell.share < 1
        else cell
        for cell in cells
    ]


def _moved(share: float, shift: float) -> float:
    odds = share / (1 - share) * math.exp(shift)
    return odds / (1 + odds)
