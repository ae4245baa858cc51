"""What inner estimators say: labels, probabilities, decision values, numbers."""

import copy
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin, is_regressor
from sklearn.cluster import Birch, BisectingKMeans, KMeans, MiniBatchKMeans
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    BaggingClassifier,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.feature_selection import RFE
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC, NuSVC

from converters.sklearn_more.machines import machine_scores
from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import allowed_options
from edge_contract.errors import UsageError

__all__ = [
    "PREDICTING",
    "Transforming",
    "as_predictor",
    "as_transformer",
    "binary_scores",
    "labels_of",
    "positive_probabilities",
    "probabilities_of",
    "scores_of",
    "values_of",
]

_UNSCORED: Final = (BaggingClassifier, NearestCentroid, StackingClassifier)
"""Classifiers whose ``decision_function`` is not known here."""

PREDICTING: Final = (
    Birch,
    BisectingKMeans,
    KMeans,
    LinearDiscriminantAnalysis,
    MiniBatchKMeans,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
"""Estimators that predict, but transform in the middle of a pipeline."""


def as_predictor(estimator: BaseEstimator) -> BaseEstimator:
    """Return what predicts as an estimator does; skl2onnx takes some of them for transformers."""
    if isinstance(estimator, RFE):
        inner = as_predictor(estimator.estimator_)
        return Pipeline([("selected", estimator), ("predicted", inner)])
    if isinstance(estimator, Pipeline) and estimator.steps:
        *before, (name, last) = estimator.steps
        steps = [(step, as_transformer(part)) for step, part in before]
        steps.append((name, as_predictor(last)))
        if any(new is not old for (_, new), (_, old) in zip(steps, estimator.steps, strict=True)):
            copied = copy.copy(estimator)
            copied.steps = steps
            return copied
    return estimator


def as_transformer(estimator: BaseEstimator) -> BaseEstimator:
    """Return what transforms as an estimator does; skl2onnx takes some of them for predictors."""
    if isinstance(estimator, Pipeline) and estimator.steps:
        copied = copy.copy(estimator)
        copied.steps = [(name, as_transformer(part)) for name, part in estimator.steps]
        return copied
    return Transforming(estimator) if isinstance(estimator, PREDICTING) else estimator


class Transforming(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # publishes no types
    """A predictor that stands where its ``transform`` is wanted."""

    def __init__(self, predictor: BaseEstimator) -> None:
        self.predictor = predictor
        self.n_features_in_ = getattr(predictor, "n_features_in_", None)

    def fit(self, rows: object, labels: object = None) -> "Transforming":
        """Do nothing: the predictor is fitted."""
        del rows, labels
        return self

    def transform(self, rows: object) -> object:
        """Transform rows as the predictor does."""
        return self.predictor.transform(rows)


def labels_of(nodes: Nodes, estimator: BaseEstimator, value: str = "") -> str:
    """Return the labels that a classifier predicts: ``int64[batch]`` or ``string[batch]``.

    It is given ``value``, ``[batch, columns]``, or by default what this estimator is given. Raises
    ``UsageError`` if it cannot be converted.
    """
    label = nodes.ask(as_predictor(estimator), value)[0]
    return nodes("Reshape", label, np.array([-1]))


def values_of(nodes: Nodes, estimator: BaseEstimator, value: str = "") -> str:
    """Return what a regressor predicts: ``float64[batch, targets]``.

    It is given ``value``, ``[batch, columns]``, or by default what this estimator is given. Raises
    ``UsageError`` if it cannot be converted.
    """
    said = nodes.cast(nodes.ask(as_predictor(estimator), value)[0], "float64")
    return nodes("Reshape", said, np.array([0, -1]))


def probabilities_of(nodes: Nodes, estimator: BaseEstimator, value: str = "") -> str:
    """Return a classifier's probabilities: ``float64[batch, classes]``.

    Raises:
        UsageError: It has none.
    """
    if not hasattr(estimator, "predict_proba"):
        raise UsageError(f"{type(estimator).__name__} inside another model has no probabilities")
    return nodes.cast(nodes.ask(as_predictor(estimator), value)[1], "float64")


def positive_probabilities(nodes: Nodes, estimator: BaseEstimator, value: str = "") -> str:
    """Return the probability of the second of two classes: ``float64[batch, 1]``.

    Raises:
        UsageError: The classifier has no probabilities.
    """
    return nodes.column(probabilities_of(nodes, estimator, value), 1)


def scores_of(nodes: Nodes, estimator: BaseEstimator, value: str = "") -> str:
    """Return ``decision_function``: ``float64[batch, 1]`` of two classes, else one for each.

    Raises:
        UsageError: It is not known how to compute it.
    """
    inner = _that_scores(estimator)
    if inner is not None:
        return scores_of(nodes, inner, value)
    if isinstance(estimator, RFE):
        return scores_of(nodes, as_predictor(estimator), value)
    if isinstance(estimator, SVC | NuSVC):
        return machine_scores(nodes, estimator, value)
    if isinstance(estimator, Pipeline):
        before, last = Pipeline(estimator.steps[:-1]), estimator.steps[-1][1]
        given = nodes.cast(nodes.ask(before, value)[0], "float64") if before.steps else value
        return scores_of(nodes, last, given)
    weights = getattr(estimator, "coef_", None)
    if isinstance(weights, np.ndarray) and hasattr(estimator, "intercept_"):
        dense: NDArray[np.generic] = np.atleast_2d(weights)
        given = value or nodes.x
        return nodes.linear(given, dense.T, np.atleast_1d(estimator.intercept_).astype(np.float64))
    if "raw_scores" in allowed_options(type(estimator)) and not isinstance(estimator, _UNSCORED):
        said = nodes.cast(nodes.ask(estimator, value, raw_scores=True)[1], "float64")
        return nodes.column(said, -1) if len(estimator.classes_) == 2 else said
    raise UsageError(
        f"{type(estimator).__name__} inside another model is asked for its decision_function, "
        "which cannot be converted: use a model with probabilities"
    )


def _that_scores(estimator: BaseEstimator) -> BaseEstimator | None:
    """Return the classifier inside another one that says its own scores for it, if one does."""
    match estimator:
        case FrozenEstimator():
            return estimator.estimator
        case FixedThresholdClassifier() | TunedThresholdClassifierCV():
            return getattr(estimator, "estimator_", estimator.estimator)
        case _:
            return getattr(estimator, "best_estimator_", None)


def binary_scores(nodes: Nodes, estimator: BaseEstimator, value: str = "") -> str:
    """Return one number for two classes, as scikit-learn's meta-estimators take it."""
    if type(estimator).__name__ == "_ConstantPredictor":  # all its rows were of one class
        return nodes.for_every_row(np.array([[float(estimator.y_[0])]]))
    if is_regressor(estimator):
        return values_of(nodes, estimator, value)
    if hasattr(estimator, "decision_function"):
        return scores_of(nodes, estimator, value)
    return positive_probabilities(nodes, estimator, value)
