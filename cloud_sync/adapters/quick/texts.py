"""Lists of small whole numbers out of a text, all at once; see ``edge_contract.messages.packing``.

Each byte is looked up once: what kind it is, and what it stands for. A number ends at its last
character; how far the one before it ended says how many other characters it has.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from edge_contract.messages.packing import DIGITS, END, MOST_OTHERS

__all__ = ["Integers", "ListFacts", "TextLists", "lists_of", "read_texts"]

Integers: TypeAlias = npt.NDArray[np.int64]

_POSITIVE, _OTHER = DIGITS
_LAST, _MORE, _ENDS, _STRANGE = range(4)
_LARGE: Final = 2**62
_ONE_NUMBER: Final = DIGITS[0].last[0] + END


def _table(default: int) -> bytearray:
    return bytearray([default] * 256)


_kinds, _places, _signs, _alone = _table(_STRANGE), _table(0), _table(0), _table(0)
for _digits in DIGITS:
    for _characters, _kind in ((_digits.last, _LAST), (_digits.others, _MORE)):
        for _place, _character in enumerate(_characters.encode()):
            _kinds[_character] = _kind
            _places[_character] = _place
            _signs[_character] = _digits is _OTHER
            _alone[_character] = (-_place if _digits is _OTHER else _place + 1) & 0xFF
_kinds[ord(END)] = _ENDS

# Bytes are looked up by bytes.translate, which is quicker than an index of numpy.
_KINDS: Final = bytes(_kinds)
_ALONE: Final = bytes(_alone)
_PLACE: Final = np.frombuffer(bytes(_places), np.uint8).astype(np.int64)
_IS_OTHER: Final = np.frombuffer(bytes(_signs), np.bool_)
_IS_END: Final = bytes(kind == _ENDS for kind in _kinds)
_OTHERS: Final = "".join(digits.others for digits in DIGITS).encode()
_STRANGER: Final = bytes([_STRANGE])
_BASE: Final = (len(_POSITIVE.others), len(_OTHER.others))


class ListFacts(NamedTuple):
    """What can be said of each list: int64[lists].

    Attributes:
        firsts: Its first number.
        totals: Its sum; of gaps that is the last key.
        lowest: Its smallest number.
        lowest_later: The smallest after the first; large if there is none.
    """

    firsts: Integers
    totals: Integers
    lowest: Integers
    lowest_later: Integers


@dataclass(slots=True)
class TextLists:
    """Lists, one after the other.

    Attributes:
        numbers: Of all lists: int64[numbers].
        starts: Where each list begins in them: int64[lists].
        lengths: How long each is, at least 1: int64[lists].
    """

    numbers: Integers
    starts: Integers
    lengths: Integers
    _facts: ListFacts | None = None
    _sums: Integers = field(default_factory=lambda: np.zeros(0, np.int64))
    _bases: Integers = field(default_factory=lambda: np.zeros(0, np.int64))

    @property
    def facts(self) -> ListFacts:
        """See :class:`ListFacts`; found once for all windows of a message."""
        if self._facts is None:
            numbers, starts = self.numbers, self.starts
            firsts = numbers[starts]
            sums = self._sums = numbers.cumsum()
            bases = self._bases = sums[starts] - firsts
            lowest = np.minimum.reduceat(numbers, starts)
            later = numbers.copy()
            later[starts] = _LARGE
            totals = sums[starts + self.lengths - 1] - bases
            self._facts = ListFacts(firsts, totals, lowest, np.minimum.reduceat(later, starts))
        return self._facts

    def codes_of(self, places: Integers) -> Integers:
        """Return the keys of lists of gaps, one after the other, in their order in the text."""
        _ = self.facts
        is_meant = self._is_in(places)
        bases = np.repeat(self._bases[places], self.lengths[places])
        codes: Integers = self._sums[is_meant] - bases
        return codes

    def numbers_of(self, places: Integers) -> Integers:
        """Return the numbers of lists, one after the other, in their order in the text."""
        return self.numbers[self._is_in(places)]

    def _is_in(self, places: Integers) -> npt.NDArray[np.bool_]:
        is_meant = np.zeros(self.starts.size, np.bool_)
        is_meant[places] = True
        return np.repeat(is_meant, self.lengths)

    def list_of(self, place: int) -> list[int]:
        """Return one list."""
        start = int(self.starts[place])
        found: list[int] = self.numbers[start : start + int(self.lengths[place])].tolist()
        return found


def lists_of(text: str) -> TextLists | None:
    """Read all lists of a text; ``None`` if something is wrong or unusual with it."""
    data = text.encode()  # what is not ASCII becomes bytes that stand for nothing
    by_kind = data.translate(_KINDS)
    if not data or _STRANGER in by_kind or by_kind[-1] != _ENDS:
        return None
    # One number, or end of a list, for each character that is not one of the others.
    numbers = np.frombuffer(data.translate(_ALONE, _OTHERS), np.int8).astype(np.int64)
    if len(numbers) < len(data) and not _read_long(data, by_kind, numbers):
        return None
    is_end = np.frombuffer(data.translate(_IS_END, _OTHERS), np.bool_)
    ends = is_end.nonzero()[0]
    starts = np.zeros_like(ends)
    starts[1:] = ends[:-1] + 1
    lengths = ends - starts
    if not lengths.all():
        return None
    return TextLists(numbers[~is_end], starts - np.arange(ends.size), lengths)


def read_texts(texts: Sequence[str]) -> tuple[TextLists, list[int]]:
    """Read the lists of all texts, and tell which texts cannot be read.

    What cannot be read has as many lists as it seems to have, of one number each.
    """
    known = lists_of("".join(texts))
    if known is not None:
        return known, []
    unreadable = _unreadable(texts, 0, len(texts))
    replaced = [*texts]
    for place in unreadable:
        replaced[place] = _ONE_NUMBER * texts[place].count(END)
    nothing = np.zeros(0, np.int64)
    return lists_of("".join(replaced)) or TextLists(nothing, nothing, nothing), unreadable


def _unreadable(texts: Sequence[str], first: int, last: int) -> list[int]:
    """Return which of some texts cannot be read; halves in which all can are looked at once."""
    text = "".join(texts[first:last])
    if not text or lists_of(text) is not None:
        return []
    if last - first == 1:
        return [first]
    middle = (first + last) // 2
    return _unreadable(texts, first, middle) + _unreadable(texts, middle, last)


def _read_long(data: bytes, by_kind: bytes, numbers: Integers) -> bool:
    """Put numbers of several characters where they belong; return whether they are well written.

    Args:
        data: The text.
        by_kind: What kind each character is.
        numbers: Of the whole text; those of one character are there.
    """
    text = np.frombuffer(data, np.uint8)
    more = (np.frombuffer(by_kind, np.uint8) == _MORE).nonzero()[0]
    is_last = np.ones(more.size, np.bool_)
    is_last[:-1] = more[1:] - more[:-1] > 1
    runs = is_last.nonzero()[0] + 1  # how many other characters there are up to the end of each
    at = more[runs - 1] + 1
    others = runs.copy()
    others[1:] -= runs[:-1]
    last = text[at]
    is_other = _IS_OTHER[last]
    most = int(others.max())
    if most > MOST_OTHERS or (last == ord(END)).any():
        return False
    base = np.where(is_other, _BASE[1], _BASE[0])
    amount = _PLACE[last]
    for step in range(1, most + 1):
        has = others >= step
        character = text[at - step * has]
        if ((_IS_OTHER[character] != is_other) & has).any():
            return False
        amount = np.where(has, amount * base + _PLACE[character], amount)
    numbers[at - runs] = np.where(is_other, -amount, amount + 1)
    return True
