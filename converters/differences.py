"""How far two versions of one output are apart, and where most."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "RELATIVE_TOLERANCE",
    "Difference",
    "alike",
    "class_indices",
    "difference_of_labels",
    "difference_of_numbers",
    "undecided",
]

RELATIVE_TOLERANCE: Final = 1e-4
"""Largest relative difference of a faithful conversion."""

_TIE: Final = 1e-5
_FLOOR: Final = 0.1


@dataclass(frozen=True, slots=True)
class Difference:
    """The differences of one output over some rows.

    Attributes:
        rows: Rows compared.
        unequal: Rows with another label, or with a number beyond the tolerance.
        size: Of labels, the fraction of rows that differ; of numbers, the largest relative
            difference, infinite where only one side is a number.
        absolute: Of numbers, the largest absolute difference.
        worst: Index of the row with the largest difference.
        found: What was found in that row, for people.
        expected: What was expected there.
    """

    rows: int
    unequal: int
    size: float
    absolute: float
    worst: int
    found: str
    expected: str


def difference_of_labels(
    expected: NDArray[np.generic], found: NDArray[np.generic], ties: NDArray[np.bool_]
) -> Difference:
    """Compare labels of one row each.

    Args:
        expected: ``[rows]``.
        found: ``[rows]``.
        ties: Rows in which the source model itself is undecided; there both labels are right.
    """
    other = np.array(
        [a != b for a, b in zip(expected.tolist(), found.tolist(), strict=True)], dtype=bool
    )
    other &= ~ties
    worst = int(other.argmax()) if len(other) else 0
    unequal = int(other.sum())
    return Difference(
        rows=len(other),
        unequal=unequal,
        size=unequal / max(len(other), 1),
        absolute=0.0,
        worst=worst,
        found=_shown(found, worst),
        expected=_shown(expected, worst),
    )


def difference_of_numbers(
    expected: NDArray[np.float64], found: NDArray[np.float64], *, usual: float, tolerance: float
) -> Difference:
    """Compare numbers, any number of them in a row.

    Args:
        expected: ``[rows, ...]``.
        found: The same shape.
        usual: Usual size of the output; differences of smaller values than a tenth of it are
            measured against that tenth.
        tolerance: Largest relative difference at which a row counts as equal.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        absolute = np.abs(found - expected)
        relative = absolute / np.maximum(np.abs(expected), _FLOOR * usual)
    same = (found == expected) | (np.isnan(found) & np.isnan(expected))
    absolute = np.where(same, 0.0, np.nan_to_num(absolute, nan=np.inf, posinf=np.inf))
    relative = np.where(same, 0.0, np.nan_to_num(relative, nan=np.inf, posinf=np.inf))
    by_row = relative.reshape(len(relative), -1).max(axis=1, initial=0.0)
    worst = int(by_row.argmax()) if len(by_row) else 0
    return Difference(
        rows=len(by_row),
        unequal=int((by_row > tolerance).sum()),
        size=float(by_row.max(initial=0.0)),
        absolute=float(absolute.max(initial=0.0)),
        worst=worst,
        found=_shown(found, worst),
        expected=_shown(expected, worst),
    )


def alike(
    expected: Mapping[str, NDArray[np.generic]],
    found: Mapping[str, NDArray[np.generic]],
    *,
    tolerance: float,
) -> NDArray[np.bool_]:
    """Return in which rows two say the same; numbers may differ by a relative tolerance."""
    same: NDArray[np.bool_] = np.ones(len(next(iter(expected.values()))), dtype=bool)
    for name, theirs in expected.items():
        ours = found[name].reshape(theirs.shape)
        equal = theirs == ours
        if theirs.dtype.kind == "f":
            equal |= np.isclose(ours, theirs, rtol=tolerance, equal_nan=True)
        same &= equal.reshape(len(same), -1).all(axis=1)
    return same


def class_indices(
    labels: NDArray[np.generic], places: Mapping[str | int, int]
) -> NDArray[np.int64]:
    """Return the index of each label's class, -1 for one that is none of the classes."""
    return np.array([places.get(label, -1) for label in labels.ravel().tolist()], dtype=np.int64)


def undecided(
    probabilities: NDArray[np.float64],
    expected: NDArray[np.int64],
    found: NDArray[np.int64],
    *,
    threshold: float | None,
) -> NDArray[np.bool_]:
    """Return the rows in which the source model gives both labels the same probability.

    Args:
        probabilities: ``[rows, classes]`` of the source model.
        expected: Index of its label, -1 where it is none of the classes.
        found: Index of the converted model's label.
        threshold: Of a binary classifier that has one; then a tie is a probability equal to it.
    """
    rows = np.arange(len(probabilities))
    gap = probabilities[rows, expected] - probabilities[rows, found]
    if threshold is not None:
        gap = probabilities[:, 1] - threshold
    tied: NDArray[np.bool_] = (np.abs(gap) < _TIE) & (expected >= 0) & (found >= 0)
    return tied


def _shown(values: NDArray[np.generic], row: int) -> str:
    if row >= len(values):
        return "nothing"
    value: Sequence[object] | object = values[row]
    if isinstance(value, np.ndarray):
        return np.array2string(value, precision=7, threshold=12, max_line_width=10_000)
    return repr(value.item() if isinstance(value, np.generic) else value)
