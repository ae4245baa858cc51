"""Gaps that are filled with the mean of neighbours."""

import numpy as np
from numpy.typing import NDArray
from sklearn.impute import KNNImputer

from converters.sklearn_more.markers import is_missing
from converters.sklearn_more.neighbours import nearest_rows
from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts
from edge_contract.errors import UsageError

__all__: list[str] = []


@converts(KNNImputer)
def neighbour_imputer(nodes: Nodes, model: KNNImputer) -> None:
    """Fill gaps with the mean of the nearest fitted rows that have a value there."""
    if model.metric != "nan_euclidean":
        raise UsageError(f"the metric {model.metric!r} cannot be converted: use 'nan_euclidean'")
    fitted, has_gap = np.asarray(model._fit_X), np.asarray(model._mask_fit_X)
    missing = is_missing(nodes, nodes.x, model.missing_values)
    apart = _distances(nodes, missing, np.where(has_gap, np.nan, fitted).astype(np.float64))
    columns = []
    for column, is_valid in enumerate(model._valid_mask.tolist()):
        if is_valid:
            donors = np.flatnonzero(~has_gap[:, column])
            values = fitted[donors, column].astype(np.float64)
            filled = _filled(nodes, nodes.columns(apart, donors), values, model)
            gap = nodes.column(missing, column)
            columns.append(nodes("Where", gap, filled, nodes.column(nodes.x, column)))
        elif model.keep_empty_features:
            columns.append(nodes.for_every_row(np.zeros((1, 1))))
    if model.indicator_ is not None:
        watched = np.asarray(model.indicator_.features_)
        columns.append(nodes.columns(nodes.cast(missing, "float64"), watched))
    nodes.say_numbers(nodes("Concat", *columns, axis=1))


def _distances(nodes: Nodes, missing: str, fitted: NDArray[np.float64]) -> str:
    """Return squared distances over the columns that both rows have, infinite without any.

    Args:
        nodes: Where to write.
        missing: The name of ``bool[batch, columns]``.
        fitted: With NaN in gaps.

    Returns:
        ``float64[batch, fitted rows]``.
    """
    known = (~np.isnan(fitted)).astype(np.float64)
    middle = np.nan_to_num(fitted).sum(axis=0) / np.maximum(known.sum(axis=0), 1.0)
    kept = np.nan_to_num(fitted - middle)
    given = nodes("Where", missing, 0.0, nodes("Sub", nodes.x, middle))
    present = nodes("Where", missing, 0.0, 1.0)
    squares = nodes.linear(nodes("Mul", given, given), known.T)
    others = nodes.linear(present, (kept * kept).T)
    summed = nodes("Add", nodes("Add", squares, others), nodes.linear(given, kept.T * -2.0))
    shared = nodes.linear(present, known.T)
    nothing = nodes("Equal", shared, 0.0)
    mean = nodes("Div", nodes("Max", summed, 0.0), nodes("Where", nothing, 1.0, shared))
    return nodes("Where", nothing, np.inf, nodes("Mul", mean, float(fitted.shape[1])))


def _filled(nodes: Nodes, apart: str, values: NDArray[np.float64], model: KNNImputer) -> str:
    """Return what is put into gaps of one column, whose donors have ``values``: ``[batch, 1]``."""
    near = nearest_rows(nodes, apart, min(int(model.n_neighbors), len(values)))
    squares = nodes("GatherElements", apart, near, axis=1)
    match model.weights:
        case None | "uniform":
            weights = nodes("Where", nodes("IsInf", squares), 0.0, 1.0)
        case "distance":
            is_same = nodes("Equal", squares, 0.0)
            same = nodes.cast(is_same, "float64")
            some_same = nodes("Greater", nodes.total(same), 0.0)
            inverse = nodes("Reciprocal", nodes("Sqrt", nodes("Where", is_same, 1.0, squares)))
            weights = nodes("Where", some_same, same, inverse)
        case other:
            raise UsageError(f"weights={other!r} cannot be converted: use 'uniform' or 'distance'")
    total = nodes.total(weights)
    lonely = nodes("Equal", total, 0.0)
    summed = nodes.total(nodes("Mul", nodes("Gather", values, near, axis=0), weights))
    mean = nodes("Div", summed, nodes("Where", lonely, 1.0, total))
    return nodes("Where", lonely, float(values.mean()), mean)
