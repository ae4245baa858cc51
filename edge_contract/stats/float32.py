"""Single-precision arithmetic with the standard library, bit for bit as numpy and JavaScript do it.

Rounding the double-precision result of one operation on single-precision numbers to single
precision gives the correctly rounded single-precision result, because 53 >= 2 * 24 + 2 (Figueroa,
"When is double rounding innocuous?", 1995).
"""

import math
import struct
from typing import Final

__all__ = ["MAX_FLOAT32", "bits_of", "float_of", "rounded"]

MAX_FLOAT32: Final = 3.4028234663852886e38

_FLOAT: Final = struct.Struct("<f")
_UINT: Final = struct.Struct("<I")


def rounded(value: float) -> float:
    """Return the nearest single-precision number; too large a value becomes an infinity."""
    try:
        number: float = _FLOAT.unpack(_FLOAT.pack(value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)
    return number


def bits_of(value: float) -> int:
    """Return the 32 bits of a single-precision number."""
    bits: int = _UINT.unpack(_FLOAT.pack(value))[0]
    return bits


def float_of(bits: int) -> float:
    """Return the single-precision number of 32 bits."""
    number: float = _FLOAT.unpack(_UINT.pack(bits))[0]
    return number
