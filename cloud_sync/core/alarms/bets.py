"""Bets against the reference: what a detector multiplies up while rows come in.

A bet gives every cell of a view a factor. Its mean factor is at most 1 for every distribution that
the reference does not rule out, so a product of factors over rows (an e-value) stays small while
nothing drifts, whoever looks at it and when; under a drift that the bet is about, it grows without
end. The factors come from

* ``1 + stake * (g - m - tolerance)`` with ``g`` a row's mid-rank in the reference, 1 - mid-rank,
  how far the rank is from the middle, 1 - that, each among all rows and among the rows that are
  not zero; ``m`` is its mean over the reference, the stakes are 1/8 to 1;
* likelihood ratios of an atom (zero, not zero, missing, infinite, a category) being 1.5, 3 or 10
  times as frequent.

**Tolerance.** The reference is a sample too, and differs from what the model will see for good
reasons. A mean may be off by 4 standard errors, plus the rare-event term that a standard error of
few or no cases leaves out; the rate of an atom is taken to be the upper end of Wilson's interval of
that width. Below :data:`~edge_contract.package.reference.FEW_ROWS` rows they are standard errors of
the *difference* of two samples of the reference's size, which are larger by the root of 2: there, a
second sample of that size, repeated for ever as the rows of a demonstration or of a test bench
are, must not alarm either. (Of 80 random splits of scikit-learn's digits into two samples of 500 or
890 rows, drawing from one for ever would in the end have raised a false alarm against the other in
up to 6 with 4 standard errors of the reference alone, in none with these.) In standard deviations
of the feature's rank the tolerance is 0.013 with 100,000 reference rows and a quarter with 500;
converting a small one warns.
"""

import math
from collections.abc import Collection, Sequence
from typing import Final

from cloud_sync.core.analysis.bins import View
from edge_contract.package.reference import FEW_ROWS

__all__ = ["Bet", "bets_of", "tolerance_se"]

STAKES: Final = (0.125, 0.25, 0.5, 1.0)
RATIOS: Final = (1.5, 3.0, 10.0)
_MOST_LOST: Final = 0.95
"""A bet never stakes more than this share of what it holds on one row."""

Bet = tuple[float, ...]
"""Logarithm of the factor by cell."""


def tolerance_se(reference_rows: int) -> float:
    """Return how many standard errors of the reference a mean may be off."""
    return 4.0 * math.sqrt(2.0) if reference_rows < FEW_ROWS else 4.0


def bets_of(view: View) -> tuple[Bet, ...]:
    """Return the bets on one view; fewer where the reference leaves no room for one."""
    bets: list[Bet] = []
    everything = [index < view.ordered for index in range(len(view.reference))]
    bets += _rank_bets(view.reference, everything)
    if view.zero is not None and view.reference[view.zero]:
        bets += _rank_bets(
            view.reference, [live and k != view.zero for k, live in enumerate(everything)]
        )
    for atom in view.atoms:
        bets += _rate_bets(view.reference, atom)
    if view.zero is not None:
        others = [k for k in range(len(view.reference)) if k != view.zero]
        bets += _rate_bets(view.reference, others)
    return tuple(bets)


def _rank_bets(reference: Sequence[int], live: Sequence[bool]) -> list[Bet]:
    """Bet on location and spread of the mid-rank among the ``live`` cells; others say nothing."""
    rows = sum(count for count, alive in zip(reference, live, strict=True) if alive)
    if not rows:
        return []
    ranks: list[float] = []
    below = 0
    for count, alive in zip(reference, live, strict=True):
        ranks.append((below + count / 2) / rows if alive else 0.5)
        below += count if alive else 0
    spread = [abs(2 * rank - 1) for rank in ranks]
    bets: list[Bet] = []
    for gains in (ranks, [1 - r for r in ranks], spread, [1 - s for s in spread]):
        bets += _mean_bets(gains, reference, live, rows=rows)
    return bets


def _mean_bets(
    gains: Sequence[float], reference: Sequence[int], live: Sequence[bool], *, rows: int
) -> list[Bet]:
    weights = [count if alive else 0 for count, alive in zip(reference, live, strict=True)]
    mean = sum(w * g for w, g in zip(weights, gains, strict=True)) / rows
    variance = sum(w * (g - mean) ** 2 for w, g in zip(weights, gains, strict=True)) / rows
    most = max(gain for gain, alive in zip(gains, live, strict=True) if alive)
    z = tolerance_se(sum(reference))
    ceiling = mean + z * math.sqrt(variance / rows) + (most - mean) * z * z / (2 * rows)
    if ceiling >= most:
        return []
    return [
        tuple(
            math.log1p(min(stake, _MOST_LOST / ceiling) * (gain - ceiling)) if alive else 0.0
            for gain, alive in zip(gains, live, strict=True)
        )
        for stake in STAKES
    ]


def _rate_bets(reference: Sequence[int], atom: Collection[int]) -> list[Bet]:
    rows = sum(reference)
    if not rows:
        return []
    rate = _wilson_upper(sum(reference[k] for k in atom), rows)
    return [
        tuple(
            math.log(ratio) if k in atom else math.log((1 - ratio * rate) / (1 - rate))
            for k in range(len(reference))
        )
        for ratio in RATIOS
        if ratio * rate < _MOST_LOST
    ]


def _wilson_upper(cases: int, rows: int) -> float:
    """Return the upper end of Wilson's interval, as wide as the tolerance."""
    z = tolerance_se(rows)
    z2 = z * z
    middle = cases + z2 / 2
    width = z * math.sqrt(cases * (rows - cases) / rows + z2 / 4)
    return min((middle + width) / (rows + z2), 1.0)
