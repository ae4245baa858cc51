"""Predictors that stand in the middle of a pipeline, where they transform."""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.cluster import Birch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)

from converters.sklearn_more.answers import Transforming
from converters.sklearn_more.ensembles import said_first, said_separately
from converters.sklearn_more.neighbours import distances
from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts
from edge_contract.errors import UsageError

__all__: list[str] = []


@converts(Transforming)
def transforming(nodes: Nodes, model: Transforming) -> None:
    """Give what ``transform`` gives."""
    inner: BaseEstimator = model.predictor
    match inner:
        case LinearDiscriminantAnalysis():
            nodes.say_numbers(_discriminants(nodes, inner))
        case StackingClassifier() | StackingRegressor():
            nodes.say_numbers(said_first(nodes, inner))
        case VotingClassifier() | VotingRegressor():
            nodes.say_numbers(said_separately(nodes, inner))
        case Birch():
            nodes.say_numbers(distances(nodes, nodes.x, inner.subcluster_centers_))
        case _:
            nodes.say_numbers(distances(nodes, nodes.x, inner.cluster_centers_))


def _discriminants(nodes: Nodes, model: LinearDiscriminantAnalysis) -> str:
    if model.solver == "lsqr":
        raise UsageError("LinearDiscriminantAnalysis with solver='lsqr' cannot transform")
    shifted = nodes("Sub", nodes.x, np.asarray(model.xbar_)) if model.solver == "svd" else nodes.x
    kept = int(model._max_components)
    return nodes.linear(shifted, np.asarray(model.scalings_)[:, :kept])
