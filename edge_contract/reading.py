"""Reads untrusted JSON values field by field, with errors that name the place.

Packages and messages come from outside. A :class:`Reader` walks such a value and raises the error
class it was given as soon as a field is missing or is not what was asked for::

    reader = Reader(json.loads(data), "manifest", PackageError)
    name = reader["name"].text(max_length=64)
    sizes = [item.integer(low=0) for item in reader["sizes"].items()]
"""

import math
import re
import reprlib
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from edge_contract.errors import PeerError

__all__ = ["MAX_INTEGER", "JsonObject", "JsonValue", "Reader"]

JsonValue: TypeAlias = (
    bool | int | float | str | Sequence["JsonValue"] | Mapping[str, "JsonValue"] | None
)
JsonObject: TypeAlias = Mapping[str, JsonValue]

MAX_INTEGER: Final = 2**53 - 1
"""The largest that JavaScript reads exactly."""

_MAX_DEPTH: Final = 16

# Looks at a few levels only, where repr() recurses as deep as a peer likes.
_SHORT: Final = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60


class Reader:
    """One JSON value, where it stands, and the error to raise when it is not as expected.

    Args:
        value: What ``json.loads`` gave.
        where: Path to the value, for people: ``manifest.inputs[0].name``.
        error: Raised by every method whose expectation fails.
    """

    __slots__ = ("_error", "_place", "_value")

    def __init__(
        self, value: object, where: "str | tuple[Reader, str | int]", error: type[PeerError]
    ) -> None:
        self._value = value
        self._place = where  # a field's path is made when there is something to say of it
        self._error = error

    @property
    def _where(self) -> str:
        if isinstance(self._place, str):
            return self._place
        parent, key = self._place
        return f"{parent._where}.{key}" if isinstance(key, str) else f"{parent._where}[{key}]"

    def __getitem__(self, key: str | int) -> "Reader":
        """Return the field of an object or the item of a list; it must be there."""
        value = self._value
        if isinstance(key, str):
            if type(value) is dict and key in value:  # nearly always
                return Reader(value[key], (self, key), self._error)
        elif type(value) is list and -1 < key < len(value):  # the same
            return Reader(value[key], (self, key), self._error)
        found = self.get(key)
        if found is None:
            raise self._error(f"{Reader(None, (self, key), self._error)._where} is missing")
        return found

    def get(self, key: str | int) -> "Reader | None":
        """Return a field or item, or ``None`` where there is none."""
        value = self._value
        if isinstance(key, str):
            if not isinstance(value, dict):
                raise self.refused("an object")
            return Reader(value[key], (self, key), self._error) if key in value else None
        if not isinstance(value, list):
            raise self.refused("a list")
        return Reader(value[key], (self, key), self._error) if -1 < key < len(value) else None

    @property
    def is_null(self) -> bool:
        """Whether the value is JSON's null."""
        return self._value is None

    @property
    def is_text(self) -> bool:
        """Whether the value is a string."""
        return isinstance(self._value, str)

    @property
    def is_number(self) -> bool:
        """Whether the value is a number; true and false are none."""
        return isinstance(self._value, int | float) and not isinstance(self._value, bool)

    def text(self, *, pattern: str | None = None, max_length: int = 4096) -> str:
        """Return a string of bounded length that matches ``pattern`` wholly, if one is given."""
        if not isinstance(self._value, str) or len(self._value) > max_length:
            raise self.refused(f"text of at most {max_length} characters")
        if pattern is not None and not _matches(pattern, self._value):
            raise self.refused(f"text that matches {pattern}")
        if not _is_storable(self._value):
            raise self.refused("text without NUL and half surrogate pairs")
        return self._value

    def integer(self, *, low: int = -MAX_INTEGER, high: int = MAX_INTEGER) -> int:
        """Return a whole number from ``low`` to ``high``."""
        if type(self._value) is not int or not low <= self._value <= high:
            raise self.refused(f"a whole number from {low} to {high}")
        return self._value

    def number(self, *, low: float = -math.inf, high: float = math.inf) -> float:
        """Return a finite number from ``low`` to ``high``."""
        value = self._value
        if type(value) is int and abs(value) <= MAX_INTEGER:
            value = float(value)
        if not isinstance(value, float) or not math.isfinite(value) or not low <= value <= high:
            raise self.refused(f"a finite number from {low} to {high}")
        return value

    def flag(self) -> bool:
        """Return true or false."""
        if not isinstance(self._value, bool):
            raise self.refused("true or false")
        return self._value

    def items(self, *, max_length: int = 1_000_000) -> "list[Reader]":
        """Return the items of a list of bounded length."""
        if not isinstance(self._value, list) or len(self._value) > max_length:
            raise self.refused(f"a list of at most {max_length} items")
        return [Reader(item, (self, index), self._error) for index, item in enumerate(self._value)]

    def integers(self, *, low: int = 0, max_length: int = 1_000_000) -> list[int]:
        """Return a list of whole numbers of at least ``low``; quicker than one reader each."""
        value = self._value
        if (
            not isinstance(value, list)
            or len(value) > max_length
            or set(map(type, value)) - {int}
            or (value and not low <= min(value) <= max(value) <= MAX_INTEGER)
        ):
            raise self.refused(
                f"a list of at most {max_length} whole numbers from {low} to {MAX_INTEGER}"
            )
        return value

    def fields(self, *, max_length: int = 10_000) -> "dict[str, Reader]":
        """Return the fields of an object by name."""
        if not isinstance(self._value, dict) or len(self._value) > max_length:
            raise self.refused(f"an object of at most {max_length} fields")
        if not all(map(_is_storable, self._value)):
            raise self.refused("names without NUL and half surrogate pairs")
        return {
            str(key): Reader(value, (self, str(key)), self._error)
            for key, value in self._value.items()
        }

    def json_object(self) -> JsonObject:
        """Return an object as it stands, for free-form parts that only people read.

        What comes back can be stored and written as JSON again: its text has no NUL and no half
        surrogate pair, its numbers are finite, and it is at most 16 levels deep.
        """
        if not isinstance(self._value, dict) or not _is_plain(self._value, _MAX_DEPTH):
            raise self.refused(
                f"an object of plain text and finite numbers, at most {_MAX_DEPTH} levels deep"
            )
        return self._value

    def json_list(self) -> list[JsonValue]:
        """Return a list as it stands; whoever asked checks what is in it."""
        if not isinstance(self._value, list):
            raise self.refused("a list")
        return self._value

    def refused(self, expected: str) -> PeerError:
        """Return the error that says what stands here and what was expected."""
        shown = _SHORT.repr(self._value)
        if len(shown) > 80:
            shown = f"{shown[:77]}..."
        return self._error(f"{self._where} is {shown}, expected {expected}")


def _matches(pattern: str, text: str) -> bool:
    """Return whether a text matches a pattern wholly; one that only lists words is not compiled."""
    words = pattern.split("|")
    if all(map(str.isalnum, words)):
        return text in words
    return re.fullmatch(pattern, text) is not None


def _is_storable(text: str) -> bool:
    """Return whether files and databases take ``text``: it has a UTF-8 form and no NUL."""
    if text.isascii():
        return "\0" not in text
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False


def _is_plain(value: object, depth: int) -> bool:
    """Return whether ``value`` can be written as JSON that every peer can read."""
    match value:
        case str():
            return _is_storable(value)
        case float():
            return math.isfinite(value)
        case list():
            return depth > 0 and all(_is_plain(item, depth - 1) for item in value)
        case dict():
            return depth > 0 and all(
                _is_storable(key) and _is_plain(item, depth - 1) for key, item in value.items()
            )
        case _:
            return True
