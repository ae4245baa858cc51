"""Arithmetic that ONNX has no operator for, or one with fewer digits."""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from converters.sklearn_more.nodes import Nodes
from edge_contract.errors import UsageError

__all__ = ["expm1", "log1p", "row_size", "searched_with", "sigmoid", "without_misfits"]

_NEAR_ZERO: Final = 0.5


def expm1(nodes: Nodes, value: str) -> str:
    """Return ``exp(value) - 1``; near 0 by Kahan's correction, else all digits would cancel."""
    power = nodes("Exp", value)
    less_one = nodes("Sub", power, 1.0)
    corrected = nodes("Div", nodes("Mul", less_one, value), nodes("Log", power))
    near = nodes("Where", nodes("Equal", power, 1.0), value, corrected)
    return nodes("Where", nodes("Less", nodes("Abs", value), _NEAR_ZERO), near, less_one)


def log1p(nodes: Nodes, value: str) -> str:
    """Return ``log(1 + value)``; near 0 by Kahan's correction, as ``1 + value`` loses digits."""
    one_more = nodes("Add", value, 1.0)
    logarithm = nodes("Log", one_more)
    corrected = nodes("Div", nodes("Mul", logarithm, value), nodes("Sub", one_more, 1.0))
    near = nodes("Where", nodes("Equal", one_more, 1.0), value, corrected)
    return nodes("Where", nodes("Less", nodes("Abs", value), _NEAR_ZERO), near, logarithm)


def sigmoid(nodes: Nodes, value: str) -> str:
    """Return ``1 / (1 + exp(-value))``, which ONNX's own rounds to 0 below -36."""
    return nodes("Reciprocal", nodes("Add", nodes("Exp", nodes("Neg", value)), 1.0))


def row_size(nodes: Nodes, value: str, norm: str) -> str:
    """Return a norm of each row of ``float64[batch, columns]``: ``[batch, 1]``, 1 near 0.

    Args:
        nodes: Where to write.
        value: The name of a tensor.
        norm: As scikit-learn calls it: ``l1``, ``l2`` or ``max``.
    """
    match norm:
        case "l1":
            size = nodes.total(nodes("Abs", value))
        case "l2":
            size = nodes("Sqrt", nodes.total(nodes("Mul", value, value)))
        case _:
            size = nodes("ReduceMax", nodes("Abs", value), np.array([1]), keepdims=1)
    is_nothing = nodes("Less", size, 10.0 * float(np.finfo(np.float64).eps))
    return nodes("Where", is_nothing, 1.0, size)


def without_misfits(nodes: Nodes) -> tuple[str, Callable[[str], str]]:
    """Return the rows with 0 for what is negative, missing or endless, and what says so at the end.

    The latter makes NaN of all that is said of such a row, ``float64[batch, columns]``.
    """
    fits = nodes("And", nodes("GreaterOrEqual", nodes.x, 0.0), nodes("Less", nodes.x, np.inf))
    misfits = nodes.total(nodes.cast(nodes("Not", fits), "float64"))
    is_known = nodes("Equal", misfits, 0.0)

    def admitting(said: str) -> str:
        return nodes("Where", is_known, said, np.float64(np.nan))

    return nodes("Where", fits, nodes.x, 0.0), admitting


def searched_with(model: BaseEstimator, table: NDArray[np.generic]) -> NDArray[np.float64]:
    """Return what a model that answers in rounds searches with.

    Raises:
        UsageError: It was fitted on float32, whose roundings decide in which round it ends.
    """
    if table.dtype != np.float64:
        raise UsageError(
            f"{type(model).__name__} was fitted on {table.dtype}, which rounds so that its search "
            "ends elsewhere on every machine: fit it on X.astype('float64') and give such rows"
        )
    return table.astype(np.float64)
