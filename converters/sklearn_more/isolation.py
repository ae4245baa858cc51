"""Isolation forests, and forests whose leaves are features."""

import numpy as np
from sklearn.ensemble import IsolationForest, RandomTreesEmbedding
from sklearn.ensemble._iforest import _average_path_length

from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts
from converters.sklearn_more.trees import TreeSum

__all__: list[str] = []


@converts(IsolationForest)
def isolation_forest(nodes: Nodes, model: IsolationForest) -> None:
    """Say whether a row is an inlier, and how far it is from being none."""
    sums = TreeSum()
    is_subset = model._max_features != model.n_features_in_
    for index, estimator in enumerate(model.estimators_):
        depths = (
            np.asarray(model._decision_path_lengths[index])
            + np.asarray(model._average_path_length_per_tree[index])
            - 1.0
        )
        leaves = {
            node: (0, float(depths[node]))
            for node in np.flatnonzero(estimator.tree_.children_left < 0).tolist()
        }
        features = model.estimators_features_[index] if is_subset else None
        sums.add(estimator, leaves, features=features)
    usual = float(_average_path_length([model._max_samples])[0])
    depth = sums.write(nodes, targets=1)
    scale = len(model.estimators_) * usual
    share = nodes("Mul", depth, -np.log(2.0) / scale) if scale else nodes("Mul", depth, 0.0)
    score = nodes("Exp", share) if scale else nodes("Add", share, 0.5)
    decision = nodes("Sub", -float(model.offset_), score)
    is_inlier = nodes("GreaterOrEqual", nodes("Squeeze", decision, np.array([1])), 0.0)
    nodes.say_labels(nodes.cast(is_inlier, "int64"), np.array([-1, 1]))
    nodes.say_numbers(decision, 1)


@converts(RandomTreesEmbedding)
def random_trees_embedding(nodes: Nodes, model: RandomTreesEmbedding) -> None:
    """Give a one at the leaf that a row reaches in each tree."""
    sums = TreeSum()
    start = 0
    for estimator, known in zip(model.estimators_, model.one_hot_encoder_.categories_, strict=True):
        leaves = {int(leaf): (start + place, 1.0) for place, leaf in enumerate(known.tolist())}
        sums.add(estimator, leaves)
        start += len(known)
    nodes.say_numbers(sums.write(nodes, targets=start))
