"""Turns truths, as callers write them, into rows of label statistics."""

from typing import TYPE_CHECKING

import numpy as np

from edge_agent.prediction import PredictionId
from edge_contract.errors import UsageError
from edge_contract.package import Manifest, Task
from edge_contract.package.truths import class_indices, class_of, number_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["truth_rows"]


def truth_rows(
    manifest: Manifest, prediction: PredictionId, truth: object
) -> "NDArray[np.float32]":
    """Return one row per truth, as :mod:`edge_contract.package.observation` lays them out.

    Raises:
        UsageError: The number of truths is not the number of rows, or one is no class or number.
    """
    truths = _listed(truth)
    if len(truths) != len(prediction.classes):
        raise UsageError(
            f"got {len(truths)} truths for a prediction of {len(prediction.classes)} rows of "
            f"{manifest.reference}: give one for each"
        )
    if manifest.task is Task.REGRESSION:
        numbers = np.array([number_of(value, manifest) for value in truths], np.float64)
        return (prediction.scores - numbers).astype(np.float32)[:, None]
    if manifest.task is Task.OTHER:
        raise UsageError(f"{manifest.reference} predicts neither classes nor a number to label")
    known = class_indices(manifest)
    indices = np.array([class_of(value, known, manifest) for value in truths], np.float32)
    return np.stack([prediction.classes, indices, prediction.scores], axis=1)


def _listed(truth: object) -> list[object]:
    if isinstance(truth, (list, tuple)):
        return [value.item() if isinstance(value, np.generic) else value for value in truth]
    if isinstance(truth, (str, bytes)) or not hasattr(truth, "__array__"):
        return [truth]
    return np.asarray(truth).ravel().tolist()  # an array, a Series, or a number of numpy
