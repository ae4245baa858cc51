"""Takes windows of many messages apart into one list of each kind of number.

Only shapes and types are looked at here, message by message; whether the numbers can be true is
seen for all of them at once, see :mod:`cloud_sync.adapters.quick.checks`.
"""

from array import array
from collections.abc import Sequence
from itertools import chain
from typing import Final, NamedTuple, Protocol

from cloud_sync.adapters.quick.layouts import Layout
from cloud_sync.adapters.quick.plans import NO_LISTS, TWO_LISTS, Lists, WindowPlan
from edge_contract.messages.packing import END, PLACE
from edge_contract.reading import JsonValue
from edge_contract.stats import JointSpec, ProbabilitiesSpec

__all__ = ["Draft", "JointItem", "OtherItem", "UnusualError", "WindowDraft"]

_WHOLE: Final = {int}
_DEEPEST: Final = 8


class UnusualError(Exception):
    """A message is not as most are: it is read by itself, which tells what is wrong, if it is."""


class WindowDraft(NamedTuple):
    """A window whose states are to be taken apart."""

    layout: Layout
    plan: WindowPlan
    states: Sequence[JsonValue]


class JointItem(NamedTuple):
    """A joint statistic: each list is one of whole numbers, or a place among those in the text."""

    window: int
    column: int
    spec: JointSpec
    rows: int
    lists: tuple[Sequence[int] | int, ...]


class OtherItem(NamedTuple):
    """A state of another kind; its lists begin at these places among those in the text."""

    window: int
    column: int
    state: JsonValue
    first: int
    other: int


class _Kept(Protocol):
    """A list or an array, of which the end can be cut off."""

    def __len__(self) -> int: ...

    def __delitem__(self, place: slice, /) -> None: ...


class _Cursor:
    """Where the next lists are, of those that begin their list and of all others."""

    __slots__ = ("first", "other")

    def __init__(self, first: int, other: int) -> None:
        self.first = first
        self.other = other


class Draft:
    """Numbers of many windows, those of each message one after the other.

    Attributes:
        texts: Lists of small whole numbers, of each message.
        windows_of: How many windows each message has.
        lists: How many lists there are, and ``characters`` of them.
        layouts: Of each window.
        cells: Column of each sketch, and ``cells_of`` how many each window has.
        apart: Four numbers of each sketch.
        rows: Row of each pair of lists, and ``rows_of`` how many each window has.
        gaps: Place of the first list of each pair; ``counts`` that of the second.
        moment_columns: Column of each of the moments, and ``moments_of`` how many each window has.
        moments: Their six numbers; ``finite`` and ``nonfinite`` are the first two, exactly, and
            ``moment_numbers`` all of a window as they came.
        parts: Sum of the probabilities of each class, and ``part_rows`` its place among ``rows``.
        invalid: Window, column and number of each histogram's invalid predictions.
        joints: Joint statistics.
        others: What is of another kind.
    """

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.lists = self.characters = 0
        self.layouts: list[Layout] = []
        self.joints: list[JointItem] = []
        self.others: list[OtherItem] = []
        self.parts, self.moments = array("d"), array("d")
        self.moment_numbers: list[Sequence[int | float]] = []
        self.cells, self.cells_of, self.apart = array("q"), array("q"), array("q")
        self.rows, self.rows_of = array("q"), array("q")
        self.gaps, self.counts = array("q"), array("q")
        self.moment_columns, self.moments_of = array("q"), array("q")
        self.finite, self.nonfinite = array("q"), array("q")
        self.windows_of = array("q")
        self.part_rows, self.invalid = array("q"), array("q")
        self._all: tuple[_Kept, ...] = (
            *(self.texts, self.layouts, self.joints, self.others, self.parts, self.moments),
            *(self.cells, self.cells_of, self.apart, self.rows, self.rows_of, self.gaps),
            *(self.counts, self.moment_columns, self.moments_of, self.finite, self.nonfinite),
            *(self.part_rows, self.invalid, self.moment_numbers),
        )

    def add(self, windows: Sequence[WindowDraft], firsts: str, others: str) -> None:
        """Take the windows of a message apart; raises ``UnusualError`` and leaves nothing."""
        sizes = [len(kept) for kept in self._all]
        first_lists, other_lists = firsts.count(END), others.count(END)
        cursor = _Cursor(self.lists, self.lists + first_lists)
        try:
            for window in windows:
                self._add(window.plan, window.states, cursor)
                self.layouts.append(window.layout)
        except (TypeError, ValueError, OverflowError, UnusualError):
            is_right = False
        else:
            ends = (self.lists + first_lists, self.lists + first_lists + other_lists)
            is_right = (cursor.first, cursor.other) == ends and all(
                not text or text[-1] == END for text in (firsts, others)
            )
        if not is_right:
            for kept, size in zip(self._all, sizes, strict=True):
                del kept[size:]
            raise UnusualError
        self.texts.append(firsts + others)
        self.characters += len(self.texts[-1])
        self.windows_of.append(len(windows))
        self.lists += first_lists + other_lists

    def _add(self, plan: WindowPlan, states: Sequence[JsonValue], cursor: _Cursor) -> None:
        """Take a window apart; what cannot be raises one of many errors."""
        rows_before = len(self.rows)
        tails = self._add_sketches(plan, plan.sketches(states))
        self._add_moments(plan, plan.moments(states))
        is_whole = tails == plan.tails
        for first, rows, place, column in plan.steps:
            size = len(rows)
            if is_whole:
                self.rows.extend(rows)
                self.gaps.extend(range(cursor.first, cursor.first + size))
                self.counts.extend(range(cursor.other, cursor.other + size))
                cursor.first += size
                cursor.other += size
            else:
                for row, tail in zip(rows, tails[first : first + size], strict=True):
                    if tail == TWO_LISTS:
                        self._add_pair(row, cursor)
                    elif tail != NO_LISTS:
                        raise UnusualError
            if place is not None:
                self._add_other(plan.layout, column, states[place], cursor)
        self.rows_of.append(len(self.rows) - rows_before)

    def _add_sketches(self, plan: WindowPlan, states: Lists) -> list[JsonValue]:
        if [*map(len, states)] != plan.fives:
            raise UnusualError
        numbers = [*chain.from_iterable(states)]
        tails = numbers[4::5]
        del numbers[4::5]
        self.apart.extend(numbers)
        self.cells.extend(plan.cells)
        self.cells_of.append(len(plan.cells))
        return tails

    def _add_moments(self, plan: WindowPlan, states: Lists) -> None:
        if [*map(len, states)] != plan.sixes:
            raise UnusualError
        numbers = [*chain.from_iterable(states)]
        self.moments.extend(numbers)
        self.moment_numbers.append(numbers)
        self.finite.extend(numbers[::6])
        self.nonfinite.extend(numbers[1::6])
        self.moment_columns.extend(plan.moment_columns)
        self.moments_of.append(len(plan.moment_columns))

    def _add_pair(self, row: int, cursor: _Cursor) -> None:
        self.rows.append(row)
        self.gaps.append(cursor.first)
        self.counts.append(cursor.other)
        cursor.first += 1
        cursor.other += 1

    def _add_other(self, layout: Layout, column: int, state: JsonValue, cursor: _Cursor) -> None:
        window = len(self.layouts)
        match layout.spec.columns[column].spec, state:
            case ProbabilitiesSpec() as spec, [int(invalid), list(classes)]:
                self.invalid.extend((window, column, invalid))
                self._add_classes(layout.first_class[column], len(spec.lows), classes, cursor)
            case JointSpec() as spec, [int(rows), *lists] if len(lists) == 3:
                found = tuple(_numbers(numbers, len(spec.pairs), cursor) for numbers in lists)
                self.joints.append(JointItem(window, column, spec, rows, found))
            case ProbabilitiesSpec() | JointSpec(), _:
                raise UnusualError
            case _:
                self.others.append(OtherItem(window, column, state, cursor.first, cursor.other))
                _count_lists(state, cursor, is_first=False)

    def _add_classes(
        self, first_row: int, size: int, classes: Sequence[JsonValue], cursor: _Cursor
    ) -> None:
        before = -1
        for item in classes:
            match item:
                case [int(index), float(part), lists] if lists == TWO_LISTS:
                    if not before < index < size:
                        raise UnusualError
                    self.parts.append(part)
                    self.part_rows.append(len(self.rows))
                    self._add_pair(first_row + index, cursor)
                    before = index
                case _:
                    raise UnusualError


def _numbers(numbers: JsonValue, size: int, cursor: _Cursor) -> Sequence[int] | int:
    if numbers == PLACE:
        cursor.other += 1
        return cursor.other - 1
    if isinstance(numbers, list) and len(numbers) == size and {*map(type, numbers)} == _WHOLE:
        return numbers
    raise UnusualError


def _count_lists(
    state: JsonValue, cursor: _Cursor, *, is_first: bool, depth: int = _DEEPEST
) -> None:
    """Step over the lists of a state, in the order in which they stand."""
    if state == PLACE:
        if is_first:
            cursor.first += 1
        else:
            cursor.other += 1
    elif isinstance(state, list):
        if not depth:
            raise UnusualError
        for place, item in enumerate(state):
            if type(item) is dict or type(item) is list:
                _count_lists(item, cursor, is_first=not place, depth=depth - 1)
