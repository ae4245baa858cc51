"""What a page shows of each column: distances, missing values, and two histograms side by side."""

import itertools
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cloud_sync.core.analysis.bins import views_of
from cloud_sync.core.analysis.distances import ks, psi
from cloud_sync.core.analysis.watched import watched_columns
from cloud_sync.core.facts import PackageFacts
from edge_contract.stats import (
    BINS,
    Categories,
    Probabilities,
    Profile,
    Sketch,
    Statistic,
)

__all__ = ["DISPLAY_BINS", "ColumnView", "column_views"]

DISPLAY_BINS: Final = 24

Piece = tuple[float, float, int]
"""Lower end, upper end, count: rows that lie somewhere between the two."""


@dataclass(frozen=True, slots=True)
class ColumnView:
    """Drift of one feature or of the prediction, ready to be shown.

    Attributes:
        subject: ``feature:NAME`` or ``prediction``.
        drifted: Whether an alarm on it stands.
        evidence: The detector's statistic over its threshold.
        ks: Largest gap of the cumulated shares, 0 to 1; of a prediction the larger one of its
            confidence's and its class's.
        psi: Population stability index, likewise.
        missing_fraction: Share of live rows without a usable value.
        reference_missing_fraction: The same of the reference.
        edges: Of the histograms, rising; empty where nothing was seen.
        reference_histogram: Shares of the reference between the edges, missing values aside.
        live_histogram: The same of the live rows.
    """

    subject: str
    drifted: bool
    evidence: float
    ks: float
    psi: float
    missing_fraction: float
    reference_missing_fraction: float
    edges: Sequence[float] = ()
    reference_histogram: Sequence[float] = ()
    live_histogram: Sequence[float] = ()


def column_views(
    package: PackageFacts,
    live: Profile,
    *,
    evidence: Mapping[str, float],
    drifted: Collection[str] = (),
) -> Sequence[ColumnView]:
    """Return one view per watched column, in the package's order.

    Args:
        package: The package.
        live: What devices counted in the primary role.
        evidence: By subject, as the drift detector gives it.
        drifted: Subjects on which an alarm stands.
    """
    profile = package.reference.profile
    found: list[ColumnView] = []
    for index, subject in watched_columns(profile.spec):
        reference, seen = profile[index], live[index]
        views = [(view.reference, view.counts_of(seen)) for view in views_of(reference)]
        edges = _edges([*_pieces(reference), *_pieces(seen)], whole=_is_whole(reference))
        found.append(
            ColumnView(
                subject=subject,
                drifted=subject in drifted,
                evidence=evidence.get(subject, 0.0),
                ks=max((ks(counts, known) for known, counts in views), default=0.0),
                psi=max((psi(counts, known) for known, counts in views), default=0.0),
                missing_fraction=_missing(seen),
                reference_missing_fraction=_missing(reference),
                edges=edges,
                reference_histogram=_shares(_pieces(reference), edges),
                live_histogram=_shares(_pieces(seen), edges),
            )
        )
    return found


def _pieces(statistic: Statistic) -> list[Piece]:
    """Return where the rows of a statistic lie, as intervals."""
    match statistic:
        case Sketch(spec=spec):
            pieces = [(0.0, 0.0, statistic.zero)] if statistic.zero else []
            for code, count in statistic.counts.items():
                value = spec.value_of(code)
                low, high = (value, value) if spec.integer else spec.edges_of(code)
                pieces.append((low, high, count))
            return pieces
        case Categories():
            codes = {**statistic.counts, statistic.spec.size: statistic.other}
            return [(float(code), float(code), count) for code, count in codes.items() if count]
        case Probabilities(spec=spec):
            half = [(1.0 - low) / BINS / 2 for low in spec.lows]
            return [
                (spec.middle_of(k, b) - half[k], spec.middle_of(k, b) + half[k], count)
                for k, bins in statistic.counts.items()
                for b, count in bins.items()
            ]
        case _:
            return []


def _edges(pieces: Sequence[Piece], *, whole: bool) -> list[float]:
    """Return edges between the 1st and the 99th percentile; the outer bins take the tails."""
    if not pieces:
        return []
    low = _quantile(pieces, 0.01)
    high = _quantile(pieces, 0.99)
    if whole:
        first, last = math.floor(low), math.ceil(high)
        width = max(math.ceil((last - first + 1) / DISPLAY_BINS), 1)
        return [first - 0.5 + width * n for n in range((last - first) // width + 2)]
    if not high > low:
        margin = max(abs(low), 1.0) / 2
        low, high = low - margin, high + margin
    step = (high - low) / DISPLAY_BINS
    return [low + step * n for n in range(DISPLAY_BINS)] + [high]


def _quantile(pieces: Sequence[Piece], share: float) -> float:
    ordered = sorted((low + (high - low) / 2, count) for low, high, count in pieces)
    wanted = share * sum(count for _, count in ordered)
    reached = 0
    for value, count in ordered:
        reached += count
        if reached >= wanted:
            return value
    return ordered[-1][0]


def _shares(pieces: Sequence[Piece], edges: Sequence[float]) -> list[float]:
    """Return the share of the rows in each bin; an interval over several is spread evenly."""
    bins = [0.0] * max(len(edges) - 1, 0)
    total = sum(count for _, _, count in pieces)
    if not bins or not total:
        return []
    for low, high, count in pieces:
        inside = [
            max(min(high, upper) - max(low, lower), 0.0)
            for lower, upper in itertools.pairwise(edges)
        ]
        covered = sum(inside)
        if covered > 0 and low >= edges[0] and high <= edges[-1]:
            for index, part in enumerate(inside):
                bins[index] += count / total * part / covered
        else:
            middle = low + (high - low) / 2
            index = sum(middle >= edge for edge in edges[1:-1])
            bins[index] += count / total
    return bins


def _missing(statistic: Statistic) -> float:
    match statistic:
        case Sketch() | Categories():
            absent = statistic.missing
        case Probabilities():
            absent = statistic.invalid
        case _:
            absent = 0
    return absent / statistic.count if statistic.count else 0.0


def _is_whole(statistic: Statistic) -> bool:
    match statistic:
        case Sketch(spec=spec):
            return spec.integer
        case Categories():
            return True
        case _:
            return False
