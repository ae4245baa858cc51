"""The nearest neighbours: what they are, on the mean or by vote."""

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from converters.sklearn_more.neighbours import fitted_distances, nearest_rows, nearness
from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts
from edge_contract.errors import UsageError

__all__: list[str] = []


@converts(KNeighborsRegressor)
def neighbours_regressor(nodes: Nodes, model: KNeighborsRegressor) -> None:
    """Take the mean of the neighbours' targets."""
    targets = np.asarray(model._y, dtype=np.float64)
    nodes.say_numbers(_mean(nodes, model, targets.reshape(len(targets), -1)))


@converts(KNeighborsClassifier)
def neighbours_classifier(nodes: Nodes, model: KNeighborsClassifier) -> None:
    """Let the neighbours vote."""
    if model.outputs_2d_:
        raise UsageError(
            "KNeighborsClassifier of several labels cannot be converted: fit one for each label, "
            "as MultiOutputClassifier does"
        )
    votes = np.eye(len(model.classes_))[np.asarray(model._y)]
    nodes.say_class(_mean(nodes, model, votes), model.classes_)


def _mean(nodes: Nodes, model: KNeighborsRegressor, values: NDArray[np.float64]) -> str:
    """Return the weighted mean of the neighbours' values: ``float64[batch, columns]``."""
    apart = fitted_distances(nodes, model)
    near = nearest_rows(nodes, apart, int(model.n_neighbors))
    found = nodes("Gather", values, near, axis=0)
    weights = nearness(nodes, nodes("GatherElements", apart, near, axis=1), model.weights)
    heavy = nodes("Mul", found, nodes("Unsqueeze", weights, np.array([2])))
    return nodes("Div", nodes.total(heavy, keep=False), nodes.total(weights))
