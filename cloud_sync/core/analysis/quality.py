"""Quality measured with labels, from what came true."""

from dataclasses import dataclass

from edge_contract.reading import JsonObject, JsonValue
from edge_contract.stats import Labels

__all__ = ["ClassQuality", "Quality", "quality"]


@dataclass(frozen=True, slots=True)
class ClassQuality:
    """Quality of one class; ratios are 0.0 where they have no meaning.

    Attributes:
        truths: Labels that are this class.
        precision: Of the predictions of it, the share that was right.
        recall: Of its labels, the share that was predicted.
        f1: Harmonic mean of both.
    """

    truths: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class Quality:
    """Measured quality of a classifier.

    Attributes:
        rows: Labels that are classes of the model.
        unknown: Labels or predictions that are not.
        accuracy: Share of right predictions.
        classes: By index of the class.
        precision: Mean over the classes that came up (macro).
        recall: The same.
        f1: The same.
        calibration_error: Mean gap between probability and share of right ones over 16 bins of
            the probability; ``None`` without probabilities. Above 0 by chance with few rows.
    """

    rows: int
    unknown: int
    accuracy: float
    classes: tuple[ClassQuality, ...]
    precision: float
    recall: float
    f1: float
    calibration_error: float | None

    def to_json(self) -> JsonObject:
        """Return the metrics for people and programs."""
        result: dict[str, JsonValue] = {
            "accuracy": self.accuracy,
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
            "rows": self.rows,
            "unknown": self.unknown,
            "per_class": [
                {"truths": c.truths, "precision": c.precision, "recall": c.recall, "f1": c.f1}
                for c in self.classes
            ],
        }
        if self.calibration_error is not None:
            result["calibration_error"] = self.calibration_error
        return result


def quality(labels: Labels) -> Quality | None:
    """Return the quality, or ``None`` if no label is a class of the model."""
    rows = labels.count - labels.unknown
    if not rows:
        return None
    size = labels.spec.classes
    predicted, truths, hits = [0] * size, [0] * size, [0] * size
    for key, count in labels.confusion.items():
        guess, truth = divmod(key, size)
        predicted[guess] += count
        truths[truth] += count
        if guess == truth:
            hits[guess] += count
    classes = tuple(
        ClassQuality(
            truths=truths[k],
            precision=_ratio(hits[k], predicted[k]),
            recall=_ratio(hits[k], truths[k]),
            f1=_ratio(2 * hits[k], predicted[k] + truths[k]),
        )
        for k in range(size)
    )
    seen = [c for k, c in enumerate(classes) if predicted[k] or truths[k]]
    return Quality(
        rows=rows,
        unknown=labels.unknown,
        accuracy=labels.correct / rows,
        classes=classes,
        precision=sum(c.precision for c in seen) / len(seen),
        recall=sum(c.recall for c in seen) / len(seen),
        f1=sum(c.f1 for c in seen) / len(seen),
        calibration_error=_calibration_error(labels),
    )


def _calibration_error(labels: Labels) -> float | None:
    total = sum(found.count for found in labels.calibration.values())
    if not total:
        return None
    gaps = (abs(found.probability_sum - found.correct) for found in labels.calibration.values())
    return sum(gaps) / total


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
