"""Labels as callers give them: one for each row, and none of them missing."""

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from converters.base import ConversionWarning
from edge_contract.errors import UsageError

__all__ = [
    "are_yes_or_no",
    "as_labels",
    "require_label_for_each",
    "tell_of_classes",
    "tell_of_numbers",
]


def as_labels(labels: object) -> NDArray[np.generic]:
    """Return labels as an array; a single column of a table or matrix counts as its only axis."""
    array = np.asarray(labels)
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


def are_yes_or_no(labels: NDArray[np.generic]) -> bool:
    """Whether labels are 0 and 1, or false and true, and nothing else; both of them occur."""
    return labels.dtype.kind in "biuf" and set(np.unique(labels).tolist()) == {0, 1}


def require_label_for_each(labels: object, *, rows: int) -> None:
    """Raise ``UsageError`` unless there are no labels at all, or one for each row."""
    if labels is None:
        return
    array = as_labels(labels)
    if array.ndim == 2 and len(array) == rows:
        if _are_one_hot(array):
            raise UsageError(
                f"y has {array.shape[1]} columns, of which one is 1 in each row: give the class of "
                "each row instead, y.argmax(axis=1)"
            )
        raise UsageError(
            f"y has {array.shape[1]} columns: the quality of models with several answers is not "
            "measured; leave y out, and the model is converted and checked without it"
        )
    if list(array.shape) != [rows]:
        raise UsageError(
            f"y has shape {list(array.shape)}, X has {rows} rows: give a label for each"
        )
    missing = _missing(array)
    if missing.any():
        raise UsageError(
            f"y has no label for {int(missing.sum())} of {rows} rows, the first is row "
            f"{int(missing.argmax())}: leave these rows out, or label them"
        )
    if array.dtype.kind == "f" and not np.isfinite(array.astype(np.float64)).all():
        worst = int(np.isinf(array.astype(np.float64)).argmax())
        raise UsageError(f"y is {array[worst]} for row {worst}: give finite numbers")


def tell_of_classes(
    labels: NDArray[np.generic], indices: NDArray[np.int64], classes: Sequence[str | int]
) -> None:
    """Warn of labels that say less of the model than they seem to.

    Args:
        labels: As given, of every row.
        indices: The class of every row, -1 for a label that is no class of the model.
        classes: The model's.
    """
    unknown = indices < 0
    if unknown.any():
        warnings.warn(
            f"{int(unknown.sum())} of {len(labels)} labels are no class of the model, such as "
            f"{labels[unknown].tolist()[0]!r}: they count as wrong",
            ConversionWarning,
            stacklevel=2,
        )
    elif len(classes) > 1 and len(np.unique(indices)) == 1:
        warnings.warn(
            f"all labels are {classes[int(indices[0])]!r}: quality says nothing of the other "
            "classes; give rows of every class",
            ConversionWarning,
            stacklevel=2,
        )


def tell_of_numbers(labels: object) -> None:
    """Warn of labels that are 0 and 1, of a model whose number is taken for a measure."""
    if labels is not None and are_yes_or_no(as_labels(labels)):
        warnings.warn(
            "y holds only 0 and 1, but what the model says is taken as a number that it predicts, "
            "with errors and no accuracy; if it is the logit of the second class, give "
            "classes=(0, 1) (--label 0 --label 1)",
            ConversionWarning,
            stacklevel=2,
        )


def _are_one_hot(labels: NDArray[np.generic]) -> bool:
    if labels.dtype.kind not in "biuf":
        return False
    return set(np.unique(labels).tolist()) == {0, 1} and bool((labels.sum(axis=1) == 1).all())


def _missing(labels: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Return which labels are NaN, ``None`` or pandas' ``NA``."""
    if labels.dtype.kind != "O":
        return np.isnan(labels) if labels.dtype.kind == "f" else np.zeros(len(labels), bool)
    return np.array(
        [label is None or bool(_is_unlike_itself(label)) for label in labels.tolist()], dtype=bool
    )


def _is_unlike_itself(label: object) -> bool:
    return type(label).__name__ in {"NAType", "NaTType"} or label != label  # noqa: PLR0124  NaN
