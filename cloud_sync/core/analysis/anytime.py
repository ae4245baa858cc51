"""Bounds that hold at every look at once, so that whoever looks often is not misled more often.

A bound of a textbook holds for one look at a number of rows fixed beforehand. Rollouts look after
every window and act on the first look that is bad enough. These bounds hold for all looks together
with the stated probability, and need no plan of when to look.
"""

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Final

__all__ = ["fixed_factor", "ks_radius", "normal_factor", "rate_bounds"]

_BISECTIONS: Final = 60


def normal_factor(alpha: float, *, rows: float, best_at_rows: float) -> float:
    """Return how many standard errors one side of an any-time bound is away from an estimate.

    The one-sided confidence sequence of Robbins' normal mixture, for estimates that are nearly
    normal with a known standard error (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas,
    "Time-uniform central limit theory and asymptotic confidence sequences", 2024).

    Args:
        alpha: Probability that the bound is ever wrong.
        rows: Rows of the estimate.
        best_at_rows: Where the bound shall be tightest: the fewest rows anybody decides on.
    """
    log = -2.0 * math.log(min(2.0 * alpha, 0.5))
    x = (log + math.log(log) + 1.0) * max(rows, 1e-9) / best_at_rows
    return math.sqrt(2.0 * (x + 1.0) / x * math.log1p(math.sqrt(x + 1.0) / (2.0 * alpha)))


def fixed_factor(alpha: float) -> float:
    """Return the same for an error that was made once and is not looked at again and again."""
    return NormalDist().inv_cdf(1.0 - alpha)


def rate_bounds(cases: float, rows: float, *, alpha: float) -> tuple[float, float]:
    """Return bounds of a rate; exact, for a rate that may change from row to row by nothing.

    All rates are kept against which the data have no e-value of ``1 / alpha``, betting with
    Jeffreys' prior (beta-binomial mixture; Ville's inequality).

    Args:
        cases: Rows of the kind that is counted.
        rows: All rows.
        alpha: Probability that either bound is ever wrong.
    """
    if rows <= 0:
        return 0.0, 1.0
    cases = min(max(cases, 0.0), rows)
    rest = rows - cases
    evidence = _log_beta(cases + 0.5, rest + 0.5) - _log_beta(0.5, 0.5) + math.log(alpha)

    def kept(rate: float) -> bool:
        likelihood = (cases * math.log(rate) if cases else 0.0) + (
            rest * math.log1p(-rate) if rest else 0.0
        )
        return evidence < likelihood

    seen = cases / rows
    low = _edge(0.0, seen, kept) if cases else 0.0
    high = _edge(1.0, seen, kept) if rest else 1.0
    return low, high


def ks_radius(rows: float, *, alpha: float, first_rows: float) -> float:
    """Return how far an empirical distribution may lie from the true one, at any number of rows.

    The time-uniform version of the DKW inequality by Howard and Ramdas ("Sequential estimation of
    quantiles with applications to A/B testing and best-arm identification", 2022, corollary 2).

    Args:
        rows: Rows seen.
        alpha: Probability that it is ever further away.
        first_rows: Below so many rows nothing is promised and 1 is returned.
    """
    if rows < first_rows or rows <= 0:
        return 1.0
    spent = math.log(math.log(math.e * rows / first_rows)) + 0.8 * math.log(1612.0 / alpha)
    return min(0.85 * math.sqrt(spent / rows), 1.0)


def _edge(outside: float, inside: float, kept: Callable[[float], bool]) -> float:
    """Return where ``kept`` turns, between a rate that is out and one that is in."""
    for _ in range(_BISECTIONS):
        middle = (outside + inside) / 2
        if 0.0 < middle < 1.0 and kept(middle):
            inside = middle
        else:
            outside = middle
    return outside


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
