"""The caller's rows with some of their numbers changed; rows and columns keep their types."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from converters.base import Rows
from converters.rows import in_float64, is_frame
from converters.table import columns_of, numbers

__all__ = [
    "LAST_BITS",
    "fine_columns",
    "moved_by_chance",
    "rounded_otherwise",
    "with_all_changed",
    "with_one_changed",
]

LAST_BITS: Final = 2.0**-49
"""How much results of float64 may differ between machines, relative to the numbers of a row."""

_DRAWS: Final = 24


def fine_columns(rows: Rows) -> tuple[int, ...]:
    """Return the columns of float32 or float64; others round their numbers in their own ways."""
    plain = (np.dtype(np.float32), np.dtype(np.float64))
    return tuple(
        place
        for place, column in enumerate(columns_of(rows))
        if not column.is_text and not column.is_whole and _kind(rows, place) in plain
    )


def with_one_changed(rows: Rows, columns: NDArray[np.int64], values: NDArray[np.float64]) -> Rows:
    """Return rows with one number changed in each.

    Args:
        rows: The rows.
        columns: By row, which one.
        values: By row, what it becomes.
    """
    if isinstance(rows, np.ndarray):
        array: NDArray[np.generic] = rows.copy()
        array[np.arange(len(columns)), columns] = values
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


def with_all_changed(
    rows: Rows,
    columns: Sequence[int],
    change: Callable[[NDArray[np.float64]], NDArray[np.floating]],
) -> Rows:
    """Return rows with all numbers of some columns changed, those of an array all at once."""
    if isinstance(rows, np.ndarray):
        return change(rows.astype(np.float64)).astype(rows.dtype)
    if not is_frame(rows):
        return rows
    frame = rows.reset_index(drop=True)
    for column in columns:
        is_single = frame.iloc[:, column].dtype == np.float32
        changed = change(numbers(frame, column))
        frame.isetitem(column, changed.astype(np.float32 if is_single else np.float64))
    return frame


def rounded_otherwise(rows: Rows, share: float) -> Iterator[Rows]:
    """Yield the rows as a source that rounds on its way may take them.

    What it rounds away later is as much as if its numbers had been a little different. They are
    moved by chance, each for itself, by more and more; the first rows are as they are, but their
    float32 are float64, of which the source rounds less.

    Args:
        rows: The rows.
        share: How much numbers may move at most, relative to their size.
    """
    columns, random = fine_columns(rows), np.random.default_rng(0)
    if not columns:
        return
    finer = in_float64(rows)
    if finer is not None:
        yield finer
    for draw in range(1, _DRAWS + 1):
        most = share * draw / _DRAWS

        yield with_all_changed(rows, columns, partial(moved_by_chance, share=most, random=random))


def moved_by_chance(
    values: NDArray[np.float64], share: float, random: np.random.Generator | None = None
) -> NDArray[np.float64]:
    """Return numbers that are a share of their size larger or smaller, each by chance."""
    random = random or np.random.default_rng(0)
    return values * (1.0 + share * (2 * random.integers(0, 2, values.shape) - 1))


def _kind(rows: Rows, column: int) -> object:
    return rows.iloc[:, column].dtype if is_frame(rows) else getattr(rows, "dtype", None)
