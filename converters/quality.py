"""Measures the converted model on the rows and labels that the author gave."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from converters.base import Tensors
from converters.differences import class_indices
from converters.labels import as_labels, tell_of_classes
from converters.observed import predicted
from edge_contract.errors import UsageError
from edge_contract.package import Manifest, OutputRole, Task
from edge_contract.reading import JsonObject, JsonValue

__all__ = ["Truth", "quality", "truth_of"]

_MAX_CLASSES_LISTED: Final = 20


@dataclass(frozen=True, slots=True)
class Truth:
    """The labels of the caller's rows, in the form that the task has.

    Attributes:
        classes: Of a classifier, index of every row's true class, -1 if the model has no such
            class; ``None`` for other tasks.
        values: Of a regression, the true numbers; ``None`` for other tasks.
    """

    classes: NDArray[np.int64] | None = None
    values: NDArray[np.float64] | None = None

    def taken(self, rows: NDArray[np.int64]) -> "Truth":
        """Return the labels of some of the rows."""
        return Truth(
            classes=None if self.classes is None else self.classes[rows],
            values=None if self.values is None else self.values[rows],
        )


def truth_of(labels: object, *, manifest: Manifest) -> Truth:
    """Return labels as given by the caller, in the form that the model's task has.

    Raises:
        UsageError: They are of another kind than what the model predicts.
    """
    if labels is None or manifest.task is Task.OTHER:
        return Truth()
    array = as_labels(labels)
    if manifest.task is Task.REGRESSION:
        try:
            return Truth(values=array.astype(np.float64))
        except ValueError as error:
            raise UsageError(
                f"y must be numbers, because the model predicts one: {error}"
            ) from error
    places = {label: index for index, label in enumerate(manifest.classes)}
    classes = class_indices(array, places)
    if (classes < 0).all():
        raise UsageError(
            f"no label in y is a class of the model: y holds {array[:1].tolist()}, "
            f"the classes are {list(manifest.classes[:5])}"
        )
    tell_of_classes(array, classes, manifest.classes)
    return Truth(classes=classes)


def quality(
    manifest: Manifest, outputs: Tensors, truth: Truth, *, ranked: bool = True
) -> JsonObject:
    """Return metrics by name; empty without labels.

    Of a classifier: accuracy, and precision, recall and F1, of two classes those of the second one,
    of more the means over the classes that occur; the means of two classes as ``macro``; the same
    per class if there are at most 20; ROC-AUC, of more than two classes the mean of each against
    all others. Of a regression: mean absolute error, root mean squared error, R2. A metric that is
    not defined is left out. So is ROC-AUC, which is slow with many classes, unless ``ranked``.
    """
    if truth.values is not None:
        _, found = predicted(manifest, outputs, len(truth.values))
        return _finite(_regression(truth.values, found.astype(np.float64)))
    if truth.classes is None:
        return {}
    guesses, _ = predicted(manifest, outputs, len(truth.classes))
    classes = np.nan_to_num(guesses, nan=-1.0).astype(np.int64)
    given = manifest.output(OutputRole.PROBABILITIES)
    found_metrics = _classification(truth.classes, classes, manifest.classes)
    if given is not None and ranked:
        scores = outputs[given.name].astype(np.float64)
        found_metrics = {**found_metrics, "roc_auc": _mean_roc_auc(truth.classes, scores)}
    return _finite(found_metrics)


def _classification(
    truths: NDArray[np.int64], guesses: NDArray[np.int64], names: Sequence[str | int]
) -> dict[str, JsonValue]:
    occurring = [k for k in range(len(names)) if (truths == k).any() or (guesses == k).any()]
    by_class = {k: _one_class(truths == k, guesses == k) for k in occurring}
    metrics: dict[str, JsonValue] = {"accuracy": float((truths == guesses).mean())}
    ratios = ("precision", "recall", "f1")
    macro = {
        name: float(np.mean([scores[name] for scores in by_class.values()])) for name in ratios
    }
    if len(names) == 2:
        second = _one_class(truths == 1, guesses == 1)
        metrics |= {**{name: second[name] for name in ratios}, "macro": macro}
    else:
        metrics |= macro
    if len(names) <= _MAX_CLASSES_LISTED:
        metrics["per_class"] = {str(names[k]): scores for k, scores in by_class.items()}
    return metrics


def _one_class(truths: NDArray[np.bool_], guesses: NDArray[np.bool_]) -> dict[str, float]:
    """Return the metrics of one class against all others; 0 where there is nothing to divide."""
    hits = float((truths & guesses).sum())
    precision = hits / max(float(guesses.sum()), 1.0)
    recall = hits / max(float(truths.sum()), 1.0)
    f1 = 2 * hits / max(float(guesses.sum() + truths.sum()), 1.0)
    return {"precision": precision, "recall": recall, "f1": f1, "rows": int(truths.sum())}


def _mean_roc_auc(truths: NDArray[np.int64], scores: NDArray[np.float64]) -> float:
    """Return the area of the second of two classes, or the mean over all that have one."""
    classes = [1] if scores.shape[1] == 2 else range(scores.shape[1])
    areas = [_roc_auc(truths, scores[:, k], k) for k in classes]
    defined = [area for area in areas if math.isfinite(area)]
    return float(np.mean(defined)) if defined else math.nan


def _roc_auc(truths: NDArray[np.int64], scores: NDArray[np.float64], k: int) -> float:
    """Return how often a row of class ``k`` has a higher score than another row."""
    known = truths >= 0
    positive = truths[known] == k
    _, places, counts = np.unique(scores[known], return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    hits, misses = int(positive.sum()), int((~positive).sum())
    if not hits or not misses:
        return math.nan
    return float((ranks[positive].sum() - hits * (hits + 1) / 2) / (hits * misses))


def _regression(truths: NDArray[np.float64], found: NDArray[np.float64]) -> dict[str, JsonValue]:
    errors = found - truths
    spread = float(((truths - truths.mean()) ** 2).sum())
    return {
        "mae": float(np.abs(errors).mean()),
        "rmse": float(np.sqrt((errors**2).mean())),
        "r2": 1.0 - float((errors**2).sum()) / spread if spread else math.nan,
    }


def _finite(metrics: dict[str, JsonValue]) -> JsonObject:
    return {
        name: value
        for name, value in metrics.items()
        if not (isinstance(value, float) and not math.isfinite(value))
    }
