"""Files of rows as blocks of named columns, each of numbers or of texts."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from edge_contract.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_agent.adapters.inputs import Rows

__all__ = [
    "MIXED",
    "Table",
    "Values",
    "as_numbers",
    "as_texts",
    "kind_of",
    "offset_of",
    "tables_of",
]

Values: TypeAlias = "NDArray[np.generic] | Sequence[object]"
"""One column of a block; ``None`` and NaN stand for what is missing."""

MIXED: Final = "several kinds of values"
"""The kind of a column that holds numbers and texts, or worse."""

_INDEX: Final = "__index_level_"
"""How pandas calls the numbers of its rows when it writes Parquet."""

_NUMBER_KINDS: Final = "biuf"
_TRUTHS: Final = {"false": 0.0, "true": 1.0, "nan": float("nan")}


class Table:
    """Some rows by column.

    Attributes:
        columns: Values by column name, all of one length.
        rows: How many.
        first_row: Number of the first one in its file, from 1.
        fraction: How much of the file is read after them, 0 to 1.
    """

    __slots__ = ("columns", "first_row", "fraction", "rows")

    def __init__(
        self, columns: Mapping[str, Values], *, rows: int, first_row: int, fraction: float
    ) -> None:
        self.columns = columns
        self.rows = rows
        self.first_row = first_row
        self.fraction = fraction


def tables_of(path: Path, *, texts: Collection[str] = ()) -> Iterator[Table]:
    """Yield the rows of a file block by block, in memory bounded by a block.

    ``.csv``, ``.jsonl``, ``.npz``, ``.parquet``: see :func:`edge_agent.batch.sources.read_blocks`.
    A matrix gives the columns ``x0``, ``x1``, ...; numbers in a CSV file are parsed.

    Args:
        path: The file.
        texts: Columns of a CSV file that are texts even where they look like numbers.

    Raises:
        UsageError: The file cannot be read or is of another kind.
    """
    from edge_agent.batch.sources import read_blocks

    is_text = path.suffix == ".csv"
    first_row = 1
    for block in read_blocks(path):
        columns = _columns(block.rows, path)
        if is_text:
            columns = {
                name: values if name in texts else _parsed(values)
                for name, values in columns.items()
            }
        columns = {name: v for name, v in columns.items() if not name.startswith(_INDEX)}
        rows = len(next(iter(columns.values()), ()))
        if rows:
            yield Table(columns, rows=rows, first_row=first_row, fraction=block.fraction)
        first_row += rows


def kind_of(values: Values) -> str:
    """Return ``number``, ``text``, an empty text if all are missing, or :data:`MIXED`."""
    if isinstance(values, np.ndarray):
        if values.dtype.kind in _NUMBER_KINDS:
            return "number"
        if values.dtype.kind == "U":
            return "text"
        values = values.tolist()
    kinds = {_kind_of_one(value) for value in values} - {""}
    if not kinds:
        return ""
    return kinds.pop() if len(kinds) == 1 else MIXED


def as_numbers(values: Values, *, offset: float = 0.0) -> "NDArray[np.float32]":
    """Return a column of kind ``number`` as ``float32[rows]``; too large ones become infinite.

    Args:
        values: The column.
        offset: Is taken from each of them before they are rounded to float32.
    """
    array = values if isinstance(values, np.ndarray) else _plain(values)
    with np.errstate(over="ignore", invalid="ignore"):
        if offset:
            array = array.astype(np.float64) - offset
        return array.astype(np.float32)


def offset_of(values: Values) -> float:
    """Return what to take from numbers that lie too far from zero to be told apart as float32.

    That is their median where two neighbouring float32 numbers there are further apart than a
    sixteenth of the standard deviation; of most columns it is 0.

    Args:
        values: A column of kind ``number``.
    """
    array = values if isinstance(values, np.ndarray) else _plain(values)
    numbers = array.astype(np.float64)
    numbers = numbers[np.abs(numbers) <= np.finfo(np.float32).max]  # NaN is not
    if not len(numbers):
        return 0.0
    center, spread = float(np.median(numbers)), float(numbers.std())
    if not spread:
        return center if float(np.float32(center)) != center else 0.0
    return center if np.spacing(np.float32(abs(center))) > spread / 16 else 0.0


def as_texts(values: Values) -> list[str | None]:
    """Return a column as texts, ``None`` where one is missing or empty."""
    listed = values.tolist() if isinstance(values, np.ndarray) else values
    return [None if _is_missing(value) or value == "" else str(value) for value in listed]


def _columns(rows: "Rows", path: Path) -> dict[str, Values]:
    match rows:
        case np.ndarray():
            return _of_array("x", rows)
        case Mapping():
            found: dict[str, Values] = {}
            for name, values in rows.items():
                if isinstance(values, np.ndarray) and values.ndim != 1:
                    found |= _of_array("x" if name == "X" else f"{name}_", values)
                elif isinstance(values, (np.ndarray, list)):
                    found[str(name)] = values
            return found
        case [Mapping(), *_] if all(isinstance(record, Mapping) for record in rows):
            records = [record for record in rows if isinstance(record, Mapping)]
            names = dict.fromkeys(str(name) for record in records for name in record)
            return {name: [record.get(name) for record in records] for name in names}
        case [list(), *_] if all(isinstance(record, list) for record in rows):
            return _of_lists([record for record in rows if isinstance(record, list)], path)
        case _:
            raise UsageError(f"{path.name}: every line must be an object, or every line a list")


def _of_array(prefix: str, array: "NDArray[np.generic]") -> dict[str, Values]:
    flat = array.reshape(len(array), -1)
    return {f"{prefix}{index}": flat[:, index] for index in range(flat.shape[1])}


def _of_lists(rows: Sequence[list[object]], path: Path) -> dict[str, Values]:
    if len({len(row) for row in rows}) > 1:
        raise UsageError(f"{path.name}: its lines are lists of different lengths")
    return {f"x{index}": list(column) for index, column in enumerate(zip(*rows, strict=True))}


def _parsed(values: Values) -> Values:
    """Return texts of a CSV file as numbers if all of them are, or all are true or false."""
    texts = [str(text).strip() or "nan" for text in values]
    try:
        return np.array(texts).astype(np.float64)
    except ValueError:
        pass
    if {text.lower() for text in set(texts)} <= _TRUTHS.keys():
        return np.array([_TRUTHS[text.lower()] for text in texts])
    return values


def _plain(values: Sequence[object]) -> "NDArray[np.float64]":
    return np.array([np.nan if value is None else value for value in values], np.float64)


def _kind_of_one(value: object) -> str:
    match value:
        case _ if _is_missing(value) or value == "":
            return ""
        case bool() | int() | float() | Decimal():
            return "number"
        case str():
            return "text"
        case date() | time() | timedelta():
            return "times"
        case list() | dict():
            return "nested values"
        case _:
            return type(value).__name__


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and value != value)  # noqa: PLR0124
