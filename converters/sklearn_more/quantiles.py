"""Ranks of values among the quantiles of a column."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from sklearn.preprocessing import QuantileTransformer

from converters.sklearn_more.isotonic import interpolated
from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.piecewise import Piecewise, error_function
from converters.sklearn_more.registry import converts

__all__ = ["quantile_inverse"]


_BOUND: Final = 1e-7 - np.spacing(1)
"""scikit-learn gives no quantile of the normal distribution beyond this one, on either side."""
_NEAR: Final = 1e-7
"""Where it gives those, values as near to an end of the column count as the end."""


def _upper_quantile(size: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far from the middle a tail of ``exp(-size**2 / 2)`` begins."""
    found: NDArray[np.float64] = -ndtri(np.exp(-0.5 * size * size))
    return found


_NORMAL: Final = Piecewise.of(_upper_quantile, low=1.17, high=5.7, parts=96)


@converts(QuantileTransformer)
def quantile_transformer(nodes: Nodes, model: QuantileTransformer) -> None:
    """Give the rank of each value, from 0 to 1, or where the normal distribution has this rank.

    Of repeated quantiles the middle one counts.
    """
    is_normal = model.output_distribution == "normal"
    ranks = np.asarray(model.references_, dtype=np.float64)
    columns = []
    for index, quantiles in enumerate(nodes.edges(model.quantiles_).T):
        x = nodes.beside_edges(nodes.column(nodes.x, index))
        missing = nodes("IsNaN", x)
        inside = nodes("Min", nodes("Max", x, float(quantiles[0])), float(quantiles[-1]))
        middle = nodes("Mul", _sum_of_both_ranks(nodes, inside, quantiles, ranks), 0.5)
        rank = _ends(nodes, x, middle, quantiles, near=_NEAR if is_normal else 0.0)
        columns.append(nodes("Where", missing, np.nan, rank))
    together = nodes("Concat", *columns, axis=1)
    nodes.say_numbers(_normal(nodes, together) if is_normal else together)


def quantile_inverse(nodes: Nodes, model: QuantileTransformer, value: str) -> str:
    """Return what has these ranks: both ``float64[batch, columns]``."""
    if model.output_distribution == "normal":
        off = error_function(nodes, nodes("Mul", value, np.sqrt(0.5)))
        value = nodes("Mul", nodes("Add", off, 1.0), 0.5)
    ranks = np.asarray(model.references_, dtype=np.float64)
    columns = [
        interpolated(nodes, nodes.column(value, index), ranks, quantiles)
        for index, quantiles in enumerate(np.asarray(model.quantiles_).T)
    ]
    return nodes("Concat", *columns, axis=1)


def _normal(nodes: Nodes, ranks: str) -> str:
    """Return where the standard normal distribution has these ranks."""
    inside = nodes("Min", nodes("Max", ranks, _BOUND), 1.0 - _BOUND)
    tail = nodes("Min", inside, nodes("Sub", 1.0, inside))
    size = nodes("Sqrt", nodes("Mul", nodes("Log", tail), -2.0))
    off = _NORMAL.write(nodes, size)
    return nodes("Where", nodes("Less", inside, 0.5), nodes("Neg", off), off)


def _ends(nodes: Nodes, x: str, value: str, quantiles: NDArray[np.float64], *, near: float) -> str:
    """Return 0 at the lowest quantile and below, 1 at the highest and above, else the value."""
    if near:
        is_high = nodes("Greater", nodes("Add", x, near), float(quantiles[-1]))
        is_low = nodes("Less", nodes("Sub", x, near), float(quantiles[0]))
    else:
        is_high = nodes("GreaterOrEqual", x, float(quantiles[-1]))
        is_low = nodes("LessOrEqual", x, float(quantiles[0]))
    upper = nodes("Where", is_high, 1.0, value)
    return nodes("Where", is_low, 0.0, upper)


def _sum_of_both_ranks(
    nodes: Nodes, x: str, quantiles: NDArray[np.float64], ranks: NDArray[np.float64]
) -> str:
    """Return the rank counted from below plus the one counted from above: ``[batch, 1]``."""
    steps = np.diff(quantiles)
    slopes = np.where(steps > 0, np.diff(ranks) / np.where(steps > 0, steps, 1.0), 0.0)
    row = quantiles.reshape(1, -1)
    last = np.int64(len(steps) - 1)
    at_most = nodes.total(nodes.cast(nodes("GreaterOrEqual", x, row), "int64"))
    below = nodes.total(nodes.cast(nodes("Greater", x, row), "int64"))
    from_below = nodes("Min", nodes("Sub", at_most, np.int64(1)), last)
    from_above = nodes("Max", nodes("Sub", below, np.int64(1)), np.int64(0))
    low = _on_line(nodes, x, from_below, (quantiles[:-1], ranks[:-1], slopes))
    high = _on_line(nodes, x, from_above, (quantiles[1:], ranks[1:], slopes))
    return nodes("Add", low, high)


def _on_line(
    nodes: Nodes,
    x: str,
    place: str,
    line: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
) -> str:
    """Return the value at ``x`` of the line with that place: through a point, with a slope."""
    point, height, slope = (nodes("Gather", part, place, axis=0) for part in line)
    return nodes("Add", height, nodes("Mul", nodes("Sub", x, point), slope))
