"""Leaves of LightGBM's trees that are linear models (``linear_tree=True``)."""

import math

__all__ = ["slopes_of", "with_asking_leaves"]


def slopes_of(node: dict[str, object]) -> dict[int, float]:
    """Return what a leaf multiplies columns with, by column; nothing if it is no linear model."""
    columns, slopes = node.get("leaf_features"), node.get("leaf_coeff")
    if not isinstance(columns, list) or not isinstance(slopes, list):
        return {}
    return {int(column): float(slope) for column, slope in zip(columns, slopes, strict=True)}


def with_asking_leaves(node: dict[str, object]) -> dict[str, object]:
    """Return a tree whose linear leaves come after a question for each of their columns.

    A leaf that misses a number says the same as one without a linear model: to the right of each
    question whether the number is at most infinite, where only missing ones go, is such a leaf.
    """
    sides = {side: node.get(side) for side in ("left_child", "right_child")}
    below = {side: with_asking_leaves(it) for side, it in sides.items() if isinstance(it, dict)}
    asked: dict[str, object] = {**node, **below}
    for column in slopes_of(node):
        asked = {
            "split_feature": column,
            "decision_type": "<=",
            "threshold": math.inf,
            "missing_type": "NaN",
            "default_left": False,
            "left_child": asked,
            "right_child": {"leaf_value": node["leaf_value"]},
        }
    return asked
