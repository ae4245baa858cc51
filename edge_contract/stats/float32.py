"""Single-precision arithmetic with the standard library, bit for bit as numpy and JavaScript do it.

Rounding the double-precision result of one operation on single-precision numbers to single
precision gives the correctly rounded single-precision result, because 53 >= 2 * 24 + 2 (Figueroa,
"When is double rounding innocuous?", 1995).
"""

import math
import struct
from typing import Final

__all__ = ["MAX_DECIMAL", "MAX_FLOAT32", "bits_of", "decimal_of", "float_of", "rounded"]

MAX_FLOAT32: Final = 3.4028234663852886e38
MAX_DECIMAL: Final = 3.4028235e38
"""What :func:`decimal_of` gives for the largest single-precision number."""

_FLOAT: Final = struct.Struct("<f")
_UINT: Final = struct.Struct("<I")


def rounded(value: float) -> float:
    """Return the nearest single-precision number; too large a value becomes an infinity."""
    try:
        number: float = _FLOAT.unpack(_FLOAT.pack(value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)
    return number


def decimal_of(value: float) -> float:
    """Return a decimal of few digits that :func:`rounded` turns into ``value`` again.

    Of a number that is not single-precision, return the number itself.
    """
    for digits in (7, 8, 9):
        number = float(f"{value:.{digits}g}")
        if rounded(number) == value:
            return number
    return value


def bits_of(value: float) -> int:
    """Return the 32 bits of a single-precision number."""
    bits: int = _UINT.unpack(_FLOAT.pack(value))[0]
    return bits


def float_of(bits: int) -> float:
    """Return the single-precision number of 32 bits."""
    number: float = _FLOAT.unpack(_UINT.pack(bits))[0]
    return number
