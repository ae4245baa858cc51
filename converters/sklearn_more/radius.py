"""Neighbours within a radius."""

import numpy as np
from sklearn.neighbors import (
    RadiusNeighborsClassifier,
    RadiusNeighborsRegressor,
    RadiusNeighborsTransformer,
)

from converters.sklearn_more.neighbours import fitted_distances, nearness
from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts
from edge_contract.errors import UsageError

__all__: list[str] = []


@converts(RadiusNeighborsTransformer)
def radius_transformer(nodes: Nodes, model: RadiusNeighborsTransformer) -> None:
    """Give distances to the fitted rows within the radius, and zero to all others."""
    apart, within = _within(nodes, model)
    nodes.say_numbers(within if model.mode == "connectivity" else nodes("Mul", apart, within))


@converts(RadiusNeighborsRegressor)
def radius_regressor(nodes: Nodes, model: RadiusNeighborsRegressor) -> None:
    """Average the targets of the neighbours; without any NaN, or what whole numbers make of it."""
    targets = np.asarray(model._y)
    targets = targets.reshape(len(targets), -1)
    with np.errstate(invalid="ignore"):
        nothing = np.full_like(targets[:1], np.nan).astype(np.float64)
    weights = _weights(nodes, model)
    total = nodes.total(weights)
    is_lonely = nodes("Equal", total, 0.0)
    mean = nodes("Div", nodes.linear(weights, targets), nodes("Where", is_lonely, 1.0, total))
    nodes.say_numbers(nodes("Where", is_lonely, nothing, mean))


@converts(RadiusNeighborsClassifier)
def radius_classifier(nodes: Nodes, model: RadiusNeighborsClassifier) -> None:
    """Let the neighbours vote; a row without any has the label for outliers."""
    if model.outputs_2d_:
        raise UsageError(
            "RadiusNeighborsClassifier of several labels cannot be converted: fit one for each "
            "label, as MultiOutputClassifier does"
        )
    labels = model.classes_
    votes = nodes.linear(_weights(nodes, model), np.eye(len(labels))[np.asarray(model._y)])
    total = nodes.total(votes)
    is_lonely = nodes("Equal", total, 0.0)
    shares = nodes("Div", votes, nodes("Where", is_lonely, 1.0, total))
    outlier = None if model.outlier_label_ is None else model.outlier_label_[0]
    is_outlier = np.array(labels == outlier, dtype=bool)
    if outlier is not None and is_outlier.any():
        shares = nodes("Where", is_lonely, is_outlier.astype(np.float64), shares)
    best = nodes.largest(shares)
    if outlier is not None and not is_outlier.any():
        alone = nodes("Squeeze", is_lonely, np.array([1]))
        best = nodes("Where", alone, np.int64(len(labels)), best)
        labels = np.append(labels, np.array([outlier], dtype=labels.dtype))
    nodes.say_labels(best, labels)
    nodes.say_numbers(shares, 1)


def _within(nodes: Nodes, model: RadiusNeighborsRegressor) -> tuple[str, str]:
    """Return distances to all fitted rows, and 1 for those within the radius."""
    apart = fitted_distances(nodes, model)
    return apart, nodes.cast(nodes("LessOrEqual", apart, float(model.radius)), "float64")


def _weights(nodes: Nodes, model: RadiusNeighborsRegressor) -> str:
    apart, within = _within(nodes, model)
    return nodes("Mul", within, nearness(nodes, apart, model.weights))
