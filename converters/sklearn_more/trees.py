"""Writes trees as one ONNX operator that adds up what their leaves are worth."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from onnx import numpy_helper
from sklearn.tree import DecisionTreeRegressor

from converters.sklearn_more.nodes import Nodes

__all__ = ["Branches", "Leaves", "TreeSum", "float32_at_most"]

_NUMBERS: Final = ("nodes_values", "target_weights")
"""Attributes that are kept in another form, if they are of float64."""


def float32_at_most(values: NDArray[np.generic]) -> NDArray[np.float32]:
    """Round down to float32: for a float32 ``x``, ``x <= value`` then means the same as before."""
    exact = values.astype(np.float64)
    with np.errstate(over="ignore"):
        rounded = exact.astype(np.float32)
    lower = np.nextafter(rounded, np.float32(-np.inf))
    result: NDArray[np.float32] = np.where(rounded.astype(np.float64) > exact, lower, rounded)
    return result


class Branches(NamedTuple):
    """Where a tree leads; all arrays are by node, of which 0 is the root.

    Attributes:
        features: Which column a node looks at.
        thresholds: What it is compared with.
        missing_left: Whether missing values go left.
        left: The next node of smaller values; negative in leaves.
        right: The other next node.
    """

    features: NDArray[np.int64]
    thresholds: NDArray[np.float64]
    missing_left: NDArray[np.bool_]
    left: NDArray[np.int64]
    right: NDArray[np.int64]


class Leaves(NamedTuple):
    """What leaves are worth: those that are not listed nothing, some add to several columns.

    Attributes:
        nodes: Of the tree.
        targets: The columns of the answer that they add to.
        weights: What they add.
    """

    nodes: NDArray[np.int64]
    targets: NDArray[np.int64]
    weights: NDArray[np.float64]


class TreeSum:
    """Collects trees; :meth:`write` makes one operator of them.

    Args:
        is_strict: Whether smaller values go left, and not equal ones.
    """

    def __init__(self, *, is_strict: bool = False) -> None:
        self._branch = "BRANCH_LT" if is_strict else "BRANCH_LEQ"
        self._attributes: dict[str, list[NDArray[np.generic]]] = defaultdict(list)
        self._trees = 0

    def add(
        self,
        estimator: DecisionTreeRegressor,
        leaves: Mapping[int, tuple[int, float]],
        *,
        features: Sequence[int] | None = None,
    ) -> None:
        """Add a tree of scikit-learn.

        Args:
            estimator: The fitted tree.
            leaves: Which column a leaf adds to, and how much; others add nothing.
            features: The given columns that are the tree's; all in their order if ``None``.
        """
        tree = estimator.tree_
        columns = np.maximum(tree.feature, 0)
        to_left = getattr(tree, "missing_go_to_left", np.zeros(tree.node_count))
        self.add_branches(
            Branches(
                features=columns if features is None else np.asarray(features)[columns],
                thresholds=tree.threshold,
                missing_left=np.asarray(to_left, dtype=bool),
                left=tree.children_left,
                right=tree.children_right,
            ),
            Leaves(
                nodes=np.array(list(leaves), dtype=np.int64),
                targets=np.array([target for target, _ in leaves.values()], dtype=np.int64),
                weights=np.array([weight for _, weight in leaves.values()], dtype=np.float64),
            ),
        )

    def add_branches(self, branches: Branches, leaves: Leaves) -> None:
        """Add a tree."""
        is_leaf = branches.left < 0
        count = len(is_leaf)
        found: dict[str, NDArray[np.generic]] = {
            "nodes_treeids": np.full(count, self._trees),
            "nodes_nodeids": np.arange(count),
            "nodes_modes": np.where(is_leaf, "LEAF", self._branch),
            "nodes_featureids": np.where(is_leaf, 0, branches.features),
            "nodes_values": np.where(is_leaf, 0, branches.thresholds),
            "nodes_truenodeids": np.where(is_leaf, 0, branches.left),
            "nodes_falsenodeids": np.where(is_leaf, 0, branches.right),
            "nodes_missing_value_tracks_true": (~is_leaf & branches.missing_left).astype(np.int64),
            "target_treeids": np.full(len(leaves.nodes), self._trees),
            "target_nodeids": leaves.nodes,
            "target_ids": leaves.targets,
            "target_weights": leaves.weights,
        }
        for name, values in found.items():
            self._attributes[name].append(values)
        self._trees += 1

    def write(
        self, nodes: Nodes, *, targets: int, given: str = "", compares_float64: bool = False
    ) -> str:
        """Return the sums: ``float64[batch, targets]``.

        Rows of float32 are compared as such, with thresholds that are rounded down. Where float64
        comes in, from a step before, it is compared as the library does.

        Args:
            nodes: Where to write.
            targets: How many columns they have.
            given: What the trees look at; by default what the estimator is given.
            compares_float64: Whether the library compares float64; the others make it float32.
        """
        together = {name: np.concatenate(it) for name, it in self._attributes.items()}
        looked_at = given or nodes.x
        if not (nodes.is_wide and compares_float64):
            looked_at = nodes.cast(looked_at, "float32")
        if nodes.is_wide:
            looked_at = nodes.cast(looked_at, "float64")
            numbers: dict[str, object] = {
                f"{name}_as_tensor": numpy_helper.from_array(together.pop(name).astype(np.float64))
                for name in _NUMBERS
            }
        else:
            together["nodes_values"] = float32_at_most(together["nodes_values"])
            numbers = {name: together.pop(name).tolist() for name in _NUMBERS}
        summed = nodes(
            "TreeEnsembleRegressor",
            looked_at,
            domain="ai.onnx.ml",
            n_targets=targets,
            aggregate_function="SUM",
            post_transform="NONE",
            **{name: values.tolist() for name, values in together.items()},
            **numbers,
        )
        return nodes.cast(summed, "float64")
