"""Selections of columns."""

import numpy as np
from sklearn.feature_selection import (
    RFE,
    RFECV,
    GenericUnivariateSelect,
    SelectFdr,
    SelectFpr,
    SelectFromModel,
    SelectFwe,
    SelectKBest,
    SelectorMixin,
    SelectPercentile,
    SequentialFeatureSelector,
    VarianceThreshold,
)

from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts
from edge_contract.errors import UsageError

__all__: list[str] = []


@converts(
    GenericUnivariateSelect,
    RFE,
    RFECV,
    SelectFdr,
    SelectFpr,
    SelectFromModel,
    SelectFwe,
    SelectKBest,
    SelectPercentile,
    SequentialFeatureSelector,
    VarianceThreshold,
)
def selector(nodes: Nodes, model: SelectorMixin) -> None:
    """Keep the chosen columns."""
    chosen = np.flatnonzero(model.get_support())
    if not len(chosen):
        raise UsageError(
            f"{type(model).__name__} keeps no column at all: change its settings and fit again"
        )
    nodes.say_numbers(nodes.columns(nodes.x, chosen))
