"""Rows on both sides of places where a model's answer jumps, found by asking it.

Trees behind other steps compare numbers that were computed from those of the rows, so that their
thresholds tell nothing about the rows themselves. Between two rows with different answers, which
differ in one number, lies a jump: halving finds the two neighbouring float32 on its sides.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from converters.base import Converted, Rows
from converters.probes import JUMP, Probe
from converters.rows import is_frame, row_count, take
from converters.table import columns_of, numbers
from converters.thresholds import SourceConverted

__all__ = ["jump_probes"]

_MAX_JUMPS: Final = 96
_TRIED: Final = 4 * _MAX_JUMPS
_HALVINGS: Final = 33
_SIDES: Final = (-1, 0, 1, 2)
"""Steps from the last float32 before a jump, towards it."""
_CELL: Final = 0.49
"""How far a float64 may be from a float32, in its steps, to be rounded to it."""
_LAST_BITS: Final = 2.0**-49
"""How much the results of a float64 may differ between machines, relatively."""
_SIGN: Final = 0x80000000


@dataclass(frozen=True, slots=True)
class _Lines:
    """Rows, and in each of them one column that changes.

    Attributes:
        rows: As float32, but for texts.
        columns: Per row, the column.
        fine: The columns that hold float32 or float64, whose numbers are rounded.
    """

    rows: Rows
    columns: NDArray[np.int64]
    fine: tuple[int, ...]

    def some(self, places: NDArray[np.int64]) -> "_Lines":
        """Return some of them."""
        return _Lines(take(self.rows, places), self.columns[places], self.fine)

    def at(self, values: NDArray[np.float64]) -> Rows:
        """Return the rows with other numbers in their columns."""
        return _changed(self.rows, self.columns, values)

    def stretched(self, values: NDArray[np.float64], factor: float) -> Rows:
        """Return the rows with other numbers in their columns, and all numbers times a factor."""
        return _everywhere(self.at(values), self.fine, lambda given: given * factor)


def jump_probes(converted: Converted) -> Iterator[Probe]:
    """Yield rows at most two float32 steps from a jump, for up to 96 jumps.

    With them come rows of the same numbers but for a part of a step, where the caller's rows are
    of float64: a device cannot tell them apart. And rows whose numbers differ in the last bits of a
    float64, of which no two machines make the same.
    """
    predict = converted.predict
    if not isinstance(converted, SourceConverted) or not converted.has_jumps or predict is None:
        return
    lines = _lines(converted.rows)
    if lines is None:
        return
    start, low, high = lines

    def said(rows: Rows) -> NDArray[np.float64]:
        return _as_numbers(predict(rows).values())

    try:
        found = _jumps(said, start, low, high)
    except ValueError:  # the source refuses such rows, and says so where it is compared
        return
    if found is None:
        return
    lines_of_jumps, before, after = found
    step = np.sign(after - before)
    every = np.tile(np.arange(len(before)), len(_SIDES))
    places = np.concatenate([before + side * step for side in _SIDES])
    repeated, values = lines_of_jumps.some(every), _float32_at(places).astype(np.float64)
    cell = _CELL * np.spacing(np.abs(_float32_at(places))).astype(np.float64)
    names = [column.name for column in columns_of(converted.rows)]
    yield Probe(
        JUMP,
        repeated.at(values),
        tuple(names[column] for column in repeated.columns.tolist()),
        beside=(
            repeated.at(values - cell),
            repeated.at(values + cell),
            repeated.stretched(values, 1.0 - _LAST_BITS),
            repeated.stretched(values, 1.0 + _LAST_BITS),
        ),
    )


def _lines(rows: Rows) -> tuple[_Lines, NDArray[np.int64], NDArray[np.int64]] | None:
    """Return rows with one column that changes, and its two ends as places among the float32."""
    columns = columns_of(rows)
    fine = tuple(
        place
        for place, column in enumerate(columns)
        if not (column.is_text or column.is_whole) and _is_plain(rows, place)
    )
    if not fine:
        return None
    random = np.random.default_rng(0)
    first, second = random.integers(0, row_count(rows), (2, _TRIED))
    chosen = np.array(fine)[random.integers(0, len(fine), _TRIED)]
    base, other = take(rows, first), take(rows, second)
    low, high = (_single(_numbers_at(part, chosen, fine)) for part in (base, other))
    usable = np.flatnonzero(np.isfinite(low) & np.isfinite(high) & (low != high))
    if not len(usable):
        return None
    lines = _Lines(_everywhere(base, fine, _single), chosen, fine).some(usable)
    return lines, _place_of(low[usable]), _place_of(high[usable])


def _single(values: NDArray[np.float64]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def _numbers_at(rows: Rows, columns: NDArray[np.int64], fine: Sequence[int]) -> NDArray[np.float64]:
    """Return one number of each row."""
    table = np.stack([numbers(rows, column) for column in fine], axis=1)
    found: NDArray[np.float64] = table[np.arange(len(columns)), np.searchsorted(fine, columns)]
    return found


def _everywhere(
    rows: Rows,
    fine: Sequence[int],
    change: Callable[[NDArray[np.float64]], NDArray[np.floating]],
) -> Rows:
    """Return rows with all their numbers changed; they keep their types."""
    if isinstance(rows, np.ndarray):
        return change(rows.astype(np.float64)).astype(rows.dtype)
    if not is_frame(rows):
        return rows
    frame = rows.reset_index(drop=True)
    for column in fine:
        is_single = frame.iloc[:, column].dtype == np.float32
        changed = change(numbers(frame, column))
        frame.isetitem(column, changed.astype(np.float32 if is_single else np.float64))
    return frame


def _is_plain(rows: Rows, column: int) -> bool:
    """Whether a column is of float32 or float64; others round their numbers in their own ways."""
    kind = rows.iloc[:, column].dtype if is_frame(rows) else getattr(rows, "dtype", None)
    return kind in (np.dtype(np.float32), np.dtype(np.float64))


def _jumps(
    said: Callable[[Rows], NDArray[np.float64]],
    lines: _Lines,
    low: NDArray[np.int64],
    high: NDArray[np.int64],
) -> tuple[_Lines, NDArray[np.int64], NDArray[np.int64]] | None:
    """Return lines with a jump, and the neighbouring float32 before and after it."""

    def asked(places: NDArray[np.int64]) -> NDArray[np.float64]:
        return said(lines.at(_float32_at(places).astype(np.float64)))

    at_low, at_high = asked(low), asked(high)
    differs = np.flatnonzero((at_low != at_high).any(axis=1))[:_MAX_JUMPS]
    if not len(differs):
        return None
    lines, low, high = lines.some(differs), low[differs], high[differs]
    at_low, at_high = at_low[differs], at_high[differs]
    for _ in range(_HALVINGS):
        if np.all(np.abs(high - low) <= 1):
            break
        middle = (low + high) // 2
        here = asked(middle)
        is_low = np.abs(here - at_low).sum(axis=1) <= np.abs(here - at_high).sum(axis=1)
        low, high = np.where(is_low, middle, low), np.where(is_low, high, middle)
    return lines, low, high


def _as_numbers(said: Iterable[NDArray[np.generic]]) -> NDArray[np.float64]:
    """Return answers side by side as numbers that can be compared; texts as their checksums."""
    parts = []
    for answer in said:
        values = answer.reshape(len(answer), -1)
        if values.dtype.kind not in "biuf":
            codes = [float(zlib.crc32(str(it).encode())) for it in values.ravel().tolist()]
            values = np.array(codes).reshape(values.shape)
        parts.append(np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0))
    return np.concatenate(parts, axis=1)


def _changed(rows: Rows, columns: NDArray[np.int64], values: NDArray[np.float64]) -> Rows:
    """Return rows with one number changed in each."""
    places = np.arange(len(columns))
    if isinstance(rows, np.ndarray):
        array: NDArray[np.generic] = rows.copy()
        array[places, columns] = values
        return array
    if not is_frame(rows):
        return rows
    frame = rows.reset_index(drop=True)
    for column in np.unique(columns).tolist():
        here = columns == column
        series = frame.iloc[:, column].to_numpy(copy=True)
        series[here] = values[here]
        frame.isetitem(column, series)
    return frame


def _place_of(values: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the places of numbers among all float32, in their order; 0 is at place 0."""
    bits = values.view(np.int32).astype(np.int64)
    return np.where(bits < 0, -(bits & (_SIGN - 1)), bits)


def _float32_at(places: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the float32 at some places."""
    bits = np.where(places < 0, -places | _SIGN, places).astype(np.uint32)
    return bits.view(np.float32)
