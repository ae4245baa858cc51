"""Distances between given rows and rows that a model keeps."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.neighbors._base import KNeighborsMixin

from converters.sklearn_more.arithmetic import row_size
from converters.sklearn_more.nodes import Nodes
from edge_contract.errors import UsageError

__all__ = [
    "distances",
    "fitted_distances",
    "fitted_rows",
    "metric_power",
    "nearest_rows",
    "nearness",
    "ranked_distances",
    "squared_distances",
]

_MANY_VALUES: Final = 20_000
_FEW_COLUMNS: Final = 64


def fitted_rows(model: KNeighborsMixin) -> NDArray[np.float64]:
    """Return the rows that a model of neighbours keeps: ``[rows, columns]``."""
    return _dense(model._fit_X)


def fitted_distances(nodes: Nodes, model: KNeighborsMixin) -> str:
    """Return distances to all rows that a model of neighbours keeps: ``float64[batch, rows]``.

    Raises:
        UsageError: It measures them by a metric that is not known here.
    """
    fitted = fitted_rows(model)
    if model.metric == "cosine":
        sizes = np.sqrt((fitted * fitted).sum(axis=1, keepdims=True))
        unit = fitted / np.where(sizes == 0, 1.0, sizes)
        alike = nodes.linear(nodes("Div", nodes.x, row_size(nodes, nodes.x, "l2")), unit.T)
        return nodes("Max", nodes("Sub", 1.0, alike), 0.0)
    return distances(nodes, nodes.x, fitted, power=metric_power(model.metric, model.p))


def squared_distances(nodes: Nodes, x: str, rows: NDArray[np.generic]) -> str:
    """Return squared Euclidean distances: ``float64[batch, rows]``.

    As a difference of products, which is quick; shifting all by the middle of the fitted rows keeps
    its digits where rows lie far from zero.
    """
    shifted, ranked = _ranked(nodes, x, rows)
    squares = nodes.total(nodes("Mul", shifted, shifted))
    return nodes("Max", nodes("Add", ranked, squares), 0.0)


def ranked_distances(nodes: Nodes, x: str, rows: NDArray[np.generic]) -> str:
    """Return squared Euclidean distances less the same number for all rows: ``[batch, rows]``.

    They tell which row is the nearest, also where all are so far away that the rest would be lost.
    """
    return _ranked(nodes, x, rows)[1]


def _ranked(nodes: Nodes, x: str, rows: NDArray[np.generic]) -> tuple[str, str]:
    fitted = _dense(rows)
    middle = fitted.mean(axis=0)
    shifted, kept = nodes("Sub", x, middle), fitted - middle
    return shifted, nodes.linear(shifted, kept.T * -2.0, (kept * kept).sum(axis=1))


def distances(nodes: Nodes, x: str, rows: NDArray[np.generic], *, power: float = 2.0) -> str:
    """Return distances of a Minkowski metric: ``float64[batch, rows]``.

    They are sums of differences, so the distance of a row to itself is exactly zero; of many fitted
    rows that would take too much memory, so Euclidean ones are then differences of products.
    """
    fitted = _dense(rows)
    if power == 2 and fitted.size > _MANY_VALUES:
        return nodes("Sqrt", squared_distances(nodes, x, fitted))
    if power == np.inf:
        return nodes("ReduceMax", _differences(nodes, x, fitted), np.array([2]), keepdims=0)
    if fitted.shape[1] <= _FEW_COLUMNS:
        total = _sum_by_column(nodes, x, fitted, power)
    else:
        powers = _power(nodes, _differences(nodes, x, fitted), power)
        total = nodes.total(powers, axis=2, keep=False)
    return total if power == 1 else _power(nodes, total, 1.0 / power)


def _dense(rows: "NDArray[np.generic] | csr_matrix") -> NDArray[np.float64]:
    values: NDArray[np.float64] = np.asarray(
        rows.toarray() if hasattr(rows, "toarray") else rows, dtype=np.float64
    )
    return values


def _differences(nodes: Nodes, x: str, fitted: NDArray[np.float64]) -> str:
    """Return all differences at once: ``float64[batch, rows, columns]``."""
    return nodes("Abs", nodes("Sub", nodes("Unsqueeze", x, np.array([1])), fitted[None]))


def _sum_by_column(nodes: Nodes, x: str, fitted: NDArray[np.float64], power: float) -> str:
    """Return sums of powers of differences without ever holding all of them."""
    total = ""
    for index, values in enumerate(fitted.T):
        apart = nodes("Abs", nodes("Sub", nodes.column(x, index), values.reshape(1, -1)))
        term = _power(nodes, apart, power)
        total = nodes("Add", total, term) if total else term
    return total


def _power(nodes: Nodes, value: str, power: float) -> str:
    match power:
        case 1.0:
            return value
        case 2.0:
            return nodes("Mul", value, value)
        case 0.5:
            return nodes("Sqrt", value)
        case _:
            return nodes("Pow", value, float(power))


def metric_power(metric: object, power: float = 2.0) -> float:
    """Return the exponent of the Minkowski metric that a metric of scikit-learn is.

    Raises:
        UsageError: It is another kind of metric.
    """
    match metric:
        case "minkowski":
            return float(power)
        case "euclidean" | "l2":
            return 2.0
        case "manhattan" | "cityblock" | "l1":
            return 1.0
        case "chebyshev" | "infinity":
            return np.inf
        case _:
            raise UsageError(
                f"the metric {metric!r} cannot be converted: use 'euclidean', 'manhattan', "
                "'chebyshev' or 'minkowski', among neighbours also 'cosine'"
            )


def nearest_rows(nodes: Nodes, apart: str, count: int) -> str:
    """Return the indices of the nearest fitted rows: ``int64[batch, count]``."""
    values = f"{apart}_nearest"
    indices = nodes.name("indices")
    nodes.write(
        "TopK",
        [apart, np.array([count])],
        [nodes.name(values), indices],
        axis=1,
        largest=0,
        sorted=1,
    )
    return indices


def nearness(nodes: Nodes, apart: str, weights: object) -> str:
    """Return how much each neighbour counts: ``float64[batch, neighbours]``.

    Args:
        nodes: Where to write.
        apart: The name of distances of this shape.
        weights: Of scikit-learn: ``"uniform"``, for which all count 1, or ``"distance"``: then it
            is 1 / distance, or where some are zero, 1 for these and 0 for all others.

    Raises:
        UsageError: It is a function.
    """
    match weights:
        case None | "uniform":
            return nodes.cast(nodes("GreaterOrEqual", apart, 0.0), "float64")
        case "distance":
            is_same = nodes("Equal", apart, 0.0)
            same = nodes.cast(is_same, "float64")
            some_same = nodes("Greater", nodes.total(same), 0.0)
            inverse = nodes("Reciprocal", nodes("Where", is_same, 1.0, apart))
            return nodes("Where", some_same, same, inverse)
        case other:
            raise UsageError(f"weights={other!r} cannot be converted: use 'uniform' or 'distance'")
