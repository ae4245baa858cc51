"""Quality of a classifier measured with labels, from what came true."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from edge_contract.reading import JsonObject, JsonValue
from edge_contract.stats import Labels

__all__ = ["ClassQuality", "Quality", "binomial_deviation", "quality"]

_RATIOS = ("precision", "recall", "f1")


@dataclass(frozen=True, slots=True)
class ClassQuality:
    """Quality of one class; ratios are 0.0 where they have no meaning.

    Attributes:
        truths: Labels that are this class.
        predicted: Predictions of it.
        precision: Of the predictions of it, the share that was right.
        recall: Of its labels, the share that was predicted.
        f1: Harmonic mean of both.
        standard_errors: Of the three, by the chance of which rows came.
    """

    truths: int
    predicted: int
    precision: float
    recall: float
    f1: float
    standard_errors: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> JsonObject:
        """Return the metrics for people and programs."""
        return {
            "truths": self.truths,
            "predicted": self.predicted,
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
            "standard_errors": dict(self.standard_errors),
        }


@dataclass(frozen=True, slots=True)
class Quality:
    """Measured quality of a classifier.

    Attributes:
        rows: Labels that are classes of the model.
        unknown: Labels or predictions that are not.
        accuracy: Share of right predictions; of all classes together (micro), precision, recall and
            F1 are the same number.
        classes: By index of the class.
        precision: Of two classes that of the second one; else the mean over the classes that came
            up (macro).
        recall: The same.
        f1: The same.
        macro: The means, of two classes as well.
        standard_errors: Of accuracy, precision, recall and F1, by the chance of which rows came.
        calibration_error: Mean gap between probability and share of right ones over 16 bins of
            the probability (ECE; Naeini, Cooper, Hauskrecht, AAAI 2015); ``None`` without
            probabilities.
        calibration_floor: What that is expected to be by chance alone, with as many labels in each
            bin, of a model whose probabilities are right.
    """

    rows: int
    unknown: int
    accuracy: float
    classes: tuple[ClassQuality, ...]
    precision: float
    recall: float
    f1: float
    macro: Mapping[str, float]
    standard_errors: Mapping[str, float]
    calibration_error: float | None
    calibration_floor: float

    @property
    def excess_calibration_error(self) -> float | None:
        """Calibration error above its floor: what is left when chance is taken off; at least 0."""
        if self.calibration_error is None:
            return None
        return max(self.calibration_error - self.calibration_floor, 0.0)

    def to_json(self) -> JsonObject:
        """Return the metrics for people and programs."""
        result: dict[str, JsonValue] = {
            "accuracy": self.accuracy,
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
            "standard_errors": dict(self.standard_errors),
            "macro": dict(self.macro),
            "micro": dict.fromkeys(_RATIOS, self.accuracy),
            "rows": self.rows,
            "unknown": self.unknown,
            "per_class": [found.to_json() for found in self.classes],
        }
        if self.calibration_error is not None:
            result["calibration_error"] = self.calibration_error
            result["calibration_error_floor"] = self.calibration_floor
            result["calibration_error_excess"] = self.excess_calibration_error
        return result


def quality(labels: Labels, *, variance_inflation: float = 1.0) -> Quality | None:
    """Return the quality, or ``None`` if no label is a class of the model.

    Args:
        labels: What came true.
        variance_inflation: Of the package's reference; standard errors grow by its root.
    """
    rows = labels.count - labels.unknown
    if not rows:
        return None
    factor = math.sqrt(variance_inflation)
    classes = _classes(labels, factor)
    seen = [found for found in classes if found.predicted or found.truths]
    macro = {name: sum(_ratio_of(c, name) for c in seen) / len(seen) for name in _RATIOS}
    errors = {
        name: math.hypot(*(c.standard_errors[name] for c in seen)) / len(seen) for name in _RATIOS
    }
    headline: Mapping[str, float] = macro
    if len(classes) == 2:
        headline = {name: _ratio_of(classes[1], name) for name in _RATIOS}
        errors = dict(classes[1].standard_errors)
    accuracy = labels.correct / rows
    return Quality(
        rows=rows,
        unknown=labels.unknown,
        accuracy=accuracy,
        classes=classes,
        precision=headline["precision"],
        recall=headline["recall"],
        f1=headline["f1"],
        macro=macro,
        standard_errors={"accuracy": factor * _deviation(accuracy, rows), **errors},
        calibration_error=_calibration_error(labels),
        calibration_floor=_calibration_floor(labels),
    )


def binomial_deviation(rows: int, probability: float) -> float:
    """Return how far the number of hits in ``rows`` trials is from its mean, on average.

    De Moivre's closed form of the mean absolute deviation of a binomial distribution (Diaconis and
    Zabell, "Closed form summation for classical distributions", Statistical Science 1991).
    """
    if not 0 < probability < 1 or not rows:
        return 0.0
    least = math.floor(rows * probability) + 1
    if least > rows:
        return 2 * rows * (1 - probability) * probability**rows
    log_term = (
        math.lgamma(rows + 1)
        - math.lgamma(least + 1)
        - math.lgamma(rows - least + 1)
        + least * math.log(probability)
        + (rows - least + 1) * math.log1p(-probability)
    )
    return 2 * least * math.exp(log_term)


def _classes(labels: Labels, factor: float) -> tuple[ClassQuality, ...]:
    size = labels.spec.classes
    predicted, truths, hits = [0] * size, [0] * size, [0] * size
    for key, count in labels.confusion.items():
        guess, truth = divmod(key, size)
        predicted[guess] += count
        truths[truth] += count
        if guess == truth:
            hits[guess] += count
    return tuple(_one_class(predicted[k], truths[k], hits[k], factor=factor) for k in range(size))


def _one_class(predicted: int, truths: int, hits: int, *, factor: float) -> ClassQuality:
    precision, recall = _ratio(hits, predicted), _ratio(hits, truths)
    either = predicted + truths - hits
    overlap = _ratio(hits, either)  # F1 is 2 * overlap / (1 + overlap)
    f1_slope = 2.0 / (1.0 + overlap) ** 2
    return ClassQuality(
        truths=truths,
        predicted=predicted,
        precision=precision,
        recall=recall,
        f1=_ratio(2 * hits, predicted + truths),
        standard_errors={
            "precision": factor * _deviation(precision, predicted),
            "recall": factor * _deviation(recall, truths),
            "f1": factor * f1_slope * _deviation(overlap, either),
        },
    )


def _calibration_error(labels: Labels) -> float | None:
    total = sum(found.count for found in labels.calibration.values())
    if not total:
        return None
    gaps = (abs(found.probability_sum - found.correct) for found in labels.calibration.values())
    return sum(gaps) / total


def _calibration_floor(labels: Labels) -> float:
    """Return the expected calibration error if every bin's mean probability were true.

    That calibration errors are biased upwards in this way is shown in Roelofs and others,
    "Mitigating bias in calibration error estimation" (AISTATS 2022).
    """
    bins: Sequence[tuple[int, float]] = [
        (found.count, found.probability_sum / found.count)
        for found in labels.calibration.values()
        if found.count
    ]
    total = sum(count for count, _ in bins)
    return sum(binomial_deviation(count, p) for count, p in bins) / total if total else 0.0


def _ratio_of(found: ClassQuality, name: str) -> float:
    return {"precision": found.precision, "recall": found.recall, "f1": found.f1}[name]


def _deviation(rate: float, rows: int) -> float:
    """Return the standard error of a rate."""
    return math.sqrt(max(rate * (1 - rate), 0.0) / rows) if rows else 0.0


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
