"""Writes trees of scikit-learn as one ONNX operator that adds up what their leaves are worth."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeRegressor

from converters.sklearn_more.nodes import Nodes

__all__ = ["TreeSum", "float32_at_most"]


def float32_at_most(values: NDArray[np.generic]) -> NDArray[np.float32]:
    """Round down to float32: for a float32 ``x``, ``x <= value`` then means the same as before."""
    exact = values.astype(np.float64)
    rounded = exact.astype(np.float32)
    lower = np.nextafter(rounded, np.float32(-np.inf))
    result: NDArray[np.float32] = np.where(rounded.astype(np.float64) > exact, lower, rounded)
    return result


class TreeSum:
    """Collects trees; :meth:`write` makes one node of them."""

    def __init__(self) -> None:
        self._attributes: dict[str, list[int | float | str]] = defaultdict(list)
        self._trees = 0

    def add(
        self,
        estimator: DecisionTreeRegressor,
        leaves: Mapping[int, tuple[int, float]],
        *,
        features: Sequence[int] | None = None,
    ) -> None:
        """Add a tree.

        Args:
            estimator: The fitted tree.
            leaves: Which column a leaf adds to, and how much; others add nothing.
            features: The given columns that are the tree's; all in their order if ``None``.
        """
        tree = estimator.tree_
        thresholds = float32_at_most(tree.threshold)
        to_left = getattr(tree, "missing_go_to_left", np.zeros(tree.node_count))
        for node in range(tree.node_count):
            is_leaf = tree.children_left[node] < 0
            column = 0 if is_leaf else int(tree.feature[node])
            self._node(
                treeids=self._trees,
                nodeids=node,
                modes="LEAF" if is_leaf else "BRANCH_LEQ",
                featureids=column if features is None or is_leaf else int(features[column]),
                values=0.0 if is_leaf else float(thresholds[node]),
                truenodeids=0 if is_leaf else int(tree.children_left[node]),
                falsenodeids=0 if is_leaf else int(tree.children_right[node]),
                missing_value_tracks_true=int(not is_leaf and bool(to_left[node])),
            )
            if is_leaf and node in leaves:
                target, weight = leaves[node]
                for name, value in (("ids", target), ("weights", float(weight))):
                    self._attributes[f"target_{name}"].append(value)
                self._attributes["target_treeids"].append(self._trees)
                self._attributes["target_nodeids"].append(node)
        self._trees += 1

    def write(self, nodes: Nodes, *, targets: int) -> str:
        """Return the sums: ``float64[batch, targets]``."""
        given = nodes.cast(nodes.x, "float32")  # as scikit-learn's trees do
        summed = nodes(
            "TreeEnsembleRegressor",
            given,
            domain="ai.onnx.ml",
            n_targets=targets,
            aggregate_function="SUM",
            post_transform="NONE",
            **self._attributes,
        )
        return nodes.cast(summed, "float64")

    def _node(self, **values: int | float | str) -> None:
        for name, value in values.items():
            self._attributes[f"nodes_{name}"].append(value)
