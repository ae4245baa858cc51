"""Statistics as telemetry carries them: lists of small whole numbers as text, apart from the rest.

A window is mostly small counts. As JSON they would share their bytes with commas and with the
digits of sums; as text, one character each and all in one place, they compress to little more than
what they hold.

A whole number from 1 up is written as itself less 1, one from 0 down as its amount, each with an
alphabet of its own: a last character, which stands for the most, after any number of others that
stand for the rest, least first. The lists that begin their list (the gaps of sparse counts) are
written into one text, the others (the counts) into another, in the order in which they stand, each
followed by ``~``. An empty object, which no state holds, marks their places.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias, TypeGuard

from edge_contract.errors import MessageError
from edge_contract.reading import JsonValue, Reader

if TYPE_CHECKING:
    from edge_contract.stats import State

__all__ = [
    "DIGITS",
    "END",
    "MOST_OTHERS",
    "PLACE",
    "Digits",
    "PackedStates",
    "Unpack",
    "packed",
    "read_columns",
    "unpacked",
]

Unpack: TypeAlias = Callable[[Sequence[Reader], Reader, Reader], Sequence[Mapping[int, JsonValue]]]
"""What :func:`unpacked` does."""

_Columns: TypeAlias = "Mapping[int, JsonValue | State]"

_WHOLE: Final = {int}
_SMALL: Final = 9999
"""Largest number that is written in a text: the digits of greater ones are chance, which takes less
room where all the other digits are."""

_MAX_COLUMN: Final = 1_000_000
MOST_OTHERS: Final = 3
"""Characters before the last one that such a number needs at most."""

# All of ASCII that JSON writes as it is, but for the "~" behind a list.
_ALPHABET: Final = "".join(chr(code) for code in range(32, 126) if chr(code) not in '"\\')
END: Final = "~"
PLACE: Final[Mapping[str, JsonValue]] = {}


class Digits(NamedTuple):
    """How the numbers of one sign are written: ``last`` and ``others`` are the characters."""

    last: str
    others: str

    def written(self, number: int) -> str:
        """Return an amount as text."""
        text = ""
        while number >= len(self.last):
            number, rest = divmod(number, len(self.others))
            text += self.others[rest]
        return text + self.last[number]

    def read(self, text: str) -> int:
        """Return the amount of a text."""
        number = self.last.index(text[-1])
        for character in reversed(text[:-1]):
            number = number * len(self.others) + self.others.index(character)
        return number


_POSITIVE: Final = Digits(_ALPHABET[:32], _ALPHABET[32:60])
_OTHER: Final = Digits(_ALPHABET[60:68], _ALPHABET[68:])

DIGITS: Final = (_POSITIVE, _OTHER)
"""Of numbers from 1 up, less 1, and of the amounts of all others."""

_SHORT: Final = bytes(
    _ALPHABET.find(chr(code)) + 1 if chr(code) in _POSITIVE.last else 0 for code in range(256)
)
"""Of each character the number that it is by itself, if that is above 0."""


def _pattern(digits: Digits, fewest_others: int) -> str:
    others, last = re.escape(digits.others), re.escape(digits.last)
    return f"[{others}]{{{fewest_others},{MOST_OTHERS}}}[{last}]"


_NUMBERS: Final = f"{_pattern(_POSITIVE, 0)}|{_pattern(_OTHER, 0)}".encode()
_LONG: Final = f"{_pattern(_POSITIVE, 1)}|{_pattern(_OTHER, 0)}".encode()
"""Numbers that :data:`_SHORT` does not know. ``re`` keeps what it compiled at the first use."""


class PackedStates(NamedTuple):
    """What :func:`packed` gives.

    Attributes:
        states: Of each profile the first column and the gaps to the next ones, and the states of
            these columns, with ``{}`` in place of lists of small whole numbers.
        firsts: Those that begin the list they stand in.
        others: All other ones.
    """

    states: "list[list[JsonValue | State]]"
    firsts: str
    others: str


def packed(profiles: Iterable[_Columns]) -> PackedStates:
    """Return the states of profiles, ready to be written as JSON.

    Raises:
        MessageError: There is an empty object in a state.
    """
    firsts: list[str] = []
    others: list[str] = []

    def without_lists(state: "JsonValue | State", texts: list[str]) -> "JsonValue | State":
        if state == PLACE:
            raise MessageError("a state cannot hold an empty object")
        if not isinstance(state, (list, tuple)):
            return state
        if _is_small(state):
            texts.append("".join(map(_written, state)))
            return PLACE
        return [
            without_lists(item, others if place else firsts) for place, item in enumerate(state)
        ]

    states: list[list[JsonValue | State]] = []
    for profile in profiles:
        columns = sorted(profile)
        gaps = [column - before for before, column in pairwise([0, *columns])]
        states.append([gaps, [without_lists(profile[column], others) for column in columns]])
    return PackedStates(states, _joined(firsts), _joined(others))


def unpacked(
    profiles: Sequence[Reader], firsts: Reader, others: Reader
) -> list[dict[int, JsonValue]]:
    """Return the states of :func:`packed` by column, without looking further into them.

    Raises:
        The readers' error: they are written in another way, or columns do not rise.
    """
    first, other = _lists(firsts), _lists(others)

    def with_lists(state: JsonValue, lists: Iterator[list[int]]) -> JsonValue:
        if state == PLACE:
            return next(lists)
        if not isinstance(state, list):
            return state
        return [
            item
            if type(item) is not dict and type(item) is not list
            else with_lists(item, other if place else first)
            for place, item in enumerate(state)
        ]

    found: list[dict[int, JsonValue]] = []
    try:
        for profile in profiles:
            columns, states = read_columns(profile)
            found.append(
                {
                    column: with_lists(state, other)
                    for column, state in zip(columns, states, strict=True)
                }
            )
    except StopIteration:
        raise firsts.refused("a list for every {} in a state") from None
    if next(first, None) is not None or next(other, None) is not None:
        raise firsts.refused("a {} in a state for every list")
    return found


def _is_small(state: "Sequence[JsonValue | State]") -> "TypeGuard[Sequence[int]]":
    """Return whether this is a list of small whole numbers, and not empty."""
    if {*map(type, state)} != _WHOLE:
        return False
    numbers = [item for item in state if isinstance(item, int)]
    return min(numbers) >= -_SMALL and max(numbers) <= _SMALL


@lru_cache(4096)
def _written(number: int) -> str:
    return _POSITIVE.written(number - 1) if number > 0 else _OTHER.written(-number)


def _joined(texts: list[str]) -> str:
    return "".join(text + END for text in texts)


def read_columns(profile: Reader) -> tuple[list[int], list[JsonValue]]:
    """Return the columns of a profile and as many states, with ``{}`` in place of their lists."""
    columns = _columns(profile[0])
    states = profile[1].json_list()
    if len(columns) != len(states):
        raise profile.refused("as many states as columns")
    return columns, states


def _columns(reader: Reader) -> list[int]:
    gaps = reader.integers(low=0, max_length=_MAX_COLUMN)
    columns = list(accumulate(gaps))
    if 0 in gaps[1:] or (columns and columns[-1] > _MAX_COLUMN):
        raise reader.refused(f"the first column and gaps to the next ones, up to {_MAX_COLUMN}")
    return columns


def _lists(reader: Reader) -> Iterator[list[int]]:
    """Read lists one after the other, each when it is asked for."""
    try:
        text = reader.text(max_length=1_000_000).encode("ascii")
    except UnicodeEncodeError:
        raise reader.refused("whole numbers as text") from None
    *lists, rest = text.split(END.encode())
    if rest:
        raise reader.refused(f"lists that each end with {END!r}")
    for written in lists:
        # Most numbers are above 0 and one character; what lies between the others is read at once.
        numbers: list[int] = []
        at = 0
        for match in re.finditer(_LONG, written):
            start, end = match.span()
            if start > at:
                numbers += written[at:start].translate(_SHORT)
            numbers.append(_read(match[0]))
            at = end
        numbers += written[at:].translate(_SHORT)
        if 0 in numbers and _holds_strangers(written):
            raise reader.refused("whole numbers as text")
        yield numbers


def _holds_strangers(written: bytes) -> bool:
    """Whether something is no number: a 0 may be one, or a character that stands for nothing."""
    return b"".join(re.findall(_NUMBERS, written)) != written


@lru_cache(4096)  # the same few hundred come again and again
def _read(written: bytes) -> int:
    text = written.decode()
    return _POSITIVE.read(text) + 1 if text[-1] in _POSITIVE.last else -_OTHER.read(text)
