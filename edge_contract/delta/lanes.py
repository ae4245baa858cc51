"""Differences of arrays of numbers, as whole numbers of their bits, and bytes by their place.

The bits of a float, read as a whole number, rise with the float once negative ones are turned
round; so a weight that moved a little has a small difference, and its upper bytes are zero. The
arithmetic is done on thousands of numbers at once, as lanes of one large int: quick without any
library.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from edge_contract.records import dataclass

__all__ = ["WIDTHS", "differences", "restored"]

WIDTHS: Final = (1, 2, 4, 8)
"""Bytes of a number."""

_CHUNK_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class _Lanes:
    """Masks for as many numbers as fit into a chunk.

    Attributes:
        bits: Of a number.
        tops: The highest bit of each number.
        lowest: The lowest bit of each.
        low: All bits but the highest.
    """

    bits: int
    tops: int
    lowest: int
    low: int

    def filled(self, tops: int) -> int:
        """Return lanes of ones where ``tops`` has its bit, and of zeros elsewhere."""
        return (tops << 1) - (tops >> (self.bits - 1))

    def ordered(self, number: int) -> int:
        """Return floats' bits as whole numbers that rise with them."""
        return number ^ (self.filled(number & self.tops) | self.tops)

    def unordered(self, number: int) -> int:
        """Undo :meth:`ordered`."""
        return number ^ (self.filled(~number & self.tops) | self.tops)

    def plus(self, left: int, right: int) -> int:
        """Add lane by lane; what overflows a lane is lost."""
        return ((left & self.low) + (right & self.low)) ^ ((left ^ right) & self.tops)

    def minus(self, left: int, right: int) -> int:
        """Subtract lane by lane."""
        return ((left | self.tops) - (right & self.low)) ^ (~(left ^ right) & self.tops)

    def folded(self, number: int) -> int:
        """Return 0, -1, 1, -2, ... as 0, 1, 2, 3, ..."""
        tops = number & self.tops
        return ((number ^ tops) << 1) ^ self.filled(tops)

    def unfolded(self, number: int) -> int:
        """Undo :meth:`folded`."""
        odd = number & self.lowest
        return ((number ^ odd) >> 1) ^ self.filled(odd << (self.bits - 1))


@lru_cache(maxsize=8)  # whole chunks of each width, and the last ones of tensors
def _lanes(width: int, size_bytes: int) -> _Lanes:
    one = (1).to_bytes(width, "little")
    lowest = int.from_bytes(one * (size_bytes // width), "little")
    bits = 8 * width
    tops = lowest << (bits - 1)
    return _Lanes(bits, tops, lowest, ((1 << (8 * size_bytes)) - 1) ^ tops)


def differences(old: memoryview, new: memoryview, *, width: int, are_floats: bool) -> bytearray:
    """Return ``new - old`` number by number, small for numbers that lie close together.

    The first bytes of all numbers come first, then all second bytes, and so on.

    Args:
        old: Little-endian numbers.
        new: As many of them.
        width: Bytes of a number, one of :data:`WIDTHS`.
        are_floats: Whether they are floats, of any format with the sign on top; else integers.
    """
    found = bytearray(len(new))
    count = len(new) // width
    for start in range(0, len(new), _CHUNK_BYTES):
        before, after = old[start : start + _CHUNK_BYTES], new[start : start + _CHUNK_BYTES]
        lanes = _lanes(width, len(after))
        left, right = int.from_bytes(after, "little"), int.from_bytes(before, "little")
        if are_floats:
            left, right = lanes.ordered(left), lanes.ordered(right)
        step = lanes.folded(lanes.minus(left, right)).to_bytes(len(after), "little")
        first, last = start // width, (start + len(after)) // width
        for place in range(width):
            found[place * count + first : place * count + last] = step[place::width]
    return found


def restored(
    old: memoryview, planes: memoryview, *, width: int, are_floats: bool
) -> Iterator[bytes]:
    """Yield ``new``, block by block, of ``planes = differences(old, new)``."""
    count = len(planes) // width
    step = bytearray()
    for start in range(0, len(planes), _CHUNK_BYTES):
        before = old[start : start + _CHUNK_BYTES]
        step = step if len(step) == len(before) else bytearray(len(before))
        first, last = start // width, (start + len(before)) // width
        for place in range(width):
            step[place::width] = planes[place * count + first : place * count + last]
        lanes = _lanes(width, len(before))
        base = int.from_bytes(before, "little")
        if are_floats:
            base = lanes.ordered(base)
        number = lanes.plus(base, lanes.unfolded(int.from_bytes(step, "little")))
        if are_floats:
            number = lanes.unordered(number)
        yield number.to_bytes(len(before), "little")
