"""Bets against the reference: what a detector multiplies up while rows come in.

A bet gives every cell of a view a factor. Its mean factor is at most 1 for every distribution that
the reference does not rule out, so a product of factors over rows (an e-value) stays small while
nothing drifts, whoever looks at it and when; under a drift that the bet is about, it grows without
end. There are three kinds:

* :class:`Tilt`: ``exp(h) / c``, with ``h`` a multiple of a row's normal score in the reference (it
  has moved) or of that score's square (it is spread more or less), among all rows and among those
  that are not zero. ``c`` is the mean of ``exp(h)`` over the reference, plus the tolerance. For a
  normal feature these are the likelihood ratios of a shift and of a change of scale, the best that
  any test can do; for others normal scores lose nothing against the mean (Chernoff and Savage,
  1958). Plain ranks, as Wilcoxon's test has them, would need a twentieth more rows for a shift and
  1.6 times as many for a change of scale;
* :class:`Rate`: the likelihood ratio of an atom (zero, not zero, missing, infinite, out of the
  reference's range, a new category) being 1.5, 3 or 10 times as frequent;
* spikes: the same of each other cell. A value that is stuck on one device, or a category that
  became frequent, shows there.

**Weights.** The bets of a subject share one budget by weights that add up to 1. They are a matter
of taste, not of validity: what has the weight w is found ``-log(w)`` nats later.

**Tolerance.** The reference is a sample too, and differs from what the model will see for good
reasons. A mean may be off by 4 standard errors, plus the rare-event term that a standard error of
few or no cases leaves out; the rate of an atom is taken to be the upper end of Wilson's interval of
that width. Below :data:`~edge_contract.package.reference.FEW_ROWS` rows they are standard errors of
the *difference* of two samples of the reference's size, which are larger by the root of 2: there, a
second sample of that size, repeated for ever as the rows of a demonstration or of a test bench
are, must not alarm either. In standard deviations of a normal feature the tolerance is 0.013 with
100,000 reference rows and a quarter with 500; converting a small one warns.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Final

from cloud_sync.core.analysis.bins import View
from edge_contract.package.reference import FEW_ROWS

__all__ = ["SPIKE_RATIOS", "Bets", "Rate", "Tilt", "bets_of", "normal_scores", "tolerance_se"]

SHIFTS: Final = ((0.04, 0.3), (0.09, 0.4), (0.2, 0.2), (0.5, 0.1))
"""Shifts in standard deviations that tilts are best against, with their weights; both ways."""

SPREADS: Final = ((0.05, 0.4), (0.12, 0.4), (0.3, 0.2))
"""Multiples of the squared score, with their weights; both ways."""

RATIOS: Final = ((1.2, 0.25), (1.5, 0.25), (3.0, 0.25), (10.0, 0.25))
"""By how much atoms are more frequent, with their weights."""

SPIKE_RATIOS: Final = ((1.15, 0.2), (1.5, 0.4), (4.0, 0.4))
"""The same of single cells; the first one is for classes and categories alone."""

_NORMAL: Final = NormalDist()
_LARGEST_SCORE: Final = 2.5
_MOST_LOST: Final = 0.95
"""A bet never stakes more than this share of what it holds on one row."""

_RANKED: Final = {
    "shift": 0.44,
    "spread": 0.14,
    "shift of non-zeros": 0.12,
    "spread of non-zeros": 0.04,
    "zero": 0.03,
    "not zero": 0.03,
    "missing": 0.06,
    "infinite": 0.02,
    "out of range": 0.04,
    "invalid": 0.04,
    "spike": 0.06,
}
_UNRANKED: Final = {
    "shift": 0.16,
    "spread": 0.04,
    "other": 0.1,
    "missing": 0.1,
    "invalid": 0.1,
    "wrong": 0.3,
    "unknown": 0.05,
    "spike": 0.5,
}


@dataclass(frozen=True, slots=True)
class Tilt:
    """A bet on where rows lie.

    Attributes:
        about: ``shift``, ``spread``, ``shift of non-zeros`` or ``spread of non-zeros``.
        log_weight: Logarithm of its share of the subject's budget.
        logs: Logarithm of the factor by cell.
    """

    about: str
    log_weight: float
    logs: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Rate:
    """A bet on how many rows fall into some cells.

    Attributes:
        about: Name of the atom, ``not zero``, or ``spike``.
        cells: The cells.
        log_weight: Logarithm of its share of the subject's budget.
        log_in: Logarithm of the factor of a row in the cells.
        log_out: The same of any other row.
    """

    about: str
    cells: tuple[int, ...]
    log_weight: float
    log_in: float
    log_out: float


@dataclass(frozen=True, slots=True)
class Bets:
    """All bets on one view.

    Every kind of view has its places for bets, and a bet stands in the same place whatever the
    reference: so those of one stratum go on where those of another have left off. ``None`` is a
    place for which the reference leaves no room.

    Attributes:
        tilts: On where rows lie.
        rates: On atoms.
        spikes: On single cells, by cell and number of the ratio.
    """

    tilts: tuple[Tilt | None, ...]
    rates: tuple[Rate | None, ...]
    spikes: Mapping[int, Rate]


def tolerance_se(reference_rows: int) -> float:
    """Return how many standard errors of the reference a mean may be off."""
    return 4.0 * math.sqrt(2.0) if reference_rows < FEW_ROWS else 4.0


def bets_of(view: View, *, share: float = 1.0) -> Bets:
    """Return the bets on one view.

    Args:
        view: Laid out by the reference.
        share: Part of the subject's budget that they have together.
    """
    tilts, rates, spikes = _tilts(view), _rates(view), _spikes(view)
    bets: list[Tilt | Rate | None] = [*tilts, *rates, *spikes.values()]
    total = sum(math.exp(bet.log_weight) for bet in bets if bet is not None)
    scale = math.log(share / total) if total else 0.0
    return Bets(
        tuple(bet and replace(bet, log_weight=bet.log_weight + scale) for bet in tilts),
        tuple(bet and replace(bet, log_weight=bet.log_weight + scale) for bet in rates),
        {key: replace(bet, log_weight=bet.log_weight + scale) for key, bet in spikes.items()},
    )


def normal_scores(reference: Sequence[int], live: Sequence[bool]) -> list[float]:
    """Return each cell's normal score among the ``live`` cells; 0 for the others.

    That is the quantile of the standard normal distribution at the cell's mid-rank; bounded, so
    that no row alone decides anything.
    """
    rows = sum(count for count, alive in zip(reference, live, strict=True) if alive)
    scores: list[float] = []
    below = 0
    for count, alive in zip(reference, live, strict=True):
        rank = (below + count / 2 + 0.5) / (rows + 1)
        score = _NORMAL.inv_cdf(rank) if alive else 0.0
        scores.append(min(max(score, -_LARGEST_SCORE), _LARGEST_SCORE))
        below += count if alive else 0
    return scores


def _tilts(view: View) -> list[Tilt | None]:
    """Return the bets on location and spread, among all rows and among those that are not 0."""
    if view.one_sided:
        return []
    ordered = [index < view.ordered for index in range(len(view.reference))]
    bets = _tilts_among(view, ordered, suffix="")
    if view.zero is None:
        return bets
    if not view.reference[view.zero]:
        return bets + [None] * len(bets)
    others = [live and index != view.zero for index, live in enumerate(ordered)]
    return bets + _tilts_among(view, others, suffix=" of non-zeros")


def _tilts_among(view: View, live: Sequence[bool], *, suffix: str) -> list[Tilt | None]:
    scores = normal_scores(view.reference, live)
    exponents = [
        (f"{name}{suffix}", part, [sign * size * score**power for score in scores])
        for name, power, sizes in (("shift", 1, SHIFTS), ("spread", 2, SPREADS))
        for sign in (1.0, -1.0)
        for size, part in sizes
    ]
    return [
        _tilt(view, live, exponent, about=about, part=part) for about, part, exponent in exponents
    ]


def _tilt(
    view: View, live: Sequence[bool], exponent: Sequence[float], *, about: str, part: float
) -> Tilt | None:
    """Return ``exp(exponent)`` over its mean in the reference and the tolerance."""
    gains = [math.exp(h) for h in exponent]
    weights = [count if alive else 0 for count, alive in zip(view.reference, live, strict=True)]
    rows = sum(weights)
    if not rows:
        return None
    mean = sum(w * g for w, g in zip(weights, gains, strict=True)) / rows
    variance = sum(w * (g - mean) ** 2 for w, g in zip(weights, gains, strict=True)) / rows
    most = max(gain for gain, alive in zip(gains, live, strict=True) if alive)
    z = tolerance_se(sum(view.reference))
    ceiling = mean + z * math.sqrt(variance / rows) + (most - mean) * z * z / (2 * rows)
    if ceiling >= most:
        return None
    log_ceiling = math.log(ceiling)
    logs = tuple(h - log_ceiling if alive else 0.0 for h, alive in zip(exponent, live, strict=True))
    return Tilt(about, _log_weight(view, about, part), logs)


def _rates(view: View) -> list[Rate | None]:
    """Return the bets on every atom, and on everything but zeros."""
    groups = [(atom.name, atom.cells) for atom in view.atoms]
    if view.zero is not None:
        groups.append(("not zero", tuple(k for k in range(view.ordered) if k != view.zero)))
    return [
        _rate(view, cells, ratio, about=about, part=part)
        for about, cells in groups
        for ratio, part in RATIOS
    ]


def _spikes(view: View) -> dict[int, Rate]:
    """Return the bets on cells that are no atoms, by ``cell * number of ratios + ratio``."""
    if view.one_sided:
        return {}
    taken = {cell for atom in view.atoms for cell in atom.cells}
    cells = [cell for cell in range(view.ordered) if cell not in taken]
    found: dict[int, Rate] = {}
    for cell in cells:
        for number, (ratio, part) in enumerate(SPIKE_RATIOS):
            if view.ranked and not number:
                continue
            bet = _rate(view, (cell,), ratio, about="spike", part=part / len(cells))
            if bet is not None:
                found[cell * len(SPIKE_RATIOS) + number] = bet
    return found


def _rate(
    view: View, cells: tuple[int, ...], ratio: float, *, about: str, part: float
) -> Rate | None:
    rows = sum(view.reference)
    if not rows:
        return None
    rate = _wilson_upper(sum(view.reference[k] for k in cells), rows)
    if ratio * rate >= _MOST_LOST:
        return None
    log_out = math.log((1 - ratio * rate) / (1 - rate))
    return Rate(about, cells, _log_weight(view, about, part), math.log(ratio), log_out)


def _log_weight(view: View, about: str, part: float) -> float:
    return math.log((_RANKED if view.ranked else _UNRANKED)[about] * part)


def _wilson_upper(cases: int, rows: int) -> float:
    """Return the upper end of Wilson's interval, as wide as the tolerance."""
    z = tolerance_se(rows)
    z2 = z * z
    middle = cases + z2 / 2
    width = z * math.sqrt(cases * (rows - cases) / rows + z2 / 4)
    return min((middle + width) / (rows + z2), 1.0)
