"""What windows of many messages add to sums, all in a few arrays."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from cloud_sync.adapters.quick.layouts import Layout
from cloud_sync.adapters.quick.texts import Integers
from edge_contract.stats import Statistic

__all__ = ["Block", "Bools", "Floats", "JointRows"]

Bools: TypeAlias = npt.NDArray[np.bool_]
Floats: TypeAlias = npt.NDArray[np.float64]


class JointRows(NamedTuple):
    """Joint statistics of one column: of each its window, its rows, and a row of each list."""

    windows: Integers
    rows: Integers
    missing: Integers
    totals: Integers
    squares: Integers


@dataclass(slots=True)
class Block:
    """What many windows add to sums.

    Attributes:
        layouts: Of each window.
        is_right: Whether all of a window can be true: bool[windows].
        seen: Observations of each column: int64[windows, columns].
        most: Observations of the column that has most, of each window.
        places: Of each bucket among the codes of all rows: int64[buckets].
        counts: Of each bucket: int64[buckets].
        bucket_window: Whose it is: int64[buckets].
        cell_column: Column of each sketch: int64[sketches].
        cell_window: Whose it is.
        apart: Zeros, missing and infinities: int64[sketches, 4].
        moment_window: Whose each of the moments are.
        moments: Column, finite, nonfinite, mean, m2, lowest, highest: float64[moments, 7].
        part_window: Whose each class of predictions is.
        part_row: Its row in the layout.
        parts: Sum of its probabilities: float64[classes].
        invalid: Window, column and invalid predictions: int64[histograms, 3].
        joints: Joint statistics, by identity of the spec and column.
        others: Other statistics, by column, of the windows that have any.
    """

    layouts: Sequence[Layout]
    is_right: Bools
    seen: Integers
    most: list[int]
    places: Integers
    counts: Integers
    bucket_window: Integers
    cell_column: Integers
    cell_window: Integers
    apart: Integers
    moment_window: Integers
    moments: Floats
    part_window: Integers
    part_row: Integers
    parts: Floats
    invalid: Integers
    joints: Mapping[tuple[int, int], JointRows]
    others: Mapping[int, Mapping[int, Statistic]]

    @property
    def windows(self) -> int:
        """How many there are."""
        return len(self.layouts)

    def seen_by(self, window: int) -> Mapping[int, int]:
        """Return the observations of each column of a window."""
        return _Row(self.seen, window)


class _Row(Mapping[int, int]):
    """A row of numbers by its places, of which nothing is made until it is asked for."""

    __slots__ = ("_row", "_table")

    def __init__(self, table: Integers, row: int) -> None:
        self._table = table
        self._row = row

    def __getitem__(self, place: int) -> int:
        return int(self._table[self._row, place])

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self)))

    def __len__(self) -> int:
        return len(self._table[0])
