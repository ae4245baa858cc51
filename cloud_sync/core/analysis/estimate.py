"""Quality without labels, estimated from how sure the model was.

Confidence-based performance estimation (CBPE, as NannyML describes it): a prediction that was made
with probability 0.8 is right in about as many cases as held-out predictions with probability 0.8
were. The histogram of the predicted probabilities and the reference's calibration are enough for
that; no row and no label is needed.

It assumes that a probability means now what it meant on the held-out rows. Where the truth itself
has changed (concept drift) it sees nothing; every report of it says so.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from cloud_sync.core.analysis.calibration import calibrated
from cloud_sync.core.facts import PackageFacts
from edge_contract.package.reference import PREDICTION
from edge_contract.reading import JsonValue
from edge_contract.stats import BINS, Probabilities, ProbabilitiesSpec, Profile

__all__ = ["NOTE", "Estimate", "calibration_error", "estimate"]

NOTE: Final = (
    "estimated from the model's own probabilities, without labels: "
    "it cannot see that what is true has changed (concept drift)"
)


@dataclass(frozen=True, slots=True)
class Estimate:
    """Estimated quality of a classifier on the rows of some windows.

    Attributes:
        rows: Predictions it rests on.
        accuracy: Share of right predictions, 0 to 1.
        precision: Of two classes that of the second one; else the mean over the classes.
        recall: The same. Of more than two classes it is rough: the histogram does not say which
            class a wrong prediction should have been, so all others are taken to be as likely.
        f1: The same.
        roc_auc: Of two classes; ``None`` for others, or when one class is never expected.
        chance_error: Standard error of the accuracy by the chance of the live rows, times the root
            of the reference's variance inflation.
        calibration_error: The same by the chance of the labels behind the calibration; no number
            of rows makes it smaller.
        calibrated: Whether there were labels to calibrate with; if not, the model is believed.
    """

    rows: int
    accuracy: float
    precision: float
    recall: float
    f1: float
    roc_auc: float | None
    chance_error: float
    calibration_error: float
    calibrated: bool

    @property
    def standard_error(self) -> float:
        """Of the accuracy, both kinds together."""
        return math.hypot(self.chance_error, self.calibration_error)

    def to_json(self) -> dict[str, JsonValue]:
        """Return the metrics for people and programs, with what they cannot say."""
        metrics: dict[str, JsonValue] = {
            "accuracy": self.accuracy,
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
        }
        if self.roc_auc is not None:
            metrics["roc_auc"] = self.roc_auc
        return metrics | {
            "standard_error": self.standard_error,
            "rows": self.rows,
            "calibrated": self.calibrated,
            "note": NOTE,
        }


def estimate(package: PackageFacts, live: Profile) -> Estimate | None:
    """Return the estimated quality, or ``None`` without probabilities or without rows.

    Args:
        package: Whose predictions they are.
        live: Of the primary or the shadow role.
    """
    statistic = live.find(PREDICTION, ProbabilitiesSpec.kind)
    if not isinstance(statistic, Probabilities):
        return None
    counts = [_dense(statistic.counts.get(k, {})) for k in range(len(statistic.spec.lows))]
    rows = sum(map(sum, counts))
    if not rows:
        return None
    curves = calibrated(statistic.spec, package.reference.calibration)
    right = [_dot(bins, curve) for bins, curve in zip(counts, curves.right, strict=True)]
    squares = sum(_dot(bins, _squared(c)) for bins, c in zip(counts, curves.right, strict=True))
    accuracy = sum(right) / rows
    chance = max(squares / rows - accuracy * accuracy, 0.0) / rows
    precision, recall, f1 = _precision_recall_f1([sum(bins) for bins in counts], right)
    return Estimate(
        rows=rows,
        accuracy=accuracy,
        precision=precision,
        recall=recall,
        f1=f1,
        roc_auc=_roc_auc(counts, curves.right) if len(counts) == 2 else None,
        chance_error=math.sqrt(chance * package.reference.variance_inflation),
        calibration_error=math.sqrt(curves.variance(_shares(counts, rows))),
        calibrated=curves.calibrated,
    )


def calibration_error(package: PackageFacts, terms: Sequence[tuple[float, Profile]]) -> float:
    """Return the standard error, by its labels, of a sum of estimated accuracies of one package.

    Estimates of one package share its calibration: in a difference of two of them what is wrong
    with it cancels as far as they rest on the same probabilities.

    Args:
        package: Whose predictions they are.
        terms: Factors, 1 or -1, and the profiles.
    """
    spec: ProbabilitiesSpec | None = None
    total: list[list[float]] = []
    for factor, live in terms:
        statistic = live.find(PREDICTION, ProbabilitiesSpec.kind)
        if isinstance(statistic, Probabilities):
            spec = statistic.spec
            counts = [_dense(statistic.counts.get(k, {})) for k in range(len(spec.lows))]
            shares = _shares(counts, max(sum(map(sum, counts)), 1))
            total = total or [[0.0] * BINS for _ in shares]
            for row, mine in zip(total, shares, strict=True):
                row[:] = [a + factor * b for a, b in zip(row, mine, strict=True)]
    if spec is None:
        return 0.0
    return math.sqrt(calibrated(spec, package.reference.calibration).variance(total))


def _precision_recall_f1(
    predicted: Sequence[int], right: Sequence[float]
) -> tuple[float, float, float]:
    """Return those of the second of two classes, or the means over all classes that come up."""
    others = max(len(predicted) - 1, 1)
    wrong = [count - hits for count, hits in zip(predicted, right, strict=True)]
    wrongs = sum(wrong)
    scores: list[tuple[float, float, float]] = []
    for k, (count, hits) in enumerate(zip(predicted, right, strict=True)):
        missed = (wrongs - wrong[k]) / others
        if count or missed > 0:
            precision = hits / count if count else 0.0
            recall = hits / (hits + missed) if hits + missed > 0 else 0.0
            f1 = 2 * hits / (count + hits + missed) if count + hits + missed > 0 else 0.0
            scores.append((precision, recall, f1))
        elif len(predicted) == 2:
            scores.append((0.0, 0.0, 0.0))
    if len(predicted) == 2:
        return scores[1]
    precisions, recalls, f1s = zip(*scores, strict=True)
    return sum(precisions) / len(scores), sum(recalls) / len(scores), sum(f1s) / len(scores)


def _roc_auc(counts: Sequence[Sequence[int]], curves: Sequence[Sequence[float]]) -> float | None:
    """Return the expected area under the curve of the second class's probability."""
    low = [(n, 1.0 - p) for n, p in zip(reversed(counts[0]), reversed(curves[0]), strict=True)]
    steps = [*low, *zip(counts[1], curves[1], strict=True)]
    positives = sum(n * p for n, p in steps)
    negatives = sum(n * (1 - p) for n, p in steps)
    if positives <= 0 or negatives <= 0:
        return None
    below = [0.0, *accumulate(n * (1 - p) for n, p in steps)]
    area = sum(
        n * p * (before + n * (1 - p) / 2) for (n, p), before in zip(steps, below, strict=False)
    )
    return area / (positives * negatives)


def _dense(bins: dict[int, int]) -> list[int]:
    return [bins.get(index, 0) for index in range(BINS)]


def _shares(counts: Sequence[Sequence[int]], rows: int) -> list[list[float]]:
    return [[count / rows for count in bins] for bins in counts]


def _squared(values: Sequence[float]) -> list[float]:
    return [value * value for value in values]


def _dot(counts: Sequence[int], values: Sequence[float]) -> float:
    return sum(n * value for n, value in zip(counts, values, strict=True) if n)
