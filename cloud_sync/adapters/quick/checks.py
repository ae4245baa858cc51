"""Whether the numbers of many windows can be true: seen for all of them at once."""

from array import array
from collections.abc import Sequence
from typing import Final

import numpy as np

from cloud_sync.adapters.quick.blocks import Block, Bools, Floats, JointRows
from cloud_sync.adapters.quick.drafts import Draft, JointItem, OtherItem
from cloud_sync.adapters.quick.pairs import Pairs, integers
from cloud_sync.adapters.quick.texts import Integers, TextLists, read_texts
from edge_contract.errors import MessageError
from edge_contract.messages.packing import PLACE
from edge_contract.reading import MAX_INTEGER, JsonValue
from edge_contract.stats import LARGEST_PRODUCT, Statistic
from edge_contract.stats.float32 import MAX_FLOAT32

__all__ = ["checked_block"]

_MAX_FLOAT64: Final = float(np.finfo(np.float64).max)
_NESTED: Final = {dict, list}
_SAFE: Final = 2**31
"""Products of numbers below it fit into 64 bits."""


def checked_block(draft: Draft) -> Block:
    """Return what windows add to sums; those that may be wrong are told, not refused."""
    return _Checks(draft).block()


class _Checks:
    """Looks at one kind of number after the other."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        size = len(draft.layouts)
        columns = max((len(layout.spec.columns) for layout in draft.layouts), default=0)
        self._windows = np.arange(size)
        self._is_right = np.ones(size, np.bool_)
        self._seen = np.zeros((size, columns), np.int64)
        self._lists, unreadable = read_texts(draft.texts)
        if unreadable:
            message = np.repeat(np.arange(len(draft.texts)), integers(draft.windows_of))
            self._is_right[np.isin(message, unreadable)] = False

    def block(self) -> Block:
        """Return what the windows add to sums."""
        draft = self._draft
        cell_column, cell_window = integers(draft.cells), self._owners(draft.cells_of)
        apart = integers(draft.apart).reshape(-1, 4)
        self._refuse(cell_window, _any((apart < 0) | (apart > MAX_INTEGER)))
        np.add.at(self._seen, (cell_window, cell_column), apart.sum(axis=1))
        invalid = integers(draft.invalid).reshape(-1, 3)
        self._refuse(invalid[:, 0], (invalid[:, 2] < 0) | (invalid[:, 2] > MAX_INTEGER))
        np.add.at(self._seen, (invalid[:, 0], invalid[:, 1]), invalid[:, 2])
        moments, joints, others = self._moments(), self._joints(), self._others()
        rows = Pairs.of(draft, self._lists, self._owners(draft.rows_of))
        parts, part_rows = np.frombuffer(draft.parts), integers(draft.part_rows)
        part_window, sizes = rows.window[part_rows], rows.totals[part_rows]
        self._refuse(part_window, ~((parts >= 0.0) & (parts <= sizes)))
        places, counts, bucket_window = self._buckets(rows)
        return Block(
            draft.layouts,
            self._is_right,
            self._seen,
            self._seen.max(axis=1, initial=0).tolist(),
            places=places,
            counts=counts,
            bucket_window=bucket_window,
            cell_column=cell_column,
            cell_window=cell_window,
            apart=apart,
            moment_window=self._owners(draft.moments_of),
            moments=moments,
            part_window=part_window,
            part_row=rows.row[part_rows],
            parts=parts,
            invalid=invalid,
            joints=joints,
            others=others,
        )

    def _owners(self, sizes: "array[int]") -> Integers:
        return np.repeat(self._windows, integers(sizes))

    def _refuse(self, windows: Integers, is_wrong: Bools) -> None:
        if is_wrong.any():
            self._is_right[windows[is_wrong]] = False

    def _buckets(self, rows: "Pairs") -> tuple[Integers, Integers, Integers]:
        lists = self._lists
        if not rows.row.size:
            return rows.row, rows.row, rows.row
        self._refuse(rows.window, rows.are_wrong(lists))
        np.add.at(self._seen, (rows.window, rows.column), rows.totals)
        rows = rows.where(self._is_right[rows.window])
        lengths = lists.lengths[rows.gaps]
        codes, window = lists.codes_of(rows.gaps), np.repeat(rows.window, lengths)
        is_zero = codes == 0
        if is_zero.any():
            self._refuse(window, is_zero & np.repeat(rows.zero_is_wrong, lengths))
        return codes + np.repeat(rows.offset, lengths), lists.numbers_of(rows.counts), window

    def _moments(self) -> Floats:
        draft = self._draft
        column, window = integers(draft.moment_columns), self._owners(draft.moments_of)
        finite, nonfinite = integers(draft.finite), integers(draft.nonfinite)
        table = np.frombuffer(draft.moments).reshape(-1, 6)
        mean, m2, low, high = table[:, 2:].T
        is_right = (
            (finite >= 0)
            & (finite <= MAX_INTEGER)
            & (nonfinite >= 0)
            & (nonfinite <= MAX_INTEGER)
            & (np.abs(mean) <= MAX_FLOAT32)
            & (m2 >= 0.0)
            & (m2 <= _MAX_FLOAT64)
            & (low >= -MAX_FLOAT32)
            & (low <= high)
            & (high <= MAX_FLOAT32)
        )
        if not finite.all():
            is_right &= (finite > 0) | ((mean == 0) & (m2 == 0) & (low == 0) & (high == 0))
        self._refuse(window, ~is_right)
        is_large = _any(np.abs(table) > MAX_INTEGER)
        for place in np.unique(window[is_large]).tolist():  # whole numbers must not be
            if not all(_is_exact(number) for number in draft.moment_numbers[place]):
                self._is_right[place] = False
        np.add.at(self._seen, (window, column), finite + nonfinite)
        return np.column_stack((column, table))

    def _joints(self) -> dict[tuple[int, int], JointRows]:
        by_column: dict[tuple[int, int], list[JointItem]] = {}
        for item in self._draft.joints:
            key = id(self._draft.layouts[item.window].spec), item.column
            by_column.setdefault(key, []).append(item)
        return {key: self._joint(items) for key, items in by_column.items()}

    def _joint(self, items: Sequence[JointItem]) -> JointRows:
        size = len(items[0].spec.pairs)
        windows = np.array([item.window for item in items], np.int64)
        rows = np.array([min(item.rows, MAX_INTEGER + 1) for item in items], np.int64)
        tables = [
            self._table(windows, [item.lists[place] for item in items], size) for place in range(3)
        ]
        missing, totals, squares = tables
        count = rows[:, np.newaxis] - missing
        is_right = (
            (missing >= 0)
            & (count >= 0)
            & (squares < _SAFE)
            & (count < _SAFE)
            & (np.abs(totals) <= squares)
            & (squares <= LARGEST_PRODUCT * LARGEST_PRODUCT * np.minimum(count, _SAFE))
            & ((totals - squares) & 1 == 0)
        )
        with np.errstate(over="ignore"):
            is_right &= totals * totals <= count * squares
        self._refuse(windows, ~(is_right.all(axis=1) & (rows >= 0) & (rows <= MAX_INTEGER)))
        self._seen[windows, items[0].column] = rows  # a window has a column once
        return JointRows(windows, rows, missing, totals, squares)

    def _table(
        self, windows: Integers, lists: Sequence[Sequence[int] | int], size: int
    ) -> Integers:
        """Return a row of each list, some of which are in the text."""
        table = np.zeros((len(lists), size), np.int64)
        in_text = [place for place, found in enumerate(lists) if isinstance(found, int)]
        places = np.array([found for found in lists if isinstance(found, int)], np.int64)
        is_long = self._lists.lengths[places] == size
        self._refuse(windows[in_text], ~is_long)
        starts = self._lists.starts[places[is_long]]
        table[np.array(in_text, np.int64)[is_long]] = self._lists.numbers[
            starts[:, np.newaxis] + np.arange(size)
        ]
        for place, found in enumerate(lists):
            if not isinstance(found, int):
                try:
                    table[place] = found
                except OverflowError:
                    self._is_right[windows[place]] = False
        return table

    def _others(self) -> dict[int, dict[int, Statistic]]:
        found: dict[int, dict[int, Statistic]] = {}
        for item in self._draft.others:
            spec = self._draft.layouts[item.window].spec.columns[item.column].spec
            try:
                statistic = spec.decode(_Filler(self._lists, item).filled())
                self._seen[item.window, item.column] = statistic.count
            except (MessageError, OverflowError):
                self._is_right[item.window] = False
            else:
                found.setdefault(item.window, {})[item.column] = statistic
        return found


class _Filler:
    """Puts lists out of the text back into a state, in the order in which they stand."""

    def __init__(self, lists: TextLists, item: OtherItem) -> None:
        self._lists = lists
        self._state = item.state
        self._first, self._other = item.first, item.other

    def filled(self) -> JsonValue:
        """Return the state as it was before it was sent."""
        return self._read(self._state, is_first=False)

    def _read(self, state: JsonValue, *, is_first: bool) -> JsonValue:
        if state == PLACE:
            place = self._first if is_first else self._other
            self._first, self._other = self._first + is_first, self._other + (not is_first)
            return self._lists.list_of(place)
        if not isinstance(state, list):
            return state
        return [
            self._read(item, is_first=not place) if type(item) in _NESTED else item
            for place, item in enumerate(state)
        ]


def _is_exact(number: int | float) -> bool:
    return isinstance(number, float) or abs(number) <= MAX_INTEGER


def _any(table: Bools) -> Bools:
    """Return of each row whether it has any."""
    found: Bools = np.logical_or.reduce(table, axis=1)
    return found
