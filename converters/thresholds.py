"""Rows at thresholds of trees and the like, where a rounding mistake changes the answer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from converters.base import Converted, Rows
from converters.probes import Probe
from converters.rows import is_frame, row_count, take
from converters.table import columns_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SourceConverted", "Threshold", "threshold_probes"]

_MAX_THRESHOLDS: Final = 64


class Threshold(NamedTuple):
    """A value that a model compares a column with."""

    column: int
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceConverted(Converted):
    """A conversion whose source is known well enough to be tried harder.

    Attributes:
        thresholds: Where answers jump, in any order; of trees and others that see the rows as they
            are.
        may_round: Whether what the source says of float32 rows may be replaced by what it says of
            the same rows as float64. Not of trees and of what looks up numbers: they turn a
            rounding into another answer.
        fills_texts: Whether the empty text means a missing one, which the model knows.
        looks_up_numbers: Whether it compares numbers with exact ones: markers, categories.
        rounding: How much the source rounds before its answers jump, relative to a row's numbers:
            what lies so near to a jump, nobody can decide.
    """

    thresholds: tuple[Threshold, ...] = ()
    may_round: bool = False
    fills_texts: bool = False
    looks_up_numbers: bool = False
    rounding: float = 0.0


def threshold_probes(converted: Converted) -> Iterator[Probe]:
    """Yield the caller's rows with values at thresholds, and one float32 step below and above.

    At most 64 thresholds are tried, from all over. Rows of float64 get the threshold as it is,
    those of float32 its nearest value.
    """
    if not isinstance(converted, SourceConverted):
        return
    rows = converted.rows
    columns = columns_of(rows)
    usable = [it for it in dict.fromkeys(converted.thresholds) if np.isfinite(it.value)]
    usable = [
        it for it in usable if not (columns[it.column].is_text or columns[it.column].is_whole)
    ]
    chosen = usable[:: max(-(-len(usable) // _MAX_THRESHOLDS), 1)]
    if not chosen:
        return
    places = np.arange(3 * len(chosen)) % row_count(rows)
    changed = tuple(columns[it.column].name for it in chosen for _ in range(3))
    yield Probe("value at a threshold", _changed(take(rows, places), chosen), changed)


def _changed(base: Rows, chosen: Sequence[Threshold]) -> Rows:
    if isinstance(base, np.ndarray):
        array: NDArray[np.generic] = base.copy() if base.dtype.kind == "f" else base.astype(float)
        for row, (column, value) in enumerate(_steps(chosen)):
            array[row, column] = value if array.dtype == np.float64 else np.float32(value)
        return array
    if is_frame(base):
        return _changed_frame(base, chosen)
    return base


def _changed_frame(base: "pd.DataFrame", chosen: Sequence[Threshold]) -> "pd.DataFrame":
    frame = base.reset_index(drop=True)
    for row, (column, value) in enumerate(_steps(chosen)):
        series = frame.iloc[:, column]
        is_single = series.dtype == np.float32
        if hasattr(series, "cat"):  # takes no other value than its categories
            continue
        if series.dtype.kind in "iub":  # of pandas, with gaps
            series = series.astype("Float64")
        here = np.arange(len(frame)) == row
        frame[frame.columns[column]] = series.mask(here, np.float32(value) if is_single else value)
    return frame


def _steps(chosen: Sequence[Threshold]) -> Iterator[Threshold]:
    for column, value in chosen:
        with np.errstate(over="ignore"):
            step = float(np.spacing(np.abs(np.float32(value))))
        for offset in (-step, 0.0, step):
            yield Threshold(column, value + offset)
