"""Turns truths, as callers write them, into rows of label statistics."""

from typing import TYPE_CHECKING

import numpy as np

from edge_agent.prediction import PredictionId
from edge_contract.errors import UsageError
from edge_contract.package import Manifest, Task

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
    single = isinstance(truth, (str, bytes)) or np.ndim(truth) == 0  # type: ignore[arg-type]
    truths: list[object] = [truth] if single else np.asarray(truth).ravel().tolist()
    if len(truths) != len(prediction.classes):
        raise UsageError(
            f"got {len(truths)} truths for a prediction of {len(prediction.classes)} rows"
        )
    if manifest.task is Task.REGRESSION:
        errors = prediction.scores - np.array([_number(value) for value in truths], np.float32)
        return errors[:, None]
    known = {label: float(index) for index, label in enumerate(manifest.classes)}
    indices = np.array([_class(value, known, manifest) for value in truths], np.float32)
    return np.stack([prediction.classes, indices, prediction.scores], axis=1)


def _class(truth: object, known: dict[str | int, float], manifest: Manifest) -> float:
    plain = truth.item() if isinstance(truth, np.generic) else truth
    found = known.get(plain) if isinstance(plain, (str, int)) else None
    if found is None:
        shown = ", ".join(repr(label) for label in manifest.classes[:12])
        raise UsageError(f"truth {plain!r} is no class of {manifest.reference} ({shown})")
    return found


def _number(truth: object) -> float:
    if not isinstance(truth, (int, float, np.number)):
        raise UsageError(f"truth {truth!r} is no number")
    return float(truth)
