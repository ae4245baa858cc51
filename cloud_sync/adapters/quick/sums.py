"""Adds windows up when the sum is asked for."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from cloud_sync.adapters.quick.block_reader import BlockStates
from cloud_sync.adapters.quick.blocks import Block, Bools, Floats, JointRows
from cloud_sync.adapters.quick.layouts import Layout
from cloud_sync.adapters.quick.moments import MomentsRow, sums_of_moments
from cloud_sync.adapters.quick.states import QuickStates
from cloud_sync.adapters.quick.texts import Integers
from edge_contract.reading import JsonValue
from edge_contract.stats import (
    Joint,
    JointSpec,
    Probabilities,
    ProbabilitiesSpec,
    Profile,
    Sketch,
    SketchSpec,
    Statistic,
)

__all__ = ["QuickSum"]

_MOST_WAITING: Final = 2_000_000
"""Buckets of windows that wait to be added up."""

_WORTH_A_TABLE: Final = 8
"""With a bucket for so many codes, a table of all codes is quicker than sorting them."""

_SAFE: Final = 2**62
"""Sums of numbers of 64 bits stay below it, or are made without that limit."""


class QuickSum:
    """Keeps what is to be added until the sum is asked for, or too much waits.

    Args:
        layout: Of the spec of all windows.
    """

    def __init__(self, layout: Layout) -> None:
        self._spec = layout.spec
        self._layout = layout
        self._plain = layout.spec.empty()
        self._blocks: dict[int, tuple[Block, list[int]]] = {}
        self._places: list[Integers] = []
        self._counts: list[Integers] = []
        self._waiting = 0
        self._columns: list[Integers] = []
        self._apart: list[Integers] = []
        self._moments: list[MomentsRow] = []
        self._tables: list[Floats] = []
        self._invalid: dict[int, int] = {}
        self._parts: dict[int, float] = {}
        self._rest: dict[int, Statistic] = {}

    def add(self, state: Mapping[int, JsonValue]) -> None:
        """Add states that were checked."""
        if isinstance(state, BlockStates):
            block = state.block
            if block is not None and block.layouts[state.window].spec is self._spec:
                self._blocks.setdefault(id(block), (block, []))[1].append(state.window)
                self._wait_for(block.places.size // block.windows)
                return
        checked = state.checked if isinstance(state, QuickStates) else None
        if checked is None:
            self._plain.absorb(state)
            return
        self._places.append(checked.places)
        self._counts.append(checked.counts)
        self._columns.append(checked.columns)
        self._apart.append(checked.apart)
        self._moments += checked.moments
        self._plain.absorb(checked.plain)
        self._add_rest(checked.rest)
        self._wait_for(len(checked.places))

    def profile(self) -> Profile:
        """Return the sum."""
        self._add_up()
        statistics: dict[int, Statistic] = {}
        statistics.update(self._sketches())
        statistics.update(self._histograms())
        if self._moments:
            self._tables.append(np.array(self._moments, np.float64))
        if self._tables:
            statistics.update(sums_of_moments(np.concatenate(self._tables)))
        # A sketch may be among the rest too: one of zeros alone, or of counts with many digits.
        others = Profile(self._spec, self._rest).merged(self._plain)
        return Profile(self._spec, statistics).merged(others)

    def _wait_for(self, buckets: int) -> None:
        self._waiting += buckets
        if self._waiting > _MOST_WAITING:
            self._add_up()

    def _add_rest(self, statistics: Mapping[int, Statistic]) -> None:
        for column, statistic in statistics.items():
            before = self._rest.get(column)
            self._rest[column] = statistic if before is None else before.merged(statistic)

    def _add_up(self) -> None:
        """Leave one count of each bucket, rising, and one row of each column."""
        for block, windows in self._blocks.values():
            self._add_block(block, windows)
        self._blocks.clear()
        if self._places:
            places, counts = np.concatenate(self._places), np.concatenate(self._counts)
            places, counts = _added(places, counts, size=self._layout.size)
            self._places, self._counts = [places], [counts]
        if self._columns:
            columns, rows = np.unique(np.concatenate(self._columns), return_inverse=True)
            apart = np.zeros((columns.size, 4), np.int64)
            np.add.at(apart, rows, np.concatenate(self._apart))
            self._columns, self._apart = [columns], [apart]
        self._waiting = sum(places.size for places in self._places)

    def _add_block(self, block: Block, windows: Sequence[int]) -> None:
        is_meant = np.zeros(block.windows, np.bool_)
        is_meant[windows] = True
        buckets = is_meant[block.bucket_window]
        self._places.append(block.places[buckets])
        self._counts.append(block.counts[buckets])
        cells = is_meant[block.cell_window]
        self._columns.append(block.cell_column[cells])
        self._apart.append(block.apart[cells])
        moments = is_meant[block.moment_window]
        if moments.any():
            self._tables.append(block.moments[moments])
        self._add_predictions(block, is_meant)
        for (spec, column), joints in block.joints.items():
            if spec == id(self._spec):
                self._add_joint(column, joints, is_meant[joints.windows])
        for window in windows:
            self._add_rest(block.others.get(window, {}))

    def _add_predictions(self, block: Block, is_meant: Bools) -> None:
        for _, column, invalid in block.invalid[is_meant[block.invalid[:, 0]]].tolist():
            self._invalid[column] = self._invalid.get(column, 0) + invalid
        parts = is_meant[block.part_window]
        rows = block.part_row[parts]
        sums = np.bincount(rows, block.parts[parts], self._layout.low.size)
        for row in np.unique(rows).tolist():
            self._parts[row] = self._parts.get(row, 0.0) + float(sums[row])

    def _add_joint(self, column: int, joints: JointRows, is_meant: Bools) -> None:
        of = self._spec.columns[column].spec
        if isinstance(of, JointSpec) and is_meant.any():
            missing, totals, squares = (_sum(table[is_meant]) for table in joints[2:])
            rows = sum(joints.rows[is_meant].tolist())
            self._add_rest({column: Joint(of, rows, missing, totals, squares)})

    def _sketches(self) -> dict[int, Statistic]:
        found: dict[int, Statistic] = {}
        for columns, apart in zip(self._columns, self._apart, strict=True):
            for column, numbers in zip(columns.tolist(), apart.tolist(), strict=True):
                of = self._spec.columns[column].spec
                if isinstance(of, SketchSpec):
                    zero, missing, up, down = numbers
                    found[column] = Sketch(of, zero, missing, up, down, self._by_code(column))
        return found

    def _histograms(self) -> dict[int, Statistic]:
        """Return the predictions of each column that has any, of all classes."""
        found: dict[int, Statistic] = {}
        for column, invalid in self._invalid.items():
            of = self._spec.columns[column].spec
            if isinstance(of, ProbabilitiesSpec):
                first = self._layout.first_class[column]
                rows = {k: first + k for k in range(len(of.lows)) if first + k in self._parts}
                counts = {k: self._by_code(row) for k, row in rows.items()}
                sums = {k: self._parts[row] for k, row in rows.items()}
                found[column] = Probabilities(of, invalid, counts, sums)
        return found

    def _by_code(self, row: int) -> dict[int, int]:
        """Return the counts of a row by code."""
        if not self._places:
            return {}
        offset = int(self._layout.offset[row])
        edges = (offset + self._layout.low[row], offset + self._layout.high[row] + 1)
        first, last = np.searchsorted(self._places[0], edges).tolist()
        codes = (self._places[0][first:last] - offset).tolist()
        return dict(zip(codes, self._counts[0][first:last].tolist(), strict=True))


def _sum(table: Integers) -> list[int]:
    """Return the sum of each column, whatever its size."""
    if table.size and int(np.abs(table).max()) * len(table) >= _SAFE:
        table = table.astype(object)
    found: list[int] = table.sum(axis=0).tolist()
    return found


def _added(places: Integers, counts: Integers, *, size: int) -> tuple[Integers, Integers]:
    """Return each place once, rising, with the sum of its counts.

    Args:
        places: From 0 to ``size - 1``.
        counts: One each.
        size: Of all places.
    """
    if places.size * _WORTH_A_TABLE > size:
        # Sums of whole numbers are exact as doubles: a message has at most 10^10 observations.
        table = np.bincount(places, counts, size)
        seen = table.nonzero()[0]
        return seen, table[seen].astype(np.int64)
    order = places.argsort(kind="stable")
    sorted_places = places[order]
    is_new = np.ones(places.size, np.bool_)
    is_new[1:] = sorted_places[1:] != sorted_places[:-1]
    starts = is_new.nonzero()[0]
    return sorted_places[starts], np.add.reduceat(counts[order], starts)
