"""Isotonic regression: the rising sequence that is nearest to given means."""

from collections.abc import Sequence

__all__ = ["isotonic"]


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
