"""Quantised numbers: small integers whose sums are exact, in whatever order they are added.

A number is standardised by a center and a scale that the reference gave, and rounded to a sixteenth
of a standard deviation. Sums of such integers, of their squares and of their products need no
floating point, so every kernel gives the same sums bit for bit and merging loses nothing.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Final

from edge_contract.errors import UsageError
from edge_contract.reading import Reader
from edge_contract.records import dataclass
from edge_contract.stats.float32 import MAX_FLOAT32, rounded

__all__ = [
    "LARGEST",
    "LARGEST_SUM",
    "STEPS",
    "Sums",
    "checked_scales",
    "factor_of",
    "quantised",
    "read_float32s",
    "read_sums",
    "read_whole_numbers",
]

STEPS: Final = 16
"""Integers per standard deviation."""

LARGEST: Final = 48
"""Largest magnitude: 3 standard deviations; what lies further counts as much as that."""

LARGEST_SUM: Final = 2**63 - 1
"""Largest magnitude of a sum, and of a sum of squares."""

_SMALLEST_SCALE: Final = 1e-30
_LARGEST_SCALE: Final = 1e30


@dataclass(frozen=True, slots=True)
class Sums:
    """What is known of a stream of integers.

    Attributes:
        count: How many there were.
        total: Their sum.
        squares: The sum of their squares.
    """

    count: int
    total: int
    squares: int


def factor_of(scale: float) -> float:
    """Return what offsets from the center are multiplied by, a float32 number."""
    return rounded(STEPS / scale)


def quantised(value: float, *, center: float, factor: float) -> int | None:
    """Return the integer of a number; ``None`` if it is missing or infinite.

    All of it is float32 arithmetic, one rounding for each operation: ``(value - center) * factor``,
    bounded by -48 and 48, and rounded down after 0.5 was added. Numpy, and JavaScript with
    ``Math.fround``, give the same integer.

    Args:
        value: Rounded to float32 first.
        center: See :func:`checked_scales`.
        factor: Of :func:`factor_of`.
    """
    value = rounded(value)
    if not abs(value) <= MAX_FLOAT32:
        return None
    steps = rounded(rounded(value - center) * factor)
    bounded = min(max(steps, -float(LARGEST)), float(LARGEST))
    return math.floor(rounded(bounded + 0.5))


def checked_scales(what: str, centers: Sequence[float], scales: Sequence[float]) -> None:
    """Raise ``UsageError`` unless both hold float32 numbers that can standardise others."""
    if len(centers) != len(scales):
        raise UsageError(f"{what} has {len(centers)} centers and {len(scales)} scales")
    for center, scale in zip(centers, scales, strict=True):
        usable = (
            math.isfinite(center)
            and _SMALLEST_SCALE <= scale <= _LARGEST_SCALE
            and rounded(center) == center
            and rounded(scale) == scale
        )
        if not usable:
            raise UsageError(
                f"{what}: center {center!r} and scale {scale!r} must be float32 numbers, "
                f"the scale from {_SMALLEST_SCALE} to {_LARGEST_SCALE}"
            )


def read_float32s(reader: Reader, *, max_length: int) -> tuple[float, ...]:
    """Read centers or scales; they are checked by :func:`checked_scales`."""
    return tuple(
        item.number(low=-MAX_FLOAT32, high=MAX_FLOAT32)
        for item in reader.items(max_length=max_length)
    )


def read_whole_numbers(reader: Reader, *, length: int) -> list[int]:
    """Return a list of ``length`` whole numbers of at most 64 bits."""
    values = reader.json_list()
    numbers = [
        value for value in values if type(value) is int and -LARGEST_SUM <= value <= LARGEST_SUM
    ]
    if len(values) != length or len(numbers) != length:
        raise reader.refused(f"a list of {length} whole numbers of at most 64 bits")
    return numbers


def read_sums(
    totals: Reader, squares: Reader, *, counts: Iterable[int], length: int, largest: int
) -> tuple[list[int], list[int]]:
    """Read sums and sums of squares.

    Args:
        totals: At the sums.
        squares: At the sums of the squares.
        counts: How many integers are in each.
        length: How many sums there are.
        largest: Largest magnitude of an integer.

    Raises:
        The reader's error: no integers of that number and size can have such sums.
    """
    found, squared = (read_whole_numbers(item, length=length) for item in (totals, squares))
    for count, total, square in zip(counts, found, squared, strict=True):
        possible = (
            abs(total) <= square <= largest * largest * count
            and total * total <= count * square
            and (total - square) % 2 == 0
        )
        if not possible:
            raise squares.refused(f"sums of whole numbers and their squares, up to {largest} each")
    return found, squared
