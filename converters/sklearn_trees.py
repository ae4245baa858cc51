"""Repairs of what skl2onnx does to trees, through its own hooks for custom converters.

Three things are mended wherever a tree stands, alone, in a forest or inside another estimator:

* missing values take the branch that the tree learned for them; skl2onnx sends all of them right;
* thresholds of float64 are rounded down, as scikit-learn compares float32 with them;
* flags are written as whole numbers, because protobuf 7 refuses truth values there.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeAlias

import numpy as np
from skl2onnx._supported_operators import _get_sklearn_operator_name
from skl2onnx.common._registration import get_converter, get_shape_calculator
from sklearn import ensemble, tree

from converters.sklearn_more.trees import float32_at_most

__all__ = ["Hook", "shape_calculators", "tree_converters"]

Hook: TypeAlias = Callable[[object, object, object], None]
"""Adds the nodes of an operator: scope, operator, container, all of skl2onnx's own types."""

_Attributes: TypeAlias = Mapping[str, Sequence[int | float | str]]

_FLAGS: Final = "nodes_missing_value_tracks_true"

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
_WRITTEN_ROUTES: Final = (
    ensemble.HistGradientBoostingClassifier,
    ensemble.HistGradientBoostingRegressor,
)


def tree_converters() -> dict[type, Hook]:
    """Return skl2onnx's ``custom_conversion_functions``."""
    return {
        **{kind: _mended(kind, _learned_flags) for kind in _LEARNED_ROUTES},
        **{kind: _mended(kind, _whole_flags) for kind in _WRITTEN_ROUTES},
    }


def shape_calculators(kinds: Iterable[type]) -> dict[type, Callable[[object], None]]:
    """Return skl2onnx's ``custom_shape_calculators``, which must name the types of the hooks."""
    return {kind: get_shape_calculator(_get_sklearn_operator_name(kind)) for kind in kinds}


def _mended(kind: type, flags_of: Callable[[object, _Attributes], list[int]]) -> Hook:
    original = get_converter(_get_sklearn_operator_name(kind))

    def convert(scope: object, operator: object, container: object) -> None:
        add_node = getattr(container, "add_node")  # noqa: B009  skl2onnx publishes no types
        estimator = getattr(operator, "raw_operator", None)

        def add_mended_node(*arguments: object, **attributes: Sequence[int | float | str]) -> None:
            if _FLAGS in attributes:
                attributes[_FLAGS] = flags_of(estimator, attributes)
                attributes["nodes_values"] = _rounded_down(attributes["nodes_values"])
            add_node(*arguments, **attributes)

        vars(container)["add_node"] = add_mended_node
        try:
            original(scope, operator, container)
        finally:
            del vars(container)["add_node"]

    return convert


def _rounded_down(thresholds: Sequence[int | float | str]) -> list[float]:
    """Return the largest float32 that is no larger: rounded up, it would let equal values pass."""
    exact = np.asarray(thresholds, dtype=np.float64)
    return [float(value) for value in float32_at_most(exact)]


def _learned_flags(estimator: object, attributes: _Attributes) -> list[int]:
    """Return, node by node, whether missing values go to the branch of smaller values."""
    members: Iterable[object] = getattr(estimator, "estimators_", None) or (estimator,)
    routes = [
        getattr(member, "tree_").missing_go_to_left  # noqa: B009  scikit-learn publishes no types
        for member in members
    ]
    return [
        int(mode != "LEAF" and routes[int(number)][int(node)])
        for number, node, mode in zip(
            attributes["nodes_treeids"],
            attributes["nodes_nodeids"],
            attributes["nodes_modes"],
            strict=True,
        )
    ]


def _whole_flags(_: object, attributes: _Attributes) -> list[int]:
    return [int(flag) for flag in attributes[_FLAGS]]
