"""Rows made up to find out where a converted model departs from its source.

They are the caller's rows, changed in one way: a number is missing or infinite, a text is empty (as
a missing text is, once it has reached a device's model), was never seen or is in capitals,
numbers have more digits than a float32 because they lie between those of two rows, or lie far
beyond them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from converters.base import Rows
from converters.rows import is_frame, row_count, take
from converters.table import MISSING_TEXT, columns_of, numbers

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["JUMP", "MISSING", "Probe", "far_rows", "probes_of"]

JUMP: Final = "value beside a jump"
MISSING: Final = "missing number"

_TABLE_AXES: Final = 2
_MAX_COLUMNS: Final = 32
_MAX_BETWEEN: Final = 64
_MAX_CAPITALS: Final = 64
_UNKNOWN_TEXT: Final = "unknown \u00e9"
_Value: TypeAlias = str | float | None
_SHARE: Final = 0.381966
"""Of the second row; not a half, where neighbours and the thresholds of trees are equally near."""
_FAR: Final = 32.0 + _SHARE
"""How far past the second row, in distances from the first: where small roundings show."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Rows of one kind.

    Attributes:
        kind: What was changed in all of them.
        rows: The rows; the source model may not accept all of them.
        changed: Per row, which column was changed; for people.
        beside: The same rows with numbers that a device cannot tell from theirs; what the source
            model says of one of those is right as well.
    """

    kind: str
    rows: Rows
    changed: tuple[str, ...]
    beside: tuple[Rows, ...] = ()


def probes_of(rows: Rows, *, empty_is_missing: bool = False) -> Iterator[Probe]:
    """Yield made-up rows; for arrays by input name only values between two rows.

    Args:
        rows: The caller's.
        empty_is_missing: Whether the source model knows missing texts, which reach a device's
            model as the empty one: then it is asked about a missing text, but for columns that
            have empty ones.
    """
    if isinstance(rows, Mapping):
        yield from _between_arrays(rows)
        return
    if isinstance(rows, np.ndarray) and rows.ndim != _TABLE_AXES and rows.dtype.kind in "biuf":
        for probe in probes_of(rows.reshape(len(rows), -1)):
            yield Probe(probe.kind, _shaped(probe.rows, rows.shape[1:]), probe.changed)
        return
    columns = columns_of(rows)
    fine = [i for i, it in enumerate(columns) if not (it.is_text or it.is_whole)]
    endless = [i for i in fine if _may_be_infinite(rows, i)]
    texts = _some([i for i, it in enumerate(columns) if it.is_text])
    emptied = [it for it in texts if not empty_is_missing or _has_empty_text(rows, it)]
    changes: tuple[tuple[str, list[int], _Value], ...] = (
        (MISSING, _some(fine), None),
        ("infinite number", _some(endless), np.inf),
        ("negative infinite number", _some(endless), -np.inf),
        ("empty text", emptied, MISSING_TEXT),
        ("missing text", [it for it in texts if it not in emptied], None),
        ("unknown text", texts, _UNKNOWN_TEXT),
    )
    for kind, chosen, value in changes:
        if chosen:
            base = take(rows, np.arange(len(chosen)) % row_count(rows))
            changed = tuple(columns[column].name for column in chosen)
            if isinstance(base, np.ndarray):
                yield Probe(kind, _array_with(base, chosen, value), changed)
            elif is_frame(base):
                yield Probe(kind, _frame_with(base, chosen, value), changed)
    if texts:
        base = take(rows, np.arange(min(row_count(rows), _MAX_CAPITALS)))
        yield Probe("text in capitals", _in_capitals(base, texts), ("all texts",) * len(base))
    yield from _mixed(rows, "values between two rows", share=_SHARE)
    whole = [i for i, it in enumerate(columns) if it.is_whole]
    if whole:
        base = take(rows, np.arange(min(row_count(rows), _MAX_BETWEEN)))
        yield Probe("other whole numbers", _stepped(base, whole), ("all numbers",) * len(base))


def far_rows(rows: Rows, *, is_exact: bool) -> Iterator[Probe]:
    """Yield rows with numbers far beyond those of the caller's.

    Args:
        rows: The caller's.
        is_exact: Whether to round the numbers to float32, so that a device gets them as they are.
            Not where numbers are looked up: rounded, they are others.
    """
    if not isinstance(rows, Mapping):
        yield from _mixed(rows, "values beyond the rows", share=_FAR, is_exact=is_exact)


def _between_arrays(rows: Mapping[str, NDArray[np.generic]]) -> Iterator[Probe]:
    count = min(row_count(rows) - 1, _MAX_BETWEEN)
    if count < 1 or all(values.dtype.kind != "f" for values in rows.values()):
        return
    mixed: dict[str, NDArray[np.generic]] = {}
    for name, values in rows.items():
        mixed[name] = values[:count]
        if values.dtype.kind == "f":
            low, high = values[:count].astype(np.float64), values[1 : count + 1].astype(np.float64)
            mixed[name] = (low + _SHARE * (high - low)).astype(values.dtype)
    yield Probe("values between two rows", mixed, ("all numbers",) * count)


def _may_be_infinite(rows: Rows, column: int) -> bool:
    """Whether a column can hold an infinity; whole numbers and truths of pandas cannot."""
    return not is_frame(rows) or rows.iloc[:, column].dtype.kind not in "iub"


def _has_empty_text(rows: Rows, column: int) -> bool:
    values = rows.iloc[:, column] if is_frame(rows) else np.asarray(rows).reshape(len(rows), -1)
    if isinstance(values, np.ndarray):
        values = values[:, column]
    return bool(np.any(np.asarray(values, dtype=object) == MISSING_TEXT))


def _shaped(rows: Rows, shape: tuple[int, ...]) -> Rows:
    return rows.reshape(len(rows), *shape) if isinstance(rows, np.ndarray) else rows


def _some(columns: list[int]) -> list[int]:
    """Return at most 32 of them, from all over."""
    step = -(-len(columns) // _MAX_COLUMNS)
    return columns[:: max(step, 1)]


def _in_capitals(base: Rows, texts: list[int]) -> Rows:
    """Return rows whose texts are in capitals: devices' locales may not know how to turn back."""
    if isinstance(base, np.ndarray):
        array: NDArray[np.object_] = base.astype(object)
        for place, value in np.ndenumerate(array):
            array[place] = value.upper() if isinstance(value, str) else value
        return array
    if is_frame(base):
        frame = base.reset_index(drop=True)
        for column in texts:
            values = [it.upper() if isinstance(it, str) else it for it in frame.iloc[:, column]]
            frame[frame.columns[column]] = np.array([*values, None], dtype=object)[:-1]
        return frame
    return base


def _array_with(base: NDArray[np.generic], chosen: list[int], value: _Value) -> NDArray[np.generic]:
    """Return the array with ``value`` (or nothing) in one column of each row."""
    if isinstance(value, str) or base.dtype.kind in "OUT":
        texts: NDArray[np.object_] = base.astype(object).reshape(len(base), -1)
        for row, column in enumerate(chosen):
            texts[row, column] = value
        return texts.reshape(base.shape)
    numbers: NDArray[np.generic] = base.copy() if base.dtype.kind == "f" else base.astype(float)
    numbers[np.arange(len(chosen)), chosen] = np.nan if value is None else value
    return numbers


def _frame_with(base: "pd.DataFrame", chosen: list[int], value: _Value) -> "pd.DataFrame":
    """Return the table with ``value`` (or nothing) in one column of each row."""
    frame = base.reset_index(drop=True)
    for row, column in enumerate(chosen):
        name = frame.columns[column]
        here = np.arange(len(frame)) == row
        values = frame[name]
        match value:
            case None:
                frame[name] = values.mask(here)
            case str():
                frame[name] = values.astype(object).mask(here, value)
            case _ if not hasattr(values, "cat"):  # takes no other value than its categories
                frame[name] = values.mask(here, value)
    return frame


def _mixed(rows: Rows, kind: str, *, share: float, is_exact: bool = False) -> Iterator[Probe]:
    """Yield rows with their numbers moved towards those of the next row, or past them.

    Args:
        rows: The caller's.
        kind: Of the probe.
        share: How far; 1 is all the way.
        is_exact: Whether to round the numbers to float32.
    """
    fine = [i for i, it in enumerate(columns_of(rows)) if not (it.is_text or it.is_whole)]
    here = np.arange(min(row_count(rows) - 1, _MAX_BETWEEN))
    if not fine or not len(here):
        return
    low, high = take(rows, here), take(rows, here + 1)
    changed = ("all numbers",) * len(here)
    if isinstance(low, np.ndarray) and isinstance(high, np.ndarray):
        mixed = _moved(low.astype(np.float64), high.astype(np.float64), share, is_exact=is_exact)
        kept = mixed.astype(low.dtype) if low.dtype.kind == "f" else mixed
        yield Probe(kind, kept, changed)
    elif is_frame(low) and is_frame(high):
        frame = low.reset_index(drop=True)
        for column in fine:
            if hasattr(frame.iloc[:, column], "cat"):  # takes no other value than its categories
                continue
            ends = numbers(low, column), numbers(high, column)
            mixed = _moved(*ends, share, is_exact=is_exact)
            is_single = frame.iloc[:, column].dtype == np.float32
            frame[frame.columns[column]] = mixed.astype(np.float32) if is_single else mixed
        yield Probe(kind, frame, changed)


def _stepped(base: Rows, whole: list[int]) -> Rows:
    """Return rows whose whole numbers are those of a row nearby, one less or one more.

    Each column takes those of another row, so that they meet as they did not before; numbers stay
    between the smallest and the largest.
    """
    changed = base.reset_index(drop=True) if is_frame(base) else base
    if isinstance(changed, np.ndarray):
        changed = changed.copy()
    for place, column in enumerate(whole):
        values = numbers(base, column)
        steps = np.arange(len(values)) % 3 - 1
        moved = np.clip(np.roll(values, place + 1) + steps, values.min(), values.max())
        if isinstance(changed, np.ndarray):
            changed[:, column] = moved
        elif is_frame(changed):
            series = changed.iloc[:, column]
            kind, name = series.dtype, changed.columns[column]
            if hasattr(series, "cat"):  # takes no other value than its categories
                changed[name] = series.array[np.roll(np.arange(len(series)), place + 1)]
                continue
            changed[name] = moved.astype(np.int64)
            changed[name] = changed[name].astype(kind)
    return changed


def _moved(
    low: NDArray[np.float64], high: NDArray[np.float64], share: float, *, is_exact: bool
) -> NDArray[np.float64]:
    moved = low + share * (high - low)
    with np.errstate(over="ignore"):
        return moved.astype(np.float32).astype(np.float64) if is_exact else moved
