"""What a source model does not decide itself, because it rounds where its answers jump."""

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np

from converters.base import Converted, Rows, Tensors
from converters.differences import RELATIVE_TOLERANCE, alike
from converters.moved import rounded_otherwise
from converters.rows import in_float64, take
from converters.thresholds import SourceConverted

__all__ = ["as_found_beside", "said_of_finer_rows"]


def as_found_beside(
    converted: Converted, expected: Tensors, found: Tensors, *, rows: Rows, beside: Sequence[Rows]
) -> tuple[Tensors, int]:
    """Return what is expected, and how many rows the source does not decide.

    A row is undecided where the source says what was found of the same row but for a rounding; it
    is then as right as what it says of the row itself. All other rows are as expected.

    Args:
        converted: The conversion.
        expected: What the source says.
        found: What the converted model says.
        rows: Of which both say it.
        beside: The same rows with numbers that a device cannot tell from theirs.
    """
    off = np.flatnonzero(~alike(expected, found, tolerance=RELATIVE_TOLERANCE))
    if converted.predict is None or not len(off):
        return expected, 0
    right = {name: values.copy() for name, values in expected.items()}
    left, doubtful = off, 0
    doubts = chain((take(it, off) for it in beside), _doubts(converted, take(rows, off)))
    for doubt in doubts:
        try:
            said = converted.predict(doubt)
        except ValueError:  # it does not accept them, as when the largest numbers became infinite
            continue
        among = np.searchsorted(off, left)
        near = {name: values[among] for name, values in said.items()}
        is_near = alike(near, {n: v[left] for n, v in found.items()}, tolerance=RELATIVE_TOLERANCE)
        for name, values in near.items():
            right[name] = right[name].astype(np.result_type(right[name], values))
            right[name][left[is_near]] = values[is_near]
        doubtful += int(is_near.sum())
        left = left[~is_near]
        if not len(left):
            break
    return right, doubtful


def said_of_finer_rows(converted: Converted, rows: Rows) -> "Tensors | None":
    """Return what the source says of the same numbers as float64; ``None`` if they are already."""
    finer = in_float64(rows)
    may_round = isinstance(converted, SourceConverted) and converted.may_round
    if finer is None or converted.predict is None or not may_round:
        return None
    try:
        return converted.predict(finer)
    except ValueError:
        return None


def _doubts(converted: Converted, rows: Rows) -> Iterator[Rows]:
    if isinstance(converted, SourceConverted) and converted.has_jumps:
        yield from rounded_otherwise(rows, converted.rounding)
