"""Distances between two lists of counts on the same cells.

Shown to people and used for ranking. Only :func:`ks` has a test built on it; the others are never
alarmed on, because what they say without any drift depends on the number of rows (PSI above 0.1,
the usual threshold, comes up in most windows of 50 rows that do not drift at all).

Where one side is empty every distance is 0.0: nothing is known to differ.
"""

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

__all__ = ["jensen_shannon", "ks", "psi", "wasserstein"]

_LEAST_SHARE: Final = 1e-4
"""Below it the logarithm of an empty cell would decide the whole PSI."""


def ks(a: Sequence[int], b: Sequence[int]) -> float:
    """Return the Kolmogorov-Smirnov distance: the largest gap of the cumulated shares, 0 to 1."""
    size_a, size_b = sum(a), sum(b)
    if not size_a or not size_b:
        return 0.0
    sums = zip(accumulate(a), accumulate(b), strict=True)
    return max(abs(x / size_a - y / size_b) for x, y in sums)


def psi(live: Sequence[int], reference: Sequence[int]) -> float:
    """Return the population stability index, on cells of at least a tenth of the reference."""
    live, reference = _tenths(live, reference)
    size, reference_size = sum(live), sum(reference)
    if not size or not reference_size:
        return 0.0
    total = 0.0
    for x, y in zip(live, reference, strict=True):
        p, q = max(x / size, _LEAST_SHARE), max(y / reference_size, _LEAST_SHARE)
        total += (p - q) * math.log(p / q)
    return total


def jensen_shannon(a: Sequence[int], b: Sequence[int]) -> float:
    """Return the Jensen-Shannon distance: root of the divergence in bits, 0 to 1."""
    size_a, size_b = sum(a), sum(b)
    if not size_a or not size_b:
        return 0.0
    total = 0.0
    for x, y in zip(a, b, strict=True):
        p, q = x / size_a, y / size_b
        middle = (p + q) / 2
        total += sum(s * math.log2(s / middle) for s in (p, q) if s) / 2
    return math.sqrt(min(max(total, 0.0), 1.0))


def wasserstein(a: Sequence[tuple[float, int]], b: Sequence[tuple[float, int]]) -> float:
    """Return how far mass has to move from ``a`` to ``b``, in the column's unit.

    Args:
        a: Values in rising order with their counts, as ``Sketch.ordered`` gives them.
        b: The same of the other side.
    """
    size_a, size_b = sum(count for _, count in a), sum(count for _, count in b)
    if not size_a or not size_b:
        return 0.0
    steps = [(value, count / size_a) for value, count in a]
    steps += [(value, -count / size_b) for value, count in b]
    steps.sort()
    total = gap = 0.0
    before = steps[0][0]
    for value, share in steps:
        total += abs(gap) * (value - before)
        gap += share
        before = value
    return total


def _tenths(live: Sequence[int], reference: Sequence[int]) -> tuple[list[int], list[int]]:
    """Merge neighbouring cells until each holds a tenth of the reference; thresholds mean those."""
    share = sum(reference) / 10
    merged_live, merged_reference = [0], [0]
    for x, y in zip(live, reference, strict=True):
        if merged_reference[-1] >= share > 0:
            merged_live.append(0)
            merged_reference.append(0)
        merged_live[-1] += x
        merged_reference[-1] += y
    return merged_live, merged_reference
