"""Kernels: how alike two rows are."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from converters.sklearn_more.neighbours import distances, squared_distances
from converters.sklearn_more.nodes import Nodes
from edge_contract.errors import UsageError

__all__ = ["kernel"]

_COEF0: Final = 1.0
_DEGREE: Final = 3.0


def kernel(
    nodes: Nodes,
    x: str,
    rows: NDArray[np.generic] | None,
    name: object,
    *,
    gamma: float | None = None,
    degree: float | None = None,
    coef0: float | None = None,
) -> str:
    """Return the kernel of every given row with every fitted row: ``float64[batch, rows]``.

    Name and settings are those of scikit-learn; ``precomputed`` needs no fitted rows. Raises
    ``UsageError`` for a kernel that is not known here.
    """
    if name == "precomputed" or rows is None:
        return x
    fitted = np.asarray(rows.toarray() if hasattr(rows, "toarray") else rows, dtype=np.float64)
    slope = 1.0 / fitted.shape[1] if gamma is None else float(gamma)
    shift = _COEF0 if coef0 is None else float(coef0)
    match name:
        case "linear":
            return nodes.linear(x, fitted.T)
        case "rbf":
            return nodes("Exp", nodes("Mul", squared_distances(nodes, x, fitted), -slope))
        case "laplacian":
            return nodes("Exp", nodes("Mul", distances(nodes, x, fitted, power=1), -slope))
        case "poly" | "polynomial":
            inner = nodes.linear(x, fitted.T * slope, np.float64(shift))
            return nodes("Pow", inner, float(_DEGREE if degree is None else degree))
        case "sigmoid":
            return nodes("Tanh", nodes.linear(x, fitted.T * slope, np.float64(shift)))
        case "cosine":
            return nodes.linear(_unit_rows(nodes, x), _unit(fitted).T)
        case _:
            raise UsageError(
                f"the kernel {name!r} cannot be converted: use 'linear', 'rbf', 'laplacian', "
                "'poly', 'sigmoid' or 'cosine'"
            )


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths = np.sqrt((rows * rows).sum(axis=1, keepdims=True))
    unit: NDArray[np.float64] = rows / np.where(lengths == 0, 1.0, lengths)
    return unit


def _unit_rows(nodes: Nodes, x: str) -> str:
    lengths = nodes("Sqrt", nodes.total(nodes("Mul", x, x)))
    return nodes("Div", x, nodes("Where", nodes("Equal", lengths, 0.0), 1.0, lengths))
