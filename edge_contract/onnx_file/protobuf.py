"""Reads the fields of a protobuf message one after the other, without trusting it.

An agent and a cloud have no protobuf library, and one would build the whole message in memory
before anybody can look at it. What is needed here is to walk over a file of some hundred megabytes
in a few milliseconds, to step over what is of no interest, and to stop when there is too much.

The format: https://protobuf.dev/programming-guides/encoding/
"""

import functools
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from edge_contract.errors import PackageError

__all__ = ["Field", "Fields", "Runs"]

_VARINT: Final = 0
_FIXED_64: Final = 1
_LENGTH: Final = 2
_FIXED_32: Final = 5
_WIDTHS: Final = {_FIXED_32: 4, _FIXED_64: 8}
_MAX_SHIFT: Final = 63
_LONGEST_TEXT: Final = 24
"""In a run of texts; longer ones are looked at one by one."""


class Field(NamedTuple):
    """One field: its number, and its value as far as it was read.

    Attributes:
        number: As in the ``.proto`` file.
        value: Of a varint; otherwise where the content begins.
        end: Where the content ends; -1 for a varint, which has none.
    """

    number: int
    value: int
    end: int

    @property
    def is_number(self) -> bool:
        """Whether it is a varint."""
        return self.end < 0


class Fields:
    """Walks over messages that lie in one piece of memory, and counts what it sees.

    Args:
        data: The bytes of the outermost message.
        what: Whose bytes they are, for messages.
        most: How many fields may be looked at before it is too much.
    """

    def __init__(self, data: bytes, *, what: str, most: int) -> None:
        self._data = data
        self._what = what
        self._left = most
        self._most = most

    def whole(self) -> Field:
        """Return the outermost message, as if it were a field of another one."""
        return Field(0, 0, len(self._data))

    def within(self, place: Field, *, runs: "Runs | None" = None) -> Iterator[Field]:
        """Yield the fields of the message that a field holds.

        Args:
            place: The field.
            runs: Repeated fields to step over as a whole, see :class:`Runs`.

        Raises:
            PackageError: The bytes are no such message, or there are too many fields.
        """
        self._require_content(place)
        data, position, end = self._data, place.value, place.end
        while position < end:
            tag = data[position]
            if runs is not None and tag in runs.tags:
                run = _pattern(tag).match(data, position, end)
                if run is not None:
                    position = run.end()
                    continue
            self._left -= 1
            if self._left < 0:
                raise PackageError(
                    f"{self._what} has more than {self._most:,} parts to look at: no model that "
                    "can be run in time looks like this"
                )
            if tag < 0x80:  # nearly always
                position += 1
            else:
                tag, position = self._varint(position, end)
            value, position = self._content(tag, position, end)
            yield Field(tag >> 3, value, -1 if tag & 7 == _VARINT else position)

    def text(self, field: Field) -> str:
        """Return the text of a field; raises ``PackageError`` if it is none."""
        try:
            return self.bytes_of(field).decode()
        except UnicodeDecodeError:
            raise self._broken(field.value) from None

    def bytes_of(self, field: Field) -> bytes:
        """Return the bytes of a field; raises ``PackageError`` if it is a number."""
        self._require_content(field)
        return self._data[field.value : field.end]

    def numbers(self, field: Field) -> Iterator[int]:
        """Yield the integers of a repeated field: one, or as many as are packed into it."""
        if field.is_number:
            yield _signed(field.value)
            return
        position = field.value
        while position < field.end:
            value, position = self._varint(position, field.end)
            yield _signed(value)

    def _content(self, tag: int, position: int, end: int) -> tuple[int, int]:
        """Return a varint, or where other content begins; and where the next field begins."""
        wire = tag & 7
        if wire == _VARINT and tag >> 3:
            return self._varint(position, end)
        width = _WIDTHS.get(wire)
        if wire == _LENGTH:
            width, position = self._varint(position, end)
        # Else a group, which no current message has, or nonsense.
        if width is None or width > end - position or not tag >> 3:
            raise self._broken(position)
        return position, position + width

    def _require_content(self, field: Field) -> None:
        if field.is_number:
            raise PackageError(
                f"{self._what} is no ONNX file: field {field.number} of a message is a number "
                "where a text or a message was expected; fetch it again"
            )

    def _varint(self, position: int, end: int) -> tuple[int, int]:
        value = shift = 0
        while position < end and shift <= _MAX_SHIFT:
            byte = self._data[position]
            position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, position
            shift += 7
        raise self._broken(position)

    def _broken(self, position: int) -> PackageError:
        return PackageError(
            f"{self._what} is no ONNX file, or it is cut off or damaged: byte {position:,} of "
            f"{len(self._data):,} makes no sense; fetch it again"
        )


class Runs:
    """Repeated fields whose values nobody looks at: millions of them are stepped over at once.

    Args:
        floats: Numbers of fields that hold 4 bytes each.
        doubles: Numbers of those that hold 8 bytes.
        integers: Numbers of those that hold a varint.
        texts: Numbers of those that hold a text. Long ones are looked at one by one.
    """

    def __init__(
        self,
        *,
        floats: tuple[int, ...] = (),
        doubles: tuple[int, ...] = (),
        integers: tuple[int, ...] = (),
        texts: tuple[int, ...] = (),
    ) -> None:
        self.tags = frozenset(
            number << 3 | wire
            for wire, numbers in (
                (_FIXED_32, floats),
                (_FIXED_64, doubles),
                (_VARINT, integers),
                (_LENGTH, texts),
            )
            for number in numbers
        )


@functools.cache
def _pattern(tag: int) -> re.Pattern[bytes]:
    """Return what a run of a field looks like; possessive, so that it takes no memory."""
    content = {
        _FIXED_32: b".{4}",
        _FIXED_64: b".{8}",
        _VARINT: rb"[\x80-\xff]{0,9}+[\x00-\x7f]",
        _LENGTH: b"|".join(
            re.escape(bytes([length])) + b".{%d}" % length for length in range(_LONGEST_TEXT + 1)
        ),
    }[tag & 7]
    return re.compile(b"(?:" + re.escape(bytes([tag])) + b"(?:" + content + b"))++", re.DOTALL)


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value
