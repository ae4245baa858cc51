"""Columns of rows: which hold numbers, which hold text, and their values as a model takes them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from converters.base import Rows
from edge_contract.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MISSING_TEXT", "Column", "columns_of", "has_missing_texts", "numbers", "texts"]

MISSING_TEXT: Final = ""
"""What stands for a missing text in a model's inputs, because ONNX has no missing text."""

_MAX_NAME: Final = 280  # leaves room for "feature:" in a subject of 300 characters


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table or of an array.

    Attributes:
        name: As the author wrote it; ``x0``, ``x1``, ... if there are no names.
        is_text: Whether it holds text; otherwise numbers (true and false count as 1 and 0).
        is_whole: Whether its type can only hold whole numbers.
    """

    name: str
    is_text: bool
    is_whole: bool = False


def columns_of(rows: Rows) -> tuple[Column, ...]:
    """Return the columns of a table, of a two-dimensional array, or of a list of texts.

    Raises:
        UsageError: A column mixes text and numbers or holds neither; the array has other axes.
    """
    if isinstance(rows, Mapping):
        raise UsageError("X is a dict of arrays, which only ONNX files take: give a DataFrame")
    if isinstance(rows, np.ndarray):
        return _columns_of_array(rows)
    return tuple(_column(str(name), rows.iloc[:, i]) for i, name in enumerate(rows.columns))


def numbers(rows: Rows, column: int) -> NDArray[np.float64]:
    """Return a column of numbers; missing ones are NaN."""
    if isinstance(rows, np.ndarray):
        return rows[:, column].astype(np.float64)
    if isinstance(rows, Mapping):
        raise UsageError("a dict of arrays has no columns")
    return rows.iloc[:, column].to_numpy(dtype=np.float64, na_value=np.nan)


def texts(rows: Rows, column: int) -> NDArray[np.object_]:
    """Return a column of texts; missing ones are :data:`MISSING_TEXT`."""
    if isinstance(rows, np.ndarray):
        values = rows if rows.ndim == 1 else rows[:, column]
    elif isinstance(rows, Mapping):
        raise UsageError("a dict of arrays has no columns")
    else:
        values = rows.iloc[:, column].to_numpy(dtype=object)
    result = np.empty(len(values), dtype=object)
    result[:] = [value if isinstance(value, str) else MISSING_TEXT for value in values.tolist()]
    return result


def has_missing_texts(rows: Rows) -> bool:
    """Whether a column of text has rows without one."""
    if isinstance(rows, Mapping):
        return False
    if isinstance(rows, np.ndarray):
        return rows.dtype.kind == "O" and any(map(_is_missing, rows.ravel().tolist()))
    columns = columns_of(rows)
    return any(it.is_text and rows.iloc[:, i].isna().any() for i, it in enumerate(columns))


def _columns_of_array(array: NDArray[np.generic]) -> tuple[Column, ...]:
    is_text = array.dtype.kind in "UT" or (array.dtype.kind == "O" and _holds_text(array, "X"))
    if array.ndim == 1 and is_text:
        return (Column("text", is_text=True),)
    if array.ndim != 2:
        raise UsageError(
            f"X must have two axes, rows and columns, got an array of shape {list(array.shape)}"
        )
    is_whole = array.dtype.kind in "iub"
    return tuple(Column(f"x{i}", is_text, is_whole) for i in range(array.shape[1]))


def _column(name: str, series: "pd.Series[float]") -> Column:
    if len(name) > _MAX_NAME:
        raise UsageError(f"column name {name[:40]!r}... is longer than {_MAX_NAME} characters")
    kind: str = getattr(series.dtype, "categories", series).dtype.kind
    if kind in "iub":
        return Column(name, is_text=False, is_whole=not series.isna().any())
    if kind == "f":
        return Column(name, is_text=False)
    if kind in "OUT":
        values = series.to_numpy(dtype=object)
        return Column(name, is_text=_holds_text(values, f"column {name!r}"))
    raise UsageError(
        f"column {name!r} holds {series.dtype}: turn it into numbers or text before fitting"
    )


def _holds_text(values: NDArray[np.generic], what: str) -> bool:
    present = [value for value in values.ravel().tolist() if not _is_missing(value)]
    kinds = {_kind(value) for value in present}
    if kinds <= {"text"}:
        return bool(present)
    if kinds == {"number"}:
        return False
    others = sorted(kinds - {"number", "text"})
    if others:
        raise UsageError(
            f"{what} holds {', '.join(others)}, but devices take numbers and texts: give a table "
            "with a column for each of them, such as pandas.DataFrame(list_of_dicts), and fit the "
            "model on it"
        )
    raise UsageError(
        f"{what} mixes number, text: give one kind of value in a column, numbers or text"
    )


def _kind(value: object) -> str:
    match value:
        case str():
            return "text"
        case bool() | int() | float():
            return "number"
        case _:
            return type(value).__name__


def _is_missing(value: object) -> bool:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float) and math.isnan(value)
