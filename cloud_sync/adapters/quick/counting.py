"""Checks the sketches of a window all at once, and adds windows up when the sum is asked for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from cloud_sync.adapters.quick.checked import Checked
from cloud_sync.adapters.quick.moments import MomentsRow, sums_of_moments
from cloud_sync.adapters.quick.states import QuickStates, unpack_quickly
from cloud_sync.adapters.quick.texts import Integers
from edge_contract.json_text import parse_json
from edge_contract.messages.codec import Tools
from edge_contract.reading import MAX_INTEGER, JsonValue
from edge_contract.stats import FLOAT_BITS, Profile, ProfileSpec, Sketch, SketchSpec, Statistic
from edge_contract.stats.moments import MomentsSpec
from edge_contract.stats.probabilities import ProbabilitiesSpec

__all__ = ["QuickCounting"]

_MOST_WAITING: Final = 2_000_000
"""Buckets of windows that wait to be added up."""

_MOST_LAYOUTS: Final = 1_000
_WHOLE: Final = {int}
_WORTH_A_TABLE: Final = 8
"""With a bucket for so many codes, a table of all codes is quicker than sorting them."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the codes of each column's sketch are among those of all columns.

    Attributes:
        is_sketch: Whether the column is one.
        low: Smallest code of each column.
        high: Largest code.
        zero_is_wrong: Whether 0 is no code.
        offset: Where the codes begin, less the smallest.
        size: Codes of all columns.
    """

    is_sketch: npt.NDArray[np.bool_]
    low: Integers
    high: Integers
    zero_is_wrong: npt.NDArray[np.bool_]
    offset: Integers
    size: int

    @classmethod
    def of(cls, spec: ProfileSpec) -> "_Layout":
        """Lay out the sketches of a spec."""
        columns = len(spec.columns)
        low, high, offset = (np.zeros(columns, np.int64) for _ in range(3))
        is_sketch, zero_is_wrong = np.zeros(columns, np.bool_), np.zeros(columns, np.bool_)
        size = 0
        for column, found in enumerate(spec.columns):
            if isinstance(found.spec, SketchSpec):
                is_sketch[column] = True
                low[column], high[column] = found.spec.first_code, found.spec.last_code
                zero_is_wrong[column] = found.spec.mapping == FLOAT_BITS
                offset[column] = size - found.spec.first_code
                size += found.spec.last_code - found.spec.first_code + 1
        return cls(is_sketch, low, high, zero_is_wrong, offset, size)


class QuickCounting:
    """Implements :class:`cloud_sync.core.counting.Counting`. One thread at a time.

    Args:
        parse: Reads JSON.
    """

    def __init__(self, parse: Callable[[bytes], object] = parse_json) -> None:
        self.tools = Tools(parse, unpack_quickly)
        self._layouts: dict[int, tuple[ProfileSpec, _Layout]] = {}

    def check(self, spec: ProfileSpec, state: Mapping[int, JsonValue]) -> Mapping[int, int]:
        """Return the observations of each column."""
        if not isinstance(state, QuickStates) or not state.sparse:
            return spec.check(state)
        checked = _checked(self._layout(spec), state)
        if checked is None:  # wrong, or unusual: the other way tells which
            return spec.check(state)
        counts = _counts(checked, state)
        for column, found in state.rest.items():
            if not 0 <= column < len(spec.columns):
                return spec.check(state)
            of = spec.columns[column].spec
            if isinstance(of, MomentsSpec):
                counts[column] = of.check(found)
                if isinstance(found, list):
                    checked.moments.append([column, *found])
            elif isinstance(of, ProbabilitiesSpec):
                counts[column] = of.check(found)
                checked.plain[column] = found
            else:
                statistic = checked.rest[column] = of.decode(found)
                counts[column] = statistic.count
        state.checked = checked
        return counts

    def sum(self, spec: ProfileSpec) -> "_QuickSum":
        """Return a sum of nothing yet."""
        return _QuickSum(spec, self._layout(spec))

    def _layout(self, spec: ProfileSpec) -> _Layout:
        """Return the layout of a spec; by its identity, because its hash takes longer."""
        known = self._layouts.get(id(spec))
        if known is None:
            if len(self._layouts) >= _MOST_LAYOUTS:
                self._layouts.clear()
            known = self._layouts[id(spec)] = (spec, _Layout.of(spec))
        return known[1]


class _QuickSum:
    """Keeps what is to be added until the sum is asked for, or too much waits."""

    def __init__(self, spec: ProfileSpec, layout: _Layout) -> None:
        self._spec = spec
        self._layout = layout
        self._plain = spec.empty()
        self._places: list[Integers] = []
        self._counts: list[Integers] = []
        self._buckets = 0
        self._columns: list[Integers] = []
        self._apart: list[Integers] = []
        self._moments: list[MomentsRow] = []
        self._rest: dict[int, Statistic] = {}

    def add(self, state: Mapping[int, JsonValue]) -> None:
        """Add states that were checked."""
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
        for column, statistic in checked.rest.items():
            before = self._rest.get(column)
            self._rest[column] = statistic if before is None else before.merged(statistic)
        self._buckets += len(checked.places)
        if self._buckets > _MOST_WAITING:
            self._add_up()

    def profile(self) -> Profile:
        """Return the sum."""
        statistics: dict[int, Statistic] = {}
        if self._columns:
            self._add_up()
            statistics.update(self._sketches())
        if self._moments:
            statistics.update(sums_of_moments(self._moments))
        # A sketch may be among the rest too: one of zeros alone, or of counts with many digits.
        others = Profile(self._spec, self._rest).merged(self._plain)
        return Profile(self._spec, statistics).merged(others)

    def _add_up(self) -> None:
        """Leave one count of each bucket, rising, and one row of each column."""
        places, counts = np.concatenate(self._places), np.concatenate(self._counts)
        places, counts = _added(places, counts, size=self._layout.size)
        self._places, self._counts, self._buckets = [places], [counts], len(places)
        columns, rows = np.unique(np.concatenate(self._columns), return_inverse=True)
        apart = np.zeros((columns.size, 4), np.int64)
        np.add.at(apart, rows, np.concatenate(self._apart))
        self._columns, self._apart = [columns], [apart]

    def _sketches(self) -> dict[int, Statistic]:
        (places,), (counts,), (columns,), (apart,) = (
            self._places,
            self._counts,
            self._columns,
            self._apart,
        )
        found: dict[int, Statistic] = {}
        offsets = self._layout.offset[columns]
        starts = np.searchsorted(places, offsets + self._layout.low[columns])
        ends = np.searchsorted(places, offsets + self._layout.high[columns], side="right")
        for row, column in enumerate(columns.tolist()):
            of = self._spec.columns[column].spec
            if isinstance(of, SketchSpec):
                part = slice(int(starts[row]), int(ends[row]))
                codes = (places[part] - offsets[row]).tolist()
                by_code = dict(zip(codes, counts[part].tolist(), strict=True))
                zero, missing, up, down = apart[row].tolist()
                found[column] = Sketch(of, zero, missing, up, down, by_code)
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


def _checked(layout: _Layout, state: QuickStates) -> Checked | None:
    """Return what the sketches add to a sum; ``None`` if something may be wrong with them."""
    if {*map(type, state.apart)} != _WHOLE:
        return None
    columns = np.array(state.sparse, np.int64)
    if columns.max() >= layout.is_sketch.size or not layout.is_sketch[columns].all():
        return None
    try:
        apart = np.array(state.apart, np.int64).reshape(-1, 4)
    except OverflowError:
        return None
    lists = state.lists.facts
    gaps, counts = np.array(state.gaps), np.array(state.counts)
    lengths = state.lists.lengths[gaps]
    is_right = (
        (lengths == state.lists.lengths[counts]).all()
        and (lists.firsts[gaps] >= layout.low[columns]).all()
        and (lists.totals[gaps] <= layout.high[columns]).all()
        and lists.lowest_later[gaps].min() >= 1
        and lists.lowest[counts].min() >= 1
        and apart.min() >= 0
        and apart.max() <= MAX_INTEGER
    )
    if not is_right:
        return None
    codes = state.lists.codes_of(gaps)
    if (codes == 0).any() and (
        np.repeat(layout.zero_is_wrong[columns], lengths) & (codes == 0)
    ).any():
        return None
    places = codes + np.repeat(layout.offset[columns], lengths)
    return Checked(columns, apart, places, state.lists.numbers_of(counts))


def _counts(checked: Checked, state: QuickStates) -> dict[int, int]:
    seen = checked.apart.sum(axis=1) + state.lists.facts.totals[state.counts]
    return dict(zip(state.sparse, seen.tolist(), strict=True))
