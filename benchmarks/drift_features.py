"""Made-up features as arrays: populations, references drawn from them, and the product's bets.

Rows are drawn from finite populations of 4096 members, so a window is a few random numbers and a
table look-up.
"""

from dataclasses import dataclass, replace
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from cloud_sync.core.alarms.bets import Rate, Tilt
from cloud_sync.core.alarms.watch import ground_of
from cloud_sync.core.analysis import View
from converters.mapping import sketch_for
from edge_contract.stats import Categories, CategoriesSpec, Sketch, SketchSpec, Statistic

__all__ = [
    "CELLS",
    "KINDS",
    "Feature",
    "Numbers",
    "feature_of",
    "marks_of",
    "members_of",
    "statistic_of",
    "with_live",
]

CELLS: Final = 64
"""Cells of every table; features with fewer leave the last ones empty."""

_MEMBERS: Final = 4096
_RANKS: Final = (np.arange(_MEMBERS) + 0.5) / _MEMBERS
_CATEGORIES: Final = 12
_MISSING: Final = -1_000_000
_ZERO: Final = -1_000_001
_OTHER: Final = -1_000_002

Numbers = NDArray[np.float64]
Marks = NDArray[np.int64]


def members_of(kind: str, *, shift: float = 0.0, scale: float = 1.0) -> Numbers:
    """Return a population: its members' values, NaN for a missing one.

    Args:
        kind: One of :data:`KINDS`.
        shift: By how many standard deviations (of what is normal, or normal in its logarithm) it
            has drifted; for counts and categories, by how many of theirs about.
        scale: By what its spread is multiplied, the same.
    """
    normal = stats.norm.ppf(_RANKS) * scale + shift
    match kind:
        case "normal":
            found = normal
        case "far from zero":
            found = 1000.0 + normal
        case "log-normal":
            found = np.exp(2.0 * normal)
        case "heavy-tailed":
            found = stats.t.ppf(stats.norm.cdf(normal), 2)
        case "two thirds zero":
            found = np.where(
                _RANKS < 2 / 3,
                0.0,
                np.exp(stats.norm.ppf(np.clip(3 * _RANKS - 2, 1e-4, 1)) + shift),
            )
        case "counts":
            found = stats.poisson.ppf(stats.norm.cdf(normal), 4.0)
        case "missing 1 %":
            found = np.where(np.arange(_MEMBERS) % 100 == 0, np.nan, normal)
        case _:
            found = np.clip(np.floor(_CATEGORIES * stats.norm.cdf(normal) ** 2), 0, _CATEGORIES - 1)
    return np.asarray(found, dtype=np.float64)


KINDS: Final = (
    "normal",
    "far from zero",
    "log-normal",
    "heavy-tailed",
    "two thirds zero",
    "counts",
    "missing 1 %",
    "categories",
)
"""Distributions of features."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature with its own reference, as arrays.

    Attributes:
        kind: Its distribution.
        view: Laid out by its reference.
        table: Cell by member of the live population.
        logs: Logarithms of factors, ``float64[cells, bets]``.
        log_weights: ``float64[bets]``; minus infinity where there is no bet.
        spikes: Which bets are spikes, ``bool[bets]``.
        scores: Standard scores by cell.
        cumulated: Shares of the reference, summed up, by cell.
        reference_rows: Rows of the reference.
    """

    kind: str
    view: View
    table: Marks
    logs: Numbers
    log_weights: Numbers
    spikes: NDArray[np.bool_]
    scores: Numbers
    cumulated: Numbers
    reference_rows: int


def feature_of(kind: str, rng: np.random.Generator, *, rows: int) -> Feature:
    """Return a feature whose reference are ``rows`` members drawn at random.

    Its live rows are drawn from the same population.
    """
    marks = _own_marks(kind)
    drawn = np.bincount(rng.integers(0, _MEMBERS, rows), minlength=_MEMBERS)
    ground = ground_of(statistic_of(kind, marks, drawn))
    view, bets = ground.views[0], ground.bets[0]
    cells = len(view.reference)
    every = [*bets.tilts, *bets.rates, *bets.spikes.values()]
    logs = np.zeros((CELLS, len(every)))
    weights = np.full(len(every), -np.inf)
    for place, bet in enumerate(every):
        match bet:
            case Tilt():
                logs[:cells, place] = bet.logs
                weights[place] = bet.log_weight
            case Rate():
                logs[:cells, place] = bet.log_out
                logs[list(bet.cells), place] = bet.log_in
                weights[place] = bet.log_weight
            case None:
                continue
    scores, cumulated = np.zeros(CELLS), np.ones(CELLS)
    scores[:cells] = ground.scores
    cumulated[:cells] = np.cumsum(view.reference) / max(sum(view.reference), 1)
    spikes = np.arange(len(every)) >= len(every) - len(bets.spikes)
    table = _table(kind, view, marks)
    return Feature(kind, view, table, logs, weights, spikes, scores, cumulated, rows)


def with_live(feature: Feature, marks: Marks) -> Feature:
    """Return the feature with live rows from another population, see :func:`marks_of`."""
    return replace(feature, table=_table(feature.kind, feature.view, marks))


def marks_of(kind: str, members: Numbers) -> Marks:
    """Return what is counted of each member: a bucket or category, or one of the marks above."""
    marks = [_mark(kind, value) for value in members.tolist()]
    return np.array(marks, dtype=np.int64)


def statistic_of(kind: str, marks: Marks, counts: Marks) -> Statistic:
    """Return what a device would count of members that came so often."""
    unique, places = np.unique(marks, return_inverse=True)
    totals = np.bincount(places, weights=counts).astype(np.int64)
    seen = {
        mark: count for mark, count in zip(unique.tolist(), totals.tolist(), strict=True) if count
    }
    missing, zero, other = (seen.pop(mark, 0) for mark in (_MISSING, _ZERO, _OTHER))
    if kind == "categories":
        spec = CategoriesSpec(_CATEGORIES)
        return Categories(spec, missing=missing, other=other, counts=seen)
    return Sketch(_sketch_spec(kind), zero=zero, missing=missing, counts=seen)


def _table(kind: str, view: View, marks: Marks) -> Marks:
    """Return the cell of each member."""
    unique, places = np.unique(marks, return_inverse=True)
    one = np.array([1])
    cells = [
        view.counts_of(statistic_of(kind, np.array([mark]), one)).index(1)
        for mark in unique.tolist()
    ]
    return np.array(cells, dtype=np.int64)[places]


@cache
def _own_marks(kind: str) -> Marks:
    return marks_of(kind, members_of(kind))


@cache
def _sketch_spec(kind: str) -> SketchSpec:
    return sketch_for(members_of(kind).astype(np.float32))


def _mark(kind: str, value: float) -> int:
    if np.isnan(value):
        return _MISSING
    if kind == "categories":
        return int(value) if 0 <= value < _CATEGORIES else _OTHER
    return _ZERO if value == 0.0 else _sketch_spec(kind).code_of(float(np.float32(value)))
