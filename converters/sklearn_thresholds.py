"""The thresholds of fitted trees that see a model's rows as they are."""

from collections.abc import Iterator

import numpy as np
from sklearn.ensemble import StackingClassifier, StackingRegressor
from sklearn.pipeline import Pipeline

from converters.thresholds import Threshold

__all__ = ["thresholds_of"]

_INNER = ("best_estimator_", "estimator_", "regressor_", "estimator")


def thresholds_of(estimator: object) -> Iterator[Threshold]:
    """Yield thresholds of an estimator and those inside it; none behind a transformation."""
    width = getattr(estimator, "n_features_in_", 0)
    for threshold in _thresholds(estimator):
        if threshold.column < width:
            yield threshold


def _thresholds(estimator: object) -> Iterator[Threshold]:
    if isinstance(estimator, Pipeline):
        if len(estimator.steps) == 1:
            yield from _thresholds(estimator.steps[0][1])
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
    yield from _inner_thresholds(estimator)


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
