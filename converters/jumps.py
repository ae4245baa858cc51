"""Rows on both sides of places where a model's answer jumps, found by asking it.

Trees behind other steps compare numbers that were computed from those of the rows, so that their
thresholds tell nothing about the rows themselves. Between two rows with different answers, which
differ in one number, lies a jump: halving finds the two neighbouring numbers on its sides.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from converters.base import Converted, Rows
from converters.moved import fine_columns, with_all_changed, with_one_changed
from converters.number_line import FLOAT32, FLOAT64, NumberLine, middle_of
from converters.probes import JUMP, Probe
from converters.rows import row_count, take
from converters.table import columns_of, numbers
from converters.thresholds import SourceConverted

__all__ = ["jump_probes"]

_MAX_JUMPS: Final = 96
_MAX_FAR: Final = 24
"""Jumps of which rows further off are tried, too."""
_TRIED: Final = 4 * _MAX_JUMPS
_HALVINGS: Final = 65
_NEAR: Final = (-1, 0, 1, 2)
"""Steps from the last number before a jump, towards it."""
_CELL: Final = 0.49
"""How far a float64 may be from a float32, in its steps, to be rounded to it."""

_Said: TypeAlias = Callable[[Rows], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class _Lines:
    """Rows, and in each of them one column that changes."""

    rows: Rows
    columns: NDArray[np.int64]

    def some(self, places: NDArray[np.int64]) -> "_Lines":
        """Return some of them."""
        return _Lines(take(self.rows, places), self.columns[places])

    def at(self, values: NDArray[np.float64]) -> Rows:
        """Return the rows with other numbers in their columns."""
        return with_one_changed(self.rows, self.columns, values)


@dataclass(frozen=True, slots=True)
class _Spans:
    """Two places on each line, with different answers of a model; next to each other at last."""

    lines: _Lines
    low: NDArray[np.int64]
    high: NDArray[np.int64]

    def some(self, places: NDArray[np.int64]) -> "_Spans":
        """Return some of them."""
        return _Spans(self.lines.some(places), self.low[places], self.high[places])


def jump_probes(converted: Converted) -> Iterator[Probe]:
    """Yield rows on both sides of up to 96 jumps, of some also further and further off.

    A step is from one number of the model's inputs to the next. Where these are of float32 and the
    caller's rows of float64, rows of the same numbers but for a part of a step come with them: a
    device cannot tell them apart.
    """
    predict = converted.predict
    if not isinstance(converted, SourceConverted) or not converted.has_jumps or predict is None:
        return
    line = FLOAT64 if converted.takes_float64 else FLOAT32
    spans = _spans(converted.rows, line)

    def said(rows: Rows) -> NDArray[np.float64]:
        return _as_numbers(predict(rows).values())

    try:
        found = None if spans is None else _jumps(said, spans, line)
    except ValueError:  # the source refuses such rows, and says so where it is compared
        return
    if found is None:
        return
    far = found.some(np.arange(min(len(found.low), _MAX_FAR)))
    asked = [(found, side) for side in _NEAR]
    asked += [(far, sign * steps) for steps in line.far for sign in (-1, 1)]
    every = np.concatenate([np.arange(len(spans.low)) for spans, _ in asked])
    places = np.concatenate([it.low + side * np.sign(it.high - it.low) for it, side in asked])
    lines, values = found.lines.some(every), line.at(places)
    cell = _CELL * line.spacing(values)
    names = [column.name for column in columns_of(converted.rows)]
    yield Probe(
        JUMP,
        lines.at(values),
        tuple(names[column] for column in lines.columns.tolist()),
        beside=() if line is FLOAT64 else (lines.at(values - cell), lines.at(values + cell)),
    )


def _spans(rows: Rows, line: NumberLine) -> _Spans | None:
    """Return rows with one column that changes, from its number to that of another row."""
    fine = fine_columns(rows)
    if not fine:
        return None
    random = np.random.default_rng(0)
    first, second = random.integers(0, row_count(rows), (2, _TRIED))
    chosen = np.array(fine)[random.integers(0, len(fine), _TRIED)]
    base, other = take(rows, first), take(rows, second)
    low, high = (line.rounded(_numbers_at(part, chosen, fine)) for part in (base, other))
    usable = np.flatnonzero(np.isfinite(low) & np.isfinite(high) & (low != high))
    if not len(usable):
        return None
    lines = _Lines(with_all_changed(base, fine, line.rounded), chosen)
    return _Spans(lines, line.place_of(low), line.place_of(high)).some(usable)


def _numbers_at(rows: Rows, columns: NDArray[np.int64], fine: Sequence[int]) -> NDArray[np.float64]:
    """Return one number of each row."""
    table = np.stack([numbers(rows, column) for column in fine], axis=1)
    found: NDArray[np.float64] = table[np.arange(len(columns)), np.searchsorted(fine, columns)]
    return found


def _jumps(said: _Said, spans: _Spans, line: NumberLine) -> _Spans | None:
    """Return spans from the last number before a jump to the first one behind it."""

    def asked(places: NDArray[np.int64]) -> NDArray[np.float64]:
        return said(spans.lines.at(line.at(places)))

    at_low, at_high = asked(spans.low), asked(spans.high)
    differs = np.flatnonzero((at_low != at_high).any(axis=1))[:_MAX_JUMPS]
    if not len(differs):
        return None
    spans = spans.some(differs)
    low, high, at_low, at_high = spans.low, spans.high, at_low[differs], at_high[differs]
    for _ in range(_HALVINGS):
        middle = middle_of(low, high)
        if np.all((middle == low) | (middle == high)):
            break
        here = asked(middle)
        is_low = np.abs(here - at_low).sum(axis=1) <= np.abs(here - at_high).sum(axis=1)
        low, high = np.where(is_low, middle, low), np.where(is_low, high, middle)
    return _Spans(spans.lines, low, high)


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
