"""Values at which a fitted model's answers jump: thresholds of trees, edges of bins, markers."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import StackingClassifier, StackingRegressor
from sklearn.impute import KNNImputer, MissingIndicator, SimpleImputer
from sklearn.isotonic import IsotonicRegression
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import Binarizer, KBinsDiscretizer, QuantileTransformer

from converters.sklearn_columns import Columns, columns_after, given_column, part_columns
from converters.sklearn_more.boosted import ensemble_thresholds
from converters.sklearn_more.markers import is_number_marker
from converters.sklearn_parts import parts_of
from converters.sklearn_trees import BOOSTED
from converters.thresholds import Threshold

__all__ = ["EDGED", "looks_up_numbers", "thresholds_of"]

EDGED: Final = (Binarizer, IsotonicRegression, KBinsDiscretizer, QuantileTransformer)
"""Estimators whose answers jump at certain values, as those of trees do."""

_MARKED: Final = (KNNImputer, MissingIndicator, SimpleImputer)
_INNER: Final = ("best_estimator_", "estimator_", "regressor_", "estimator")
_MOST_CATEGORIES: Final = 32


def thresholds_of(estimator: object) -> Iterator[Threshold]:
    """Yield thresholds of an estimator and those inside it; none behind a transformation."""
    width = getattr(estimator, "n_features_in_", 1)  # isotonic regressions do not say that it is 1
    for threshold in _thresholds(estimator):
        if threshold.column < width:  # chains have more columns than the rows
            yield threshold


def looks_up_numbers(part: object) -> bool:
    """Whether an estimator compares numbers with exact ones, which a rounding may hit or miss."""
    if isinstance(part, _MARKED):
        return is_number_marker(part.missing_values)
    return any(values.dtype.kind == "f" for values in _categories(part))


def _thresholds(estimator: object) -> Iterator[Threshold]:
    if isinstance(estimator, Pipeline):
        yield from _thresholds_of_steps(estimator)
        return
    if isinstance(estimator, ColumnTransformer):
        yield from _thresholds_by_column(estimator)
        return
    if isinstance(estimator, FeatureUnion):
        for _, part in estimator.transformer_list:
            yield from _thresholds(part)
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


def _thresholds_of_steps(pipeline: Pipeline) -> Iterator[Threshold]:
    """Yield what the steps compare the pipeline's own columns with."""
    columns: Columns = range(getattr(pipeline, "n_features_in_", 0))
    for _, step in pipeline.steps:
        is_tree = any(isinstance(part, BOOSTED) for part in parts_of(step))
        for column, value in _thresholds(step):
            given = given_column(columns, column)
            if given is not None:  # a device sends float32 to trees behind other steps
                yield Threshold(given, float(np.float32(value)) if is_tree else value)
        columns = columns_after(step, columns)


def _thresholds_by_column(model: ColumnTransformer) -> Iterator[Threshold]:
    for name, part, _ in model.transformers_:
        columns = part_columns(model, name)
        for column, value in _thresholds(part):
            if column < len(columns):
                yield Threshold(columns[column], value)


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
        case Binarizer():
            for column in range(estimator.n_features_in_):
                yield Threshold(column, float(estimator.threshold))
        case _:
            yield from _exact_values(estimator)


def _exact_values(estimator: object) -> Iterator[Threshold]:
    """Yield numbers that are looked up: markers of missing values, categories."""
    if isinstance(estimator, _MARKED) and is_number_marker(estimator.missing_values):
        for column in range(estimator.n_features_in_):
            yield Threshold(column, float(estimator.missing_values))
    for column, values in enumerate(_categories(estimator)):
        if values.dtype.kind == "f":
            known = values[np.isfinite(values)][:_MOST_CATEGORIES]
            yield from (Threshold(column, float(value)) for value in known)


def _categories(estimator: object) -> "list[np.ndarray[tuple[int], np.dtype[np.generic]]]":
    """Return the categories of an encoder, by column."""
    found = getattr(estimator, "categories_", None) if isinstance(estimator, BaseEstimator) else ()
    return [np.asarray(values) for values in found or ()]


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
