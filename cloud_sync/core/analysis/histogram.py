"""Histograms of a statistic and of its reference on the same bins, for people to look at."""

import bisect
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edge_contract.stats import Categories, Probabilities, Sketch, Statistic

__all__ = ["DISPLAY_BINS", "NEW", "OTHERS", "Histograms", "histograms"]

DISPLAY_BINS: Final = 24

NEW: Final = "(new)"
"""What the bin of categories is called that the reference does not have."""

OTHERS: Final = "(others)"
"""What the bin of the reference's rare categories is called."""

_NAMED: Final = 20

Piece = tuple[float, float, int]
"""Lower end, upper end, count: rows that lie somewhere between the two."""


@dataclass(frozen=True, slots=True)
class Histograms:
    """Two histograms on the same bins.

    Attributes:
        edges: Of the bins, rising; empty where nothing was seen.
        reference: Shares of the reference between the edges, missing values aside.
        live: The same of the live rows; empty while there are none.
        labels: Names of the bins of categories, empty for numbers.
    """

    edges: Sequence[float] = ()
    reference: Sequence[float] = ()
    live: Sequence[float] = ()
    labels: Sequence[str] = ()


def histograms(
    reference: Statistic, live: Statistic, *, categories: Sequence[str] = ()
) -> Histograms:
    """Return the histograms of a column.

    Args:
        reference: Of the package.
        live: Of the same column.
        categories: Names of a categorical column's categories, most frequent first.
    """
    if isinstance(reference, Categories) and isinstance(live, Categories):
        return _of_categories(reference, live, categories)
    wanted, found = _pieces(reference), _pieces(live)
    edges = _edges([*wanted, *found], whole=_is_whole(reference))
    return Histograms(edges, _shares(wanted, edges), _shares(found, edges))


def _of_categories(
    reference: Categories, live: Categories, categories: Sequence[str]
) -> Histograms:
    """Give each frequent category a bin; behind them the rare ones and those not known before."""
    size = reference.spec.size
    named = size if size <= _NAMED + 1 else _NAMED
    has_others, has_new = named < size, bool(reference.other or live.other)
    labels = [categories[k] if k < len(categories) else str(k) for k in range(named)]
    labels += [OTHERS] * has_others + [NEW] * has_new

    def shares(statistic: Categories) -> list[float]:
        seen = statistic.count - statistic.missing
        counts = [statistic.counts.get(k, 0) for k in range(named)]
        rare = sum(statistic.counts.values()) - sum(counts)
        counts += [rare] * has_others + [statistic.other] * has_new
        return [count / seen for count in counts] if seen else []

    edges = [k - 0.5 for k in range(len(labels) + 1)]
    return Histograms(edges, shares(reference), shares(live), labels)


def _pieces(statistic: Statistic) -> list[Piece]:
    """Return where the rows of a statistic lie, as intervals."""
    match statistic:
        case Sketch(spec=spec):
            pieces = [(0.0, 0.0, statistic.zero)] if statistic.zero else []
            for code, count in statistic.counts.items():
                is_point = spec.integer or spec.is_open(code)
                low, high = (spec.value_of(code),) * 2 if is_point else spec.edges_of(code)
                pieces.append((low, high, count))
            return pieces
        case Probabilities(spec=spec):
            return [
                (*spec.edges_of(k, b), count)
                for k, bins in statistic.counts.items()
                for b, count in bins.items()
            ]
        case _:
            return []


def _edges(pieces: Sequence[Piece], *, whole: bool) -> list[float]:
    """Return edges between the 1st and the 99th percentile; the outer bins take the tails."""
    if not pieces:
        return []
    low, high = _quantiles(pieces, 0.01, 0.99)
    if whole:
        first, last = math.floor(low), math.ceil(high)
        width = max(math.ceil((last - first + 1) / DISPLAY_BINS), 1)
        return [first - 0.5 + width * n for n in range((last - first) // width + 2)]
    if not high > low:
        margin = max(abs(low), 1.0) / 2
        low, high = low - margin, high + margin
    step = (high - low) / DISPLAY_BINS
    return [low + step * n for n in range(DISPLAY_BINS)] + [high]


def _quantiles(pieces: Sequence[Piece], *shares: float) -> list[float]:
    ordered = sorted((low + (high - low) / 2, count) for low, high, count in pieces)
    reached = list(itertools.accumulate(count for _, count in ordered))
    places = [bisect.bisect_left(reached, share * reached[-1]) for share in shares]
    return [ordered[min(place, len(ordered) - 1)][0] for place in places]


def _shares(pieces: Sequence[Piece], edges: Sequence[float]) -> list[float]:
    """Return the share of the rows in each bin; an interval over several is spread evenly."""
    bins = [0.0] * max(len(edges) - 1, 0)
    total = sum(count for _, _, count in pieces)
    if not bins or not total:
        return []
    for low, high, count in pieces:
        first = max(bisect.bisect_right(edges, low) - 1, 0)  # most lie in one bin, or in two
        last = min(bisect.bisect_left(edges, high), len(bins))
        inside = [
            max(min(high, edges[index + 1]) - max(low, edges[index]), 0.0)
            for index in range(first, last)
        ]
        covered = sum(inside)
        if covered > 0 and low >= edges[0] and high <= edges[-1]:
            for index, part in enumerate(inside, first):
                bins[index] += count / total * part / covered
        else:
            middle = low + (high - low) / 2
            index = bisect.bisect_right(edges, middle, 1, len(edges) - 1) - 1
            bins[index] += count / total
    return bins


def _is_whole(statistic: Statistic) -> bool:
    return isinstance(statistic, Sketch) and statistic.spec.integer
