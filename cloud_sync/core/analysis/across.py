"""Compares live statistics of two packages, whose sketches may have different buckets."""

from collections.abc import Sequence
from itertools import accumulate

from cloud_sync.core.analysis.distances import ks
from edge_contract.stats import Categories, Sketch, Statistic

__all__ = ["ks_between"]


def ks_between(a: Statistic, b: Statistic) -> float:
    """Return a KS distance that is never more than the true one; 0.0 if nothing can be said.

    With equal buckets it is the distance on them. With different ones a row's place within its
    bucket is unknown, so only gaps that no placement explains are counted. A different share of
    missing values is a distance as well.
    """
    if not a.count or not b.count:
        return 0.0
    match a, b:
        case Sketch(), Sketch():
            absent = abs(a.missing / a.count - b.missing / b.count)
            return max(absent, _sketches(a, b))
        case Categories(), Categories() if a.spec == b.spec:
            return ks(_category_counts(a), _category_counts(b))
        case _:
            return 0.0


def _sketches(a: Sketch, b: Sketch) -> float:
    if a.spec == b.spec:
        split = a.spec.code_of(0.0)
        keys = sorted(a.counts.keys() | b.counts.keys())
        below, above = [k for k in keys if k < split], [k for k in keys if k >= split]
        return ks(_laid_out(a, below, above), _laid_out(b, below, above))
    return max(_least_gap(_intervals(a), _intervals(b)), _least_gap(_intervals(b), _intervals(a)))


def _laid_out(sketch: Sketch, below: Sequence[int], above: Sequence[int]) -> list[int]:
    return [
        sketch.negative_infinity,
        *(sketch.counts.get(key, 0) for key in below),
        sketch.zero,
        *(sketch.counts.get(key, 0) for key in above),
        sketch.positive_infinity,
    ]


def _intervals(sketch: Sketch) -> list[tuple[float, float, float]]:
    """Return (lower end, upper end, share) of the finite rows, in rising order."""
    finite = sketch.finite
    if not finite:
        return []
    pieces = [(*sketch.spec.edges_of(code), count) for code, count in sketch.counts.items()]
    pieces += [(0.0, 0.0, sketch.zero)] if sketch.zero else []
    return [(low, high, count / finite) for low, high, count in sorted(pieces)]


def _least_gap(
    a: Sequence[tuple[float, float, float]], b: Sequence[tuple[float, float, float]]
) -> float:
    """Return the largest gap at upper ends in ``a``, however ``b``'s rows lie in their buckets.

    Which of two neighbouring buckets a row on their common edge is in depends on the mapping; so
    what ends exactly at an edge counts as "possibly above it" as well.
    """
    if not a or not b:
        return 0.0
    gap = 0.0
    surely = possibly = 0.0
    by_high = sorted((high, share) for _, high, share in b)
    by_low = sorted((low, share) for low, _, share in b)
    next_high = next_low = 0
    for (_, end, _), reached in zip(a, accumulate(share for _, _, share in a), strict=True):
        while next_high < len(by_high) and by_high[next_high][0] < end:
            surely += by_high[next_high][1]
            next_high += 1
        while next_low < len(by_low) and by_low[next_low][0] <= end:
            possibly += by_low[next_low][1]
            next_low += 1
        gap = max(gap, surely - reached, reached - possibly)
    return gap


def _category_counts(statistic: Categories) -> list[int]:
    known = [statistic.counts.get(index, 0) for index in range(statistic.spec.size)]
    return [*known, statistic.other, statistic.missing]
