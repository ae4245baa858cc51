"""Repairs of what skl2onnx does to trees, through its own hooks for custom converters.

Three things are mended wherever a tree stands, alone, in a forest or inside another estimator:

* missing values take the branch that the tree learned for them; skl2onnx sends all of them right;
* thresholds of float64 are rounded down, as scikit-learn compares float32 with them;
* flags are written as whole numbers, because protobuf 7 refuses truth values there.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from skl2onnx._supported_operators import _get_sklearn_operator_name
from skl2onnx.common._registration import get_converter, get_shape_calculator
from sklearn import ensemble, tree
from sklearn.base import BaseEstimator

from converters.sklearn_more.forests import is_unusual, write_forest
from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.skl2onnx_types import Container, Operator, Scope
from converters.sklearn_more.trees import float32_at_most
from edge_contract.errors import UsageError

__all__ = ["BOOSTED", "TREES", "Hook", "shape_calculators", "tree_converters"]

Hook: TypeAlias = Callable[[Scope, Operator, Container], None]
"""Adds the nodes of an operator."""

_Attribute: TypeAlias = Sequence[int | float | str]

_FLAGS: Final = "nodes_missing_value_tracks_true"
_VALUES: Final = "nodes_values"

_LEARNED_ROUTES: Final = (
    tree.DecisionTreeClassifier,
    tree.DecisionTreeRegressor,
    tree.ExtraTreeClassifier,
    tree.ExtraTreeRegressor,
    ensemble.RandomForestClassifier,
    ensemble.RandomForestRegressor,
    ensemble.ExtraTreesClassifier,
    ensemble.ExtraTreesRegressor,
)
BOOSTED: Final = (
    ensemble.HistGradientBoostingClassifier,
    ensemble.HistGradientBoostingRegressor,
)
"""Trees that compare rows in float64; the others turn them into float32 first."""

TREES: Final = (*_LEARNED_ROUTES, *BOOSTED)
"""Trees that are repaired."""


def tree_converters(*, nearest: bool = False) -> dict[type, Hook]:
    """Return skl2onnx's ``custom_conversion_functions``.

    Args:
        nearest: Round thresholds to the nearest float32 where scikit-learn compares them with
            float64. Rows of float64 that equal a threshold then do so as float32, too; by default
            rows of float32 are told apart as scikit-learn does.
    """
    return {
        **{kind: _mended(kind, _learned) for kind in _LEARNED_ROUTES},
        **{kind: _mended(kind, partial(_boosted, nearest=nearest)) for kind in BOOSTED},
    }


def shape_calculators(kinds: Iterable[type]) -> dict[type, Callable[[object], None]]:
    """Return skl2onnx's ``custom_shape_calculators``, which must name the types of the hooks."""
    return {kind: get_shape_calculator(_get_sklearn_operator_name(kind)) for kind in kinds}


class _Tree(NamedTuple):
    """By node: the threshold, and whether missing values go to the branch of smaller values."""

    thresholds: NDArray[np.generic]
    to_smaller: NDArray[np.generic]


def _mended(kind: type, trees_of: Callable[[BaseEstimator], Sequence[_Tree]]) -> Hook:
    original = get_converter(_get_sklearn_operator_name(kind))

    def convert(scope: Scope, operator: Operator, container: Container) -> None:
        add_node = getattr(container, "add_node")  # noqa: B009  skl2onnx publishes no types
        estimator = getattr(operator, "raw_operator", None)
        nodes = Nodes(scope, operator, container)
        if kind in _LEARNED_ROUTES and (nodes.is_wide or is_unusual(estimator)):
            write_forest(nodes, estimator)
            return
        trees = trees_of(estimator)
        loss = getattr(estimator, "_loss", None)
        has_log_link = type(getattr(loss, "link", None)).__name__ == "LogLink"

        def add_mended_node(*arguments: object, **attributes: _Attribute) -> None:
            if _FLAGS in attributes:
                attributes.update(_mended_attributes(trees, attributes))
            if has_log_link and arguments[0] == "TreeEnsembleRegressor":
                kind, given, outputs = arguments[:3]
                (output,) = outputs if isinstance(outputs, list) else [outputs]
                add_node(kind, given, [f"{output}_log"], *arguments[3:], **attributes)
                add_node("Exp", [f"{output}_log"], [output], name=f"{output}_exp")
                return
            add_node(*arguments, **attributes)

        vars(container)["add_node"] = add_mended_node
        try:
            original(scope, operator, container)
        finally:
            del vars(container)["add_node"]

    return convert


def _mended_attributes(
    trees: Sequence[_Tree], attributes: Mapping[str, _Attribute]
) -> Mapping[str, _Attribute]:
    """Return flags and thresholds as the estimator has them."""
    flags: list[int | float | str] = []
    values: list[int | float | str] = []
    for number, node, mode in zip(
        attributes["nodes_treeids"],
        attributes["nodes_nodeids"],
        attributes["nodes_modes"],
        strict=True,
    ):
        tree, is_leaf = trees[int(number)], mode == "LEAF"
        flags.append(0 if is_leaf else int(tree.to_smaller[int(node)]))
        values.append(0.0 if is_leaf else float(tree.thresholds[int(node)]))
    # of float64 models skl2onnx writes other attributes, whose thresholds are not rounded
    return {_FLAGS: flags, **({_VALUES: values} if _VALUES in attributes else {})}


def _learned(estimator: BaseEstimator) -> list[_Tree]:
    members = getattr(estimator, "estimators_", None) or (estimator,)
    return [
        _Tree(float32_at_most(member.tree_.threshold), member.tree_.missing_go_to_left)
        for member in members
    ]


def _boosted(estimator: BaseEstimator, *, nearest: bool) -> list[_Tree]:
    trees = [tree.nodes for group in estimator._predictors for tree in group]
    if any(nodes["is_categorical"].any() for nodes in trees):
        raise UsageError(
            f"{type(estimator).__name__} with categorical features cannot be converted: "
            "encode them before the model"
        )
    thresholds = [it["num_threshold"] for it in trees]
    rounded = [it.astype(np.float32) if nearest else float32_at_most(it) for it in thresholds]
    flags = [it["missing_go_to_left"] for it in trees]
    return [_Tree(*pair) for pair in zip(rounded, flags, strict=True)]
