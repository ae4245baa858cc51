"""Outliers by how dense their neighbourhood is."""

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import SGDOneClassSVM
from sklearn.neighbors import LocalOutlierFactor

from converters.sklearn_more.neighbours import fitted_distances, nearest_rows
from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts
from edge_contract.errors import UsageError

__all__: list[str] = []


@converts(LocalOutlierFactor)
def local_outlier_factor(nodes: Nodes, model: LocalOutlierFactor) -> None:
    """Say whether a row is an inlier, and how far from the edge."""
    if not model.novelty:
        raise UsageError(
            "LocalOutlierFactor with novelty=False judges no other rows: fit it with novelty=True"
        )
    apart = fitted_distances(nodes, model)
    near = nearest_rows(nodes, apart, int(model.n_neighbors_))
    own = nodes("GatherElements", apart, near, axis=1)
    reach: NDArray[np.float64] = np.asarray(model._distances_fit_X_)[:, model.n_neighbors_ - 1]
    reached = nodes("Max", own, nodes("Gather", reach.astype(np.float64), near, axis=0))
    density = nodes("Gather", np.asarray(model._lrd, dtype=np.float64), near, axis=0)
    sparseness = nodes("Add", _mean(nodes, reached), 1e-10)
    score = nodes("Neg", nodes("Mul", _mean(nodes, density), sparseness))
    decision = nodes("Sub", score, float(model.offset_))
    is_inlier = nodes("GreaterOrEqual", nodes("Squeeze", decision, np.array([1])), 0.0)
    nodes.say_labels(nodes.cast(is_inlier, "int64"), np.array([-1, 1]))
    nodes.say_numbers(decision, 1)


def _mean(nodes: Nodes, values: str) -> str:
    return nodes("ReduceMean", values, np.array([1]), keepdims=1)


@converts(SGDOneClassSVM)
def linear_one_class_machine(nodes: Nodes, model: SGDOneClassSVM) -> None:
    """Say whether a row is an inlier, which it is on the edge, too, and how far from the edge."""
    weights = np.asarray(model.coef_, dtype=np.float64).reshape(-1, 1)
    decision = nodes.linear(nodes.x, weights, -np.asarray(model.offset_, dtype=np.float64))
    is_inlier = nodes("GreaterOrEqual", nodes("Squeeze", decision, np.array([1])), 0.0)
    nodes.say_labels(nodes.cast(is_inlier, "int64"), np.array([-1, 1]))
    nodes.say_numbers(decision, 1)
