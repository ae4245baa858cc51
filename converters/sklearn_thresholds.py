"""Values at which a fitted model's answers jump: thresholds of trees, edges of bins."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from sklearn.ensemble import StackingClassifier, StackingRegressor
from sklearn.isotonic import IsotonicRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import KBinsDiscretizer, QuantileTransformer

from converters.sklearn_more.boosted import ensemble_thresholds
from converters.thresholds import Threshold

__all__ = ["EDGED", "thresholds_of"]

EDGED: Final = (IsotonicRegression, KBinsDiscretizer, QuantileTransformer)
"""Estimators whose answers jump at certain values, as those of trees do."""

_INNER = ("best_estimator_", "estimator_", "regressor_", "estimator")


def thresholds_of(estimator: object) -> Iterator[Threshold]:
    """Yield thresholds of an estimator and those inside it; none behind a transformation."""
    width = getattr(estimator, "n_features_in_", 1)  # isotonic regressions do not say that it is 1
    for threshold in _thresholds(estimator):
        if threshold.column < width:  # chains have more columns than the rows
            yield threshold


def _thresholds(estimator: object) -> Iterator[Threshold]:
    if isinstance(estimator, Pipeline):
        yield from _thresholds(estimator.steps[0][1])  # the other steps see other columns
        return
    tree = getattr(estimator, "tree_", None)
    if tree is not None and hasattr(tree, "threshold"):
        is_split = tree.children_left >= 0
        pairs = zip(tree.feature[is_split], tree.threshold[is_split], strict=True)
        yield from (Threshold(int(column), float(value)) for column, value in pairs)
    for group in getattr(estimator, "_predictors", None) or ():
        for predictor in group:
            nodes = predictor.nodes[predictor.nodes["is_leaf"] == 0]
            pairs = zip(nodes["feature_idx"], nodes["num_threshold"], strict=True)
            yield from (Threshold(int(column), float(value)) for column, value in pairs)
    yield from ensemble_thresholds(estimator)
    yield from _edges(estimator)
    yield from _inner_thresholds(estimator)


def _edges(estimator: object) -> Iterator[Threshold]:
    match estimator:
        case IsotonicRegression() if estimator.out_of_bounds != "clip":
            ends = (estimator.X_thresholds_[0], estimator.X_thresholds_[-1])
            yield from (Threshold(0, float(value)) for value in ends)
        case KBinsDiscretizer():
            for column, edges in enumerate(estimator.bin_edges_):
                yield from (Threshold(column, float(value)) for value in edges[1:-1])
        case QuantileTransformer():
            for column, quantiles in enumerate(estimator.quantiles_.T):
                yield from (Threshold(column, float(value)) for value in np.unique(quantiles))


def _inner_thresholds(estimator: object) -> Iterator[Threshold]:
    members = getattr(estimator, "estimators_", None)
    if members is None:
        inner = next((getattr(estimator, it) for it in _INNER if hasattr(estimator, it)), None)
        if inner is not None and not isinstance(estimator, StackingClassifier | StackingRegressor):
            yield from _thresholds(inner)
        return
    subsets = getattr(estimator, "estimators_features_", None)
    every = np.arange(getattr(estimator, "n_features_in_", 0))
    # a list of pipelines is kept apart from numpy, which would take each for a list of its steps
    flat = members.ravel().tolist() if isinstance(members, np.ndarray) else members
    for index, member in enumerate(flat):
        columns = every if subsets is None else np.asarray(subsets[index])
        for column, value in _thresholds(member):
            if column < len(columns):
                yield Threshold(int(columns[column]), value)
