"""Ranks of values among the quantiles of a column."""

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import QuantileTransformer

from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts
from edge_contract.errors import UsageError

__all__: list[str] = []


@converts(QuantileTransformer)
def quantile_transformer(nodes: Nodes, model: QuantileTransformer) -> None:
    """Give the rank of each value, from 0 to 1; of repeated quantiles the middle one."""
    if model.output_distribution != "uniform":
        raise UsageError(
            f"QuantileTransformer with output_distribution={model.output_distribution!r} cannot be "
            "converted: use 'uniform'"
        )
    ranks = np.asarray(model.references_, dtype=np.float64)
    columns = []
    for index, quantiles in enumerate(nodes.edges(model.quantiles_).T):
        x = nodes.column(nodes.x, index)
        missing = nodes("IsNaN", x)
        inside = nodes("Min", nodes("Max", x, float(quantiles[0])), float(quantiles[-1]))
        middle = nodes("Mul", _sum_of_both_ranks(nodes, inside, quantiles, ranks), 0.5)
        columns.append(nodes("Where", missing, np.nan, _ends(nodes, x, middle, quantiles)))
    nodes.say_numbers(nodes("Concat", *columns, axis=1))


def _ends(nodes: Nodes, x: str, value: str, quantiles: NDArray[np.float64]) -> str:
    """Return 0 at the lowest quantile and below, 1 at the highest and above, else the value."""
    upper = nodes("Where", nodes("GreaterOrEqual", x, float(quantiles[-1])), 1.0, value)
    return nodes("Where", nodes("LessOrEqual", x, float(quantiles[0])), 0.0, upper)


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
