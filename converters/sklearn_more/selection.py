"""Selections of columns."""

import numpy as np
from sklearn.feature_selection import SequentialFeatureSelector

from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts

__all__: list[str] = []


@converts(SequentialFeatureSelector)
def sequential_feature_selector(nodes: Nodes, model: SequentialFeatureSelector) -> None:
    """Keep the chosen columns."""
    nodes.say_numbers(nodes.columns(nodes.x, np.flatnonzero(model.get_support())))
