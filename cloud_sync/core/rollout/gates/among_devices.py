"""How much devices differ from each other, whatever version they run.

A rate over many rows of few devices is less certain than its rows suggest: one camera in a dark
corner is wrong more often, and a canary may hold it. The variance of the devices' own rates is
estimated by moments (as Kleinman does for proportions, JASA 1973) over candidate and control
together, each around its own mean, so that a candidate that is worse everywhere adds nothing to it.
"""

import math
from collections.abc import Sequence

__all__ = ["spread_of", "variance_among"]

Counts = Sequence[tuple[int, int]]
"""Cases and rows of each device."""


def variance_among(sides: Sequence[Counts], *, inflation: float) -> float:
    """Return the variance of devices' own rates; 0 where their rows explain all that is seen.

    Args:
        sides: Cases and rows by device, of candidate and control.
        inflation: By how much rows of one device vary more than independent ones.
    """
    above = below = 0.0
    for side in sides:
        rows = sum(n for _, n in side)
        if len(side) < 2 or not rows:
            continue
        mean = sum(c for c, _ in side) / rows
        seen = sum(n * (c / n - mean) ** 2 for c, n in side if n)
        above += seen - (len(side) - 1) * mean * (1.0 - mean) * inflation
        below += rows - sum(n * n for _, n in side) / rows
    return max(above / below, 0.0) if below > 0 else 0.0


def spread_of(side: Counts, variance: float) -> float:
    """Return the standard error that devices' own rates add to the rate over all their rows."""
    rows = sum(n for _, n in side)
    return math.sqrt(variance * sum(n * n for _, n in side)) / rows if rows else 0.0
