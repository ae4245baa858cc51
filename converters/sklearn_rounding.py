"""How much an estimator rounds on the way to its trees, measured on rows."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
)

from converters.base import Rows
from converters.moved import LAST_BITS, moved_by_chance
from converters.rows import row_count, take
from converters.sklearn_precision import KEEP, parts_with_rows, transformed
from converters.sklearn_scalers import SCALERS

__all__ = ["rounding_of", "slack_of"]

_REPEATABLE: Final = (
    *KEEP,
    *SCALERS,
    Binarizer,
    KBinsDiscretizer,
    MissingIndicator,
    PolynomialFeatures,
    QuantileTransformer,
    SimpleImputer,
)
"""What gives the same float32 on every machine: one operation after another, and no sum."""

_ONE_BY_ONE: Final = (FunctionTransformer, PowerTransformer)
"""What changes each number for itself."""
_SLACK: Final = 2.0**-42
"""Some units in the last place of a float64."""
_ROWS: Final = 64
_STEP: Final = 2.0**-20
_LEAST: Final = 2.0**-21
_MOST: Final = 2.0**-12
_LAST_BITS_OF_SUMS: Final = 2.0**-40
"""How much sums, powers and the like of float64 may differ between machines."""
_ROOM: Final = 4.0
"""The largest of many roundings, in their root mean square."""


def rounding_of(estimator: object, rows: Rows) -> float:
    """Return how far numbers would have to move to change as much as an estimator rounds.

    Sums and powers of float32 depend on the machine, and on how many rows are computed at once.
    What they lose is seen where the same numbers are given as float64, and what a small change of
    the numbers does, where they are changed.

    Args:
        estimator: Fitted.
        rows: Like those that it is given.

    Returns:
        The largest relative change of a number that comes to the same as a rounding.
    """
    found = [LAST_BITS]
    for part, given, said in _rounding_parts(estimator, rows):
        if isinstance(said, np.ndarray) and said.dtype == np.float32:
            found.append(min(max(_ROOM * _rounding(part, given, said), _LEAST), _MOST))
        else:
            found.append(_LAST_BITS_OF_SUMS)
    return max(found)


def slack_of(estimator: object, rows: Rows) -> float:
    """Return how much to raise thresholds that are numbers of training rows, as a share of them.

    Powers and logarithms of float64 differ between machines in their last bits, but are the same
    when a model is fitted and when it is asked: what equals a threshold there shall not be above it
    elsewhere. Sums differ already between fitting and asking, so that nothing is won there.
    """
    found = [(part, said) for part, _, said in _rounding_parts(estimator, rows)]
    are_powers = all(
        isinstance(part, _ONE_BY_ONE) and getattr(said, "dtype", None) == np.float64
        for part, said in found
    )
    return _SLACK if found and are_powers else 0.0


def _rounding_parts(estimator: object, rows: Rows) -> Iterator[tuple[object, object, object]]:
    """Yield what does not round alike everywhere, what it is given, and what it makes of it."""
    some = take(rows, np.linspace(0, row_count(rows) - 1, _ROWS).astype(np.int64))
    for part, given in parts_with_rows(estimator, some):
        is_plain = isinstance(part, FunctionTransformer) and part.func is None
        if not is_plain and not isinstance(part, _REPEATABLE):
            said = transformed(part, given)
            if said is not None:
                yield part, given, said


def _rounding(part: object, given: object, said: NDArray[np.generic]) -> float:
    """Return how far what a transformer is given would have to move to change it as it rounds."""
    if not isinstance(given, np.ndarray) or given.dtype != np.float32:
        return 0.0
    finer = given.astype(np.float64)
    exact, beside = (transformed(part, it) for it in (finer, moved_by_chance(finer, _STEP)))
    if not isinstance(exact, np.ndarray) or not isinstance(beside, np.ndarray):
        return 0.0
    rounded, moved = (_size(it - exact) for it in (said.astype(np.float64), beside))
    shares = rounded[moved > 0] / moved[moved > 0]
    return _STEP * float(shares.max(initial=0.0))


def _size(differences: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the root mean square of each column, of its finite numbers."""
    finite = np.nan_to_num(differences, posinf=0.0, neginf=0.0)
    size: NDArray[np.float64] = np.sqrt(np.mean(np.square(finite), axis=0))
    return size
