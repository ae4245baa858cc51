"""Values as callers have them into the element type of a model's input, none changed in silence."""

from typing import TYPE_CHECKING, Final

import numpy as np

from edge_agent.adapters.wording import shown
from edge_contract.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "BadValueError",
    "RowError",
    "as_element_type",
    "dtype_of",
    "is_missing",
    "without_masks",
]

_TEXT: Final = np.dtype(np.object_)
_TEXT_KINDS: Final = "OUT"


class RowError(UsageError):
    """One row among many does not fit the model.

    Attributes:
        row: Which one, from 0.
        text: What is wrong with it, without saying which one it is.
    """

    def __init__(self, row: int, text: str) -> None:
        super().__init__(f"row {row}: {text}")
        self.row = row
        self.text = text


class BadValueError(Exception):
    """A value cannot be what the model needs; caught where it is known which feature it is.

    Attributes:
        place: Index in the flattened array.
        found: What it is, in words.
    """

    def __init__(self, place: int, found: str) -> None:
        super().__init__(found)
        self.place = place
        self.found = found


def dtype_of(element_type: str) -> "np.dtype[np.generic]":
    """Return the numpy type of an element type in a manifest; texts are objects."""
    return _TEXT if element_type == "string" else np.dtype(element_type)


def as_element_type(
    array: "NDArray[np.generic]", dtype: "np.dtype[np.generic]"
) -> "NDArray[np.generic]":
    """Return the array in another type, with missing values as NaN or the empty text.

    Numbers may come as texts. A number too large for a float becomes an infinity, as it does when
    models are trained.

    Raises:
        BadValueError: A value is no number, or cannot be held exactly by a whole-number type.
    """
    if dtype == _TEXT:
        return _texts(array)
    if array.dtype == dtype:
        return array
    if array.dtype.kind in _TEXT_KINDS:
        array = _parsed(array)
    elif array.dtype.kind not in "biuf":
        raise BadValueError(0, str(array.dtype))
    with np.errstate(over="ignore", invalid="ignore"):
        result: NDArray[np.generic] = array.astype(dtype)
    if dtype.kind != "f":
        is_changed = result.astype(array.dtype) != array
        if is_changed.any():
            place = int(np.argmax(is_changed))
            raise BadValueError(place, _shown(array.ravel()[place].item()))
    return result


def is_missing(value: object) -> bool:
    """Return whether this is how somebody says that there is no value: None, NaN, NaT or NA."""
    try:
        return value is None or bool(value != value)  # noqa: PLR0124  only NaN differs from itself
    except (TypeError, ValueError):  # pandas.NA does not say; an array says it for each element
        return type(value).__name__ == "NAType"


def without_masks(
    array: "np.ma.MaskedArray[tuple[int, ...], np.dtype[np.generic]]",
) -> "NDArray[np.generic]":
    """Return a masked array as a plain one, with what is masked as missing."""
    if not np.ma.is_masked(array):
        return np.asarray(array.data)
    filled: NDArray[np.generic] = np.array(array.tolist(), _TEXT)  # None where it is masked
    return filled


def _texts(array: "NDArray[np.generic]") -> "NDArray[np.generic]":
    result = np.empty(array.size, dtype=object)
    values = array.ravel().tolist()
    result[:] = [
        "" if is_missing(value) else _text(value, place) for place, value in enumerate(values)
    ]
    return result.reshape(array.shape)


def _text(value: object, place: int) -> str:
    if not isinstance(value, bytes):
        return str(value)
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise BadValueError(place, f"bytes that are no UTF-8: {value!r:.40}") from None


def _parsed(array: "NDArray[np.generic]") -> "NDArray[np.float64]":
    """Return the numbers in an array of objects or texts."""
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError, OverflowError):  # something is missing, or is no number
        numbers = [_number(value, place) for place, value in enumerate(array.ravel().tolist())]
        return np.array(numbers, np.float64).reshape(array.shape)


def _number(value: object, place: int) -> float:
    if is_missing(value) or (isinstance(value, str) and not value.strip()):
        return float("nan")
    try:
        return float(value)  # type: ignore[arg-type]
    except OverflowError:  # a whole number of hundreds of digits
        return float("inf") if value > 0 else float("-inf")  # type: ignore[operator]
    except (TypeError, ValueError):
        raise BadValueError(place, _shown(value)) from None


def _shown(value: object) -> str:
    return "a missing value" if is_missing(value) else shown(value)
