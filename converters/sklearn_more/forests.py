"""Trees and forests as skl2onnx does not write them.

They have several answers, or no split, or are given float64, which they round to float32.
"""

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, is_classifier

from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.trees import Branches, Leaves, TreeSum

__all__ = ["is_unusual", "write_forest"]


def is_unusual(model: BaseEstimator) -> bool:
    """Whether a tree or forest gives several answers to a row, or has a tree of one leaf."""
    members = _members(model)
    return model.n_outputs_ > 1 or any(member.tree_.node_count == 1 for member in members)


def write_forest(nodes: Nodes, model: BaseEstimator) -> None:
    """Write the mean of the trees, and the labels that it makes likeliest."""
    members = _members(model)
    outputs, width = members[0].tree_.value.shape[1:]
    sums = TreeSum()
    for member in members:
        tree = member.tree_
        ends = np.flatnonzero(tree.children_left < 0)
        values = np.asarray(tree.value, dtype=np.float64)[ends].reshape(len(ends), -1)
        sums.add_branches(
            Branches(
                features=np.maximum(tree.feature, 0),
                thresholds=tree.threshold,
                missing_left=np.asarray(tree.missing_go_to_left, dtype=bool),
                left=tree.children_left,
                right=tree.children_right,
            ),
            Leaves(
                nodes=np.repeat(ends, outputs * width),
                targets=np.tile(np.arange(outputs * width), len(ends)),
                weights=values.ravel(),
            ),
        )
    summed = sums.write(nodes, targets=outputs * width)
    said = nodes("Div", summed, float(len(members)))
    if not is_classifier(model):
        nodes.say_numbers(said)
        return
    classes = model.classes_ if isinstance(model.classes_, list) else [model.classes_]
    shares = [
        nodes.columns(said, np.arange(len(labels)) + index * width)
        for index, labels in enumerate(classes)
    ]
    if len(classes) == 1:
        nodes.say_class(shares[0], classes[0])
        return
    labels = [_likeliest(nodes, *pair) for pair in zip(shares, classes, strict=True)]
    nodes.say_as_it_is(nodes("Concat", *labels, axis=1))
    nodes.say_numbers(nodes("Concat", *shares, axis=1), 1)


def _likeliest(nodes: Nodes, shares: str, labels: NDArray[np.generic]) -> str:
    """Return the labels with the largest share: ``[batch, 1]``."""
    kept = labels.astype(np.int64) if labels.dtype.kind in "biuf" else labels
    best = nodes("Gather", kept, nodes.largest(shares), axis=0)
    return nodes("Unsqueeze", best, np.array([1]))


def _members(model: BaseEstimator) -> list[BaseEstimator]:
    return list(getattr(model, "estimators_", None) or (model,))
