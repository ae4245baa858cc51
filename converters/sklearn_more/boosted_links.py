"""What boosters make of a sum of leaves."""

from collections.abc import Callable
from typing import Final

from converters.sklearn_more.nodes import Nodes

__all__ = ["LINKS"]


def _signed_square(nodes: Nodes, value: str) -> str:
    return nodes("Mul", value, nodes("Abs", value))


def _log1p_exp(nodes: Nodes, value: str) -> str:
    return nodes("Log", nodes("Add", nodes("Exp", value), 1.0))


def _mean_and_variance(nodes: Nodes, value: str) -> str:
    """Return a mean and, of the logarithm of a deviation, its square."""
    variance = nodes("Exp", nodes("Mul", nodes.column(value, 1), 2.0))
    return nodes("Concat", nodes.column(value, 0), variance, axis=1)


LINKS: Final[dict[str, Callable[[Nodes, str], str]]] = {
    "identity": lambda _, value: value,
    "logistic": lambda nodes, value: nodes("Sigmoid", value),
    "softmax": lambda nodes, value: nodes.softmax(value),
    "exp": lambda nodes, value: nodes("Exp", value),
    "signed square": _signed_square,
    "log1p exp": _log1p_exp,
    "mean and variance": _mean_and_variance,
    "step": lambda nodes, value: nodes.cast(nodes("Greater", value, 0.0), "float64"),
}
"""Writes the answer for sums: ``float64[batch, targets]`` of both."""
