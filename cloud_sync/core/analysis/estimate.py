"""Quality without labels, estimated from how sure a classifier was, or where a regression errs.

Confidence-based performance estimation (CBPE, as NannyML describes it): a prediction that was made
with probability 0.8 is right in about as many cases as held-out predictions with probability 0.8
were. Histograms of the predicted probabilities and the reference's calibration are enough for that;
no row and no label is needed.

It assumes that a probability means now what it meant on the held-out rows. Where the truth itself
has changed (concept drift) it sees nothing; every report of it says so.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from cloud_sync.core.analysis.calibration import Curves, calibrated
from cloud_sync.core.analysis.class_cells import class_estimates
from cloud_sync.core.analysis.class_estimate import ClassEstimate, Expected, mean_of
from cloud_sync.core.analysis.error_estimate import ErrorEstimate, error_estimate
from cloud_sync.core.facts import PackageFacts
from edge_contract.package.reference import PREDICTION
from edge_contract.reading import JsonObject, JsonValue
from edge_contract.stats import (
    BINS,
    ClassProbabilities,
    ClassProbabilitiesSpec,
    Probabilities,
    ProbabilitiesSpec,
    Profile,
)

__all__ = ["NOTE", "Estimate", "calibration_error", "estimate", "estimated_accuracy"]

NOTE: Final = (
    "estimated from the model's own probabilities, without labels: "
    "it cannot see that what is true has changed (concept drift)"
)


@dataclass(frozen=True, slots=True)
class Estimate:
    """Estimated quality of a classifier on the rows of some windows.

    Attributes:
        rows: Predictions it rests on.
        accuracy: Share of right predictions, 0 to 1; of all classes together (micro), precision,
            recall and F1 are the same number.
        precision: Of two classes that of the second one; else the mean over the classes (macro).
        recall: The same.
        f1: The same.
        roc_auc: The same, each class against all others; ``None`` when none can be expected.
        chance_error: Standard error of the accuracy by the chance of the live rows, times the root
            of the reference's variance inflation.
        calibration_error: The same by the chance of the labels behind the calibration; no number
            of rows makes it smaller.
        calibrated: Whether there were labels to calibrate with; if not, the model is believed.
        standard_errors: Of all metrics, both kinds together.
        macro: Means over the classes that come up.
        classes: By index of the class.
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
    standard_errors: Mapping[str, float] = field(default_factory=dict)
    macro: Mapping[str, Expected] = field(default_factory=dict)
    classes: tuple[ClassEstimate, ...] = ()

    @property
    def standard_error(self) -> float:
        """Of the accuracy, both kinds together."""
        return math.hypot(self.chance_error, self.calibration_error)

    def to_json(self) -> JsonObject:
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
            "standard_errors": dict(self.standard_errors),
            "macro": {name: found.value for name, found in self.macro.items()},
            "micro": dict.fromkeys(("precision", "recall", "f1"), self.accuracy),
            "per_class": [found.to_json() for found in self.classes],
            "rows": self.rows,
            "calibrated": self.calibrated,
            "note": NOTE,
        }


def estimate(package: PackageFacts, live: Profile) -> Estimate | ErrorEstimate | None:
    """Return the estimated quality, or ``None`` where there is nothing to estimate it from.

    Of a classifier that is its probabilities, of a regression what the package knows of where its
    errors are large.

    Args:
        package: Whose predictions they are.
        live: Of the primary or the shadow role.
    """
    errors = package.reference.calibration.errors
    if errors is not None:
        tau = package.reference.variance_inflation
        return error_estimate(errors, live, variance_inflation=tau)
    statistic = live.find(PREDICTION, ProbabilitiesSpec.kind)
    if not isinstance(statistic, Probabilities):
        return None
    counts = _dense(statistic)
    rows = sum(map(sum, counts))
    if not rows:
        return None
    tau = package.reference.variance_inflation
    every = live.find(PREDICTION, ClassProbabilitiesSpec.kind)
    classes = [
        found.inflated(math.sqrt(tau))
        for found in class_estimates(
            statistic.spec,
            counts,
            package.reference.calibration,
            every if isinstance(every, ClassProbabilities) else None,
        )
    ]
    return _estimate(package, statistic.spec, counts, classes)


def estimated_accuracy(package: PackageFacts, live: Profile) -> tuple[float, float, int] | None:
    """Return accuracy, its standard error by the chance of the live rows, and their number.

    What :func:`estimate` gives, without what takes it most of its time. ``None`` where there is
    nothing to estimate from, or the package predicts no class.
    """
    statistic = live.find(PREDICTION, ProbabilitiesSpec.kind)
    if live.find(PREDICTION, ClassProbabilitiesSpec.kind) is not None:
        found = estimate(package, live)
        if not isinstance(found, Estimate):
            return None
        return found.accuracy, found.chance_error, found.rows
    if not isinstance(statistic, Probabilities):
        return None
    counts = _dense(statistic)
    rows = sum(map(sum, counts))
    if not rows:
        return None
    mean, chance = _accuracy(
        package, calibrated(statistic.spec, package.reference.calibration), counts
    )
    return mean, math.sqrt(chance), rows


def _accuracy(
    package: PackageFacts, curves: Curves, counts: Sequence[Sequence[int]]
) -> tuple[float, float]:
    """Return the mean of what predictions are worth, and its variance by the chance of the rows."""
    rows = sum(map(sum, counts))
    squares = sum(_dot_squares(bins, c) for bins, c in zip(counts, curves.right, strict=True))
    mean = sum(_dot(bins, c) for bins, c in zip(counts, curves.right, strict=True)) / rows
    spread = max(squares / rows - mean * mean, 0.0)
    return mean, spread * package.reference.variance_inflation / rows


def _estimate(
    package: PackageFacts,
    spec: ProbabilitiesSpec,
    counts: Sequence[Sequence[int]],
    classes: Sequence[ClassEstimate],
) -> Estimate:
    rows = sum(map(sum, counts))
    curves = calibrated(spec, package.reference.calibration)
    hits = sum(found.predicted * found.precision.value for found in classes)
    accuracy = hits / rows
    _, chance = _accuracy(package, curves, counts)
    fixed = curves.variance(_shares(counts, rows))
    macro = _macro(classes)
    headline = _headline(classes) if len(classes) == 2 else macro
    return Estimate(
        rows=rows,
        accuracy=accuracy,
        precision=headline["precision"].value,
        recall=headline["recall"].value,
        f1=headline["f1"].value,
        roc_auc=headline["roc_auc"].value if "roc_auc" in headline else None,
        chance_error=math.sqrt(chance),
        calibration_error=math.sqrt(fixed),
        calibrated=curves.calibrated,
        standard_errors={
            "accuracy": math.sqrt(chance + fixed),
            **{name: found.standard_error for name, found in headline.items()},
        },
        macro=macro,
        classes=tuple(classes),
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
            counts = _dense(statistic)
            shares = _shares(counts, max(sum(map(sum, counts)), 1))
            total = total or [[0.0] * BINS for _ in shares]
            for row, mine in zip(total, shares, strict=True):
                row[:] = [a + factor * b for a, b in zip(row, mine, strict=True)]
    if spec is None:
        return 0.0
    return math.sqrt(calibrated(spec, package.reference.calibration).variance(total))


def _headline(classes: Sequence[ClassEstimate]) -> dict[str, Expected]:
    """Return the metrics of the second class."""
    second = classes[1]
    found = {"precision": second.precision, "recall": second.recall, "f1": second.f1}
    return found if second.roc_auc is None else found | {"roc_auc": second.roc_auc}


def _macro(classes: Sequence[ClassEstimate]) -> dict[str, Expected]:
    """Return the means over the classes that come up; the area only over those that have one."""
    some = [found for found in classes if found.comes_up] or list(classes)
    areas = [found.roc_auc for found in classes if found.roc_auc is not None]
    means = {
        "precision": mean_of([found.precision for found in some]),
        "recall": mean_of([found.recall for found in some]),
        "f1": mean_of([found.f1 for found in some]),
    }
    return means | {"roc_auc": mean_of(areas)} if areas else means


def _dense(statistic: Probabilities) -> list[list[int]]:
    tables = (statistic.counts.get(k, {}) for k in range(len(statistic.spec.lows)))
    return [[bins.get(index, 0) for index in range(BINS)] for bins in tables]


def _shares(counts: Sequence[Sequence[int]], rows: int) -> list[list[float]]:
    return [[count / rows for count in bins] for bins in counts]


def _dot(counts: Sequence[int], values: Sequence[float]) -> float:
    return sum(n * value for n, value in zip(counts, values, strict=True) if n)


def _dot_squares(counts: Sequence[int], values: Sequence[float]) -> float:
    return sum(n * value * value for n, value in zip(counts, values, strict=True) if n)
