"""The states of a window as they came: lists stay in their text until somebody asks for them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from cloud_sync.adapters.quick.checked import Checked
from cloud_sync.adapters.quick.texts import TextLists, lists_of
from edge_contract.messages.packing import END, read_columns, unpacked
from edge_contract.reading import JsonValue, Reader

__all__ = ["QuickStates", "unpack_quickly"]

_LONGEST: Final = 1_000_000


class QuickStates(Mapping[int, JsonValue]):
    """States by column, of which those of sketches are not read.

    Attributes:
        lists: Of the whole message.
        sparse: Columns whose state is four whole numbers and two lists in the text, rising.
        apart: The four numbers of each, one after the other.
        gaps: Where the first list of each is among the lists.
        counts: Where the second is.
        rest: All other columns, read.
        checked: What whoever checked them keeps for whoever adds them up.
    """

    __slots__ = ("apart", "checked", "counts", "gaps", "lists", "rest", "sparse")

    def __init__(self, lists: TextLists) -> None:
        self.lists = lists
        self.sparse: list[int] = []
        self.apart: list[JsonValue] = []
        self.gaps: list[int] = []
        self.counts: list[int] = []
        self.rest: dict[int, JsonValue] = {}
        self.checked: Checked | None = None

    def __getitem__(self, column: int) -> JsonValue:
        """The state of a column, as plain JSON."""
        if column in self.rest:
            return self.rest[column]
        if column not in self.sparse:
            raise KeyError(column)
        place = self.sparse.index(column)
        gaps, counts = self.gaps[place], self.counts[place]
        apart = self.apart[4 * place : 4 * place + 4]
        return [*apart, [self.lists.list_of(gaps), self.lists.list_of(counts)]]

    def __iter__(self) -> Iterator[int]:
        """Columns, rising."""
        return iter(sorted([*self.sparse, *self.rest]))

    def __len__(self) -> int:
        """How many columns there are."""
        return len(self.sparse) + len(self.rest)


def unpack_quickly(
    profiles: Sequence[Reader], firsts: Reader, others: Reader
) -> Sequence[Mapping[int, JsonValue]]:
    """Return the states of profiles; raises what :func:`unpacked` raises."""
    first_text, other_text = firsts.text(max_length=_LONGEST), others.text(max_length=_LONGEST)
    lists = lists_of(first_text + other_text)
    if lists is None or (first_text and first_text[-1] != END):
        return unpacked(profiles, firsts, others)
    cursor = _Cursor(lists, first_text.count(END))
    try:
        found = [_states(profile, cursor) for profile in profiles]
    except _MissingError:
        return unpacked(profiles, firsts, others)
    return found if cursor.is_over else unpacked(profiles, firsts, others)


class _MissingError(Exception):
    """There are fewer lists than places for them, or a state is not as most are."""


class _Cursor:
    """Hands out lists in the order in which they were written."""

    __slots__ = ("first", "firsts", "lists", "other")

    def __init__(self, lists: TextLists, firsts: int) -> None:
        self.lists = lists
        self.firsts = firsts
        self.first = 0
        self.other = firsts

    @property
    def is_over(self) -> bool:
        """Whether every list has found its place."""
        return self.first == self.firsts and self.other == len(self.lists.starts)

    def next(self, *, is_first: bool) -> int:
        """Return where the next list is; raises ``_MissingError`` if there is none."""
        if is_first:
            self.first += 1
            if self.first > self.firsts:
                raise _MissingError
            return self.first - 1
        self.other += 1
        if self.other > len(self.lists.starts):
            raise _MissingError
        return self.other - 1

    def read(self, state: JsonValue, *, is_first: bool = False) -> JsonValue:
        """Return a state with its lists."""
        if state == {}:
            return self.lists.list_of(self.next(is_first=is_first))
        if not isinstance(state, list) or _NESTED.isdisjoint(map(type, state)):
            return state
        return [
            self.read(item, is_first=not place) if type(item) in _NESTED else item
            for place, item in enumerate(state)
        ]


_NESTED: Final = {dict, list}


def _states(profile: Reader, cursor: _Cursor) -> QuickStates:
    """Return the states of a profile; raises ``_MissingError`` if it is not as most are."""
    columns, states = read_columns(profile)
    found = QuickStates(cursor.lists)
    rest, apart, sparse = found.rest, found.apart, found.sparse
    first, other = cursor.first, cursor.other
    for column, state in zip(columns, states, strict=True):
        if type(state) is list and len(state) == 5 and state[4] == _TWO_LISTS:
            sparse.append(column)
            apart += state[:4]
            found.gaps.append(first)
            found.counts.append(other)
            first += 1
            other += 1
        elif type(state) is list and len(state) == 6 and {*map(type, state)} <= _NUMBERS:
            rest[column] = state
        else:
            cursor.first, cursor.other = first, other
            rest[column] = cursor.read(state)
            first, other = cursor.first, cursor.other
    cursor.first, cursor.other = first, other
    if not {*map(type, apart)} <= _NUMBERS:  # there may be lists among them, in another order
        raise _MissingError
    return found


_TWO_LISTS: Final[list[dict[str, int]]] = [{}, {}]
_NUMBERS: Final = {int, float}
