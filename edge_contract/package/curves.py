"""Curves from labels: how often something is true, by how probable the model said it was."""

import math
from collections.abc import Sequence
from typing import Final

__all__ = ["PRIOR_ROWS", "isotonic", "recalibrated", "shrunk"]

PRIOR_ROWS: Final = 2.0
"""So many labelled rows the prior of a bin counts for."""

_NEWTON_STEPS: Final = 30
_RIDGE: Final = 1.0


def isotonic(means: Sequence[float], weights: Sequence[float]) -> list[float]:
    """Return the rising sequence with the least weighted squared distance from ``means``.

    The pool-adjacent-violators algorithm; the weighted mean of all stays what it was.

    Args:
        means: Values, in the order in which the result rises.
        weights: Above 0, as many.
    """
    blocks: list[tuple[float, float, int]] = []  # mean, weight, how many means are in it
    for mean, weight in zip(means, weights, strict=True):
        block = (mean, weight, 1)
        while blocks and blocks[-1][0] >= block[0]:
            before, before_weight, size = blocks.pop()
            total = before_weight + block[1]
            pooled = (before * before_weight + block[0] * block[1]) / total
            block = (pooled, total, size + block[2])
        blocks.append(block)
    return [mean for mean, _, size in blocks for _ in range(size)]


def recalibrated(
    probabilities: Sequence[float], rows: Sequence[float], hits: Sequence[float]
) -> list[float]:
    """Return probabilities bent by ``a + b * log-odds`` so that they fit labels best (Platt).

    A ridge holds ``a`` near 0 and ``b`` near 1: without labels the result is what came in.

    Args:
        probabilities: Of bins.
        rows: Labelled rows in each.
        hits: How many of them came true; expected numbers will do.
    """
    odds = [_logit(p) for p in probabilities]
    a, b = 0.0, 1.0
    for _ in range(_NEWTON_STEPS):
        slope_a, slope_b = -_RIDGE * a, -_RIDGE * (b - 1.0)
        bend_aa, bend_ab, bend_bb = _RIDGE, 0.0, _RIDGE
        for x, n, true in zip(odds, rows, hits, strict=True):
            if n:
                p = _logistic(a + b * x)
                weight = n * p * (1 - p)
                slope_a += true - n * p
                slope_b += (true - n * p) * x
                bend_aa += weight
                bend_ab += weight * x
                bend_bb += weight * x * x
        scale = bend_aa * bend_bb - bend_ab * bend_ab
        step_a = (bend_bb * slope_a - bend_ab * slope_b) / scale
        step_b = (bend_aa * slope_b - bend_ab * slope_a) / scale
        length = max(abs(step_a), abs(step_b), 1.0)  # short steps far from the optimum
        a, b = a + step_a / length, b + step_b / length
    return [_logistic(a + b * x) for x in odds]


def shrunk(rows: Sequence[float], hits: Sequence[float], prior: Sequence[float]) -> list[float]:
    """Return a rising curve through labelled bins, of which those with few rows lean on a prior."""
    weights = [count + PRIOR_ROWS for count in rows]
    means = [
        (true + PRIOR_ROWS * belief) / weight
        for true, belief, weight in zip(hits, prior, weights, strict=True)
    ]
    return isotonic(means, weights)


def _logit(p: float) -> float:
    p = min(max(p, 1e-4), 1.0 - 1e-4)
    return math.log(p / (1.0 - p))


def _logistic(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-min(max(x, -40.0), 40.0)))
