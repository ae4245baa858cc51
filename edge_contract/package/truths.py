"""Truths: what came true for a prediction, from how people write it to what statistics count."""

from collections.abc import Mapping
from typing import Final

from edge_contract.errors import UsageError
from edge_contract.package.interface import Task
from edge_contract.package.manifest import Manifest

__all__ = ["class_indices", "class_of", "number_of", "truth_row"]

_LARGEST: Final = 1e308


def class_indices(manifest: Manifest) -> Mapping[str | int, float]:
    """Return the index of each class of a model, as statistics count it."""
    return {label: float(index) for index, label in enumerate(manifest.classes)}


def truth_row(
    manifest: Manifest,
    truth: object,
    *,
    predicted: float,
    score: float,
    known: Mapping[str | int, float],
) -> tuple[float, ...]:
    """Return a row of label statistics, see :mod:`edge_contract.package.observation`.

    Args:
        manifest: Of the model.
        truth: The class as the author wrote it, or the number.
        predicted: Index of the predicted class.
        score: Its probability, or the predicted number.
        known: What :func:`class_indices` gives for the model.

    Raises:
        UsageError: The truth is no class of the model or no number, or the model predicts neither.
    """
    if manifest.task is Task.REGRESSION:
        return (score - number_of(truth, manifest),)
    if manifest.task is Task.OTHER:
        raise UsageError(f"{manifest.reference} predicts neither classes nor a number to label")
    return (predicted, class_of(truth, known, manifest), score)


def class_of(truth: object, known: Mapping[str | int, float], manifest: Manifest) -> float:
    """Return the index of a true class; raises ``UsageError`` if the model does not know it."""
    if isinstance(truth, float) and truth.is_integer():
        truth = int(truth)  # tables turn whole numbers into these when one is missing
    found = known.get(truth) if isinstance(truth, (str, int)) else None
    if found is None:
        shown = ", ".join(repr(label) for label in manifest.classes[:12])
        more = f" and {len(manifest.classes) - 12} more" if len(manifest.classes) > 12 else ""
        raise UsageError(f"truth {truth!r:.80} is no class of {manifest.reference}: {shown}{more}")
    return found


def number_of(truth: object, manifest: Manifest) -> float:
    """Return a true number; raises ``UsageError`` if it is none, or not finite."""
    if isinstance(truth, (int, float)) and -_LARGEST <= truth <= _LARGEST:
        return float(truth)
    raise UsageError(f"truth {truth!r:.80} of {manifest.reference} is no finite number")
