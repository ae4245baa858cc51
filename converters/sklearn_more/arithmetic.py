"""Arithmetic that ONNX has no operator for, or one with fewer digits."""

import numpy as np

from converters.sklearn_more.nodes import Nodes

__all__ = ["row_size", "sigmoid"]


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
