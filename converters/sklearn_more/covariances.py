"""Kernels of Gaussian processes: how rows vary together."""

import math
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.gaussian_process.kernels import (
    RBF,
    ConstantKernel,
    DotProduct,
    Exponentiation,
    ExpSineSquared,
    Matern,
    PairwiseKernel,
    Product,
    RationalQuadratic,
    Sum,
    WhiteKernel,
)

from converters.sklearn_more.kernel_functions import kernel
from converters.sklearn_more.neighbours import distances, squared_distances
from converters.sklearn_more.nodes import Nodes
from edge_contract.errors import UsageError

__all__ = ["covariance", "variance"]

Rows: TypeAlias = NDArray[np.float64]

_SHARPEST: Final = 0.5
_SMOOTHEST: Final = 2.5
_STEPS: Final = {_SHARPEST: 1.0, 1.5: math.sqrt(3), _SMOOTHEST: math.sqrt(5)}
_KNOWN: Final = (
    "ConstantKernel, WhiteKernel, RBF, Matern with nu=0.5, 1.5, 2.5 or inf, RationalQuadratic, "
    "ExpSineSquared, DotProduct, PairwiseKernel, and their sums, products and powers"
)


def covariance(nodes: Nodes, known: object, rows: Rows) -> str:
    """Return the kernel of every given row with every fitted row: ``float64[batch, rows]``.

    Args:
        nodes: Where to write; the rows are what the estimator is given.
        known: A kernel of scikit-learn, its parameters found.
        rows: The fitted rows.

    Raises:
        UsageError: The kernel is not known here.
    """
    match known:
        case Sum() | Product():
            first, second = (covariance(nodes, it, rows) for it in (known.k1, known.k2))
            return nodes("Add" if isinstance(known, Sum) else "Mul", first, second)
        case Exponentiation():
            return nodes("Pow", covariance(nodes, known.kernel, rows), float(known.exponent))
        case ConstantKernel():
            return nodes.for_every_row(np.full((1, len(rows)), float(known.constant_value)))
        case WhiteKernel():
            return nodes.for_every_row(np.zeros((1, len(rows))))
        case DotProduct():
            return nodes.linear(nodes.x, rows.T, np.float64(known.sigma_0**2))
        case PairwiseKernel():
            return kernel(nodes, nodes.x, rows, known.metric, gamma=float(known.gamma))
        case _:
            return _by_distance(nodes, known, rows)


def variance(nodes: Nodes, known: object) -> str:
    """Return the kernel of every given row with itself: ``float64[batch, 1]``.

    It is asked for kernels that have a :func:`covariance`.
    """
    match known:
        case Sum() | Product():
            first, second = (variance(nodes, it) for it in (known.k1, known.k2))
            return nodes("Add" if isinstance(known, Sum) else "Mul", first, second)
        case Exponentiation():
            return nodes("Pow", variance(nodes, known.kernel), float(known.exponent))
        case ConstantKernel():
            return _everywhere(nodes, float(known.constant_value))
        case WhiteKernel():
            return _everywhere(nodes, float(known.noise_level))
        case DotProduct():
            return nodes("Add", _squares(nodes), float(known.sigma_0**2))
        case PairwiseKernel():
            return _pairwise_variance(nodes, known)
        case _:
            return _everywhere(nodes, 1.0)


def _by_distance(nodes: Nodes, known: object, rows: Rows) -> str:
    match known:
        case Matern() if known.nu in _STEPS:
            return _matern(nodes, known, rows)
        case RBF() if not isinstance(known, Matern) or known.nu == math.inf:
            return nodes("Exp", nodes("Mul", _squared(nodes, known, rows), -0.5))
        case RationalQuadratic():
            part = 2.0 * known.alpha * known.length_scale**2
            grown = nodes("Add", nodes("Div", squared_distances(nodes, nodes.x, rows), part), 1.0)
            return nodes("Pow", grown, float(-known.alpha))
        case ExpSineSquared():
            turns = nodes("Mul", distances(nodes, nodes.x, rows), math.pi / known.periodicity)
            wave = nodes("Div", nodes("Sin", turns), float(known.length_scale))
            return nodes("Exp", nodes("Mul", nodes("Mul", wave, wave), -2.0))
        case _:
            raise UsageError(f"the kernel {known} cannot be converted: known are {_KNOWN}")


def _matern(nodes: Nodes, known: Matern, rows: Rows) -> str:
    scale = _scale(known, rows)
    apart = distances(nodes, nodes("Div", nodes.x, scale), rows / scale)
    away = nodes("Mul", apart, _STEPS[known.nu])
    fading = nodes("Exp", nodes("Neg", away))
    if known.nu == _SHARPEST:
        return fading
    grown = nodes("Add", away, 1.0)
    if known.nu == _SMOOTHEST:
        grown = nodes("Add", grown, nodes("Div", nodes("Mul", away, away), 3.0))
    return nodes("Mul", grown, fading)


def _squared(nodes: Nodes, known: RBF, rows: Rows) -> str:
    scale = _scale(known, rows)
    return squared_distances(nodes, nodes("Div", nodes.x, scale), rows / scale)


def _scale(known: RBF, rows: Rows) -> Rows:
    return np.broadcast_to(np.asarray(known.length_scale, dtype=np.float64), rows.shape[1:]) * 1.0


def _pairwise_variance(nodes: Nodes, known: PairwiseKernel) -> str:
    squares = _squares(nodes)
    grown = nodes("Add", nodes("Mul", squares, float(known.gamma)), 1.0)
    match known.metric:
        case "rbf" | "laplacian":
            return _everywhere(nodes, 1.0)
        case "linear":
            return squares
        case "poly" | "polynomial":
            return nodes("Pow", grown, 3.0)
        case "sigmoid":
            return nodes(
                "Tanh", nodes("Add", nodes("Mul", _squares(nodes), float(known.gamma)), 1.0)
            )
        case _:  # the cosine of rows without length is 0
            return nodes.cast(nodes("Greater", squares, 0.0), "float64")


def _squares(nodes: Nodes) -> str:
    return nodes.total(nodes("Mul", nodes.x, nodes.x))


def _everywhere(nodes: Nodes, value: float) -> str:
    return nodes.for_every_row(np.full((1, 1), value))
