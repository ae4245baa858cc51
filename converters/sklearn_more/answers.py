"""What inner estimators say: labels, probabilities, decision values, numbers."""

import copy

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, is_classifier, is_regressor
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.feature_selection import RFE, RFECV
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC, NuSVC

from converters.sklearn_more.nodes import Nodes
from edge_contract.errors import UsageError

__all__ = [
    "as_predictor",
    "binary_scores",
    "labels_of",
    "positive_probabilities",
    "probabilities_of",
    "scores_of",
    "values_of",
]


def as_predictor(estimator: BaseEstimator) -> BaseEstimator:
    """Return what predicts as an estimator does; skl2onnx takes some of them for transformers."""
    if isinstance(estimator, RFE | RFECV):
        return Pipeline(
            [("selected", estimator), ("predicted", as_predictor(estimator.estimator_))]
        )
    if isinstance(estimator, Pipeline) and estimator.steps:
        name, last = estimator.steps[-1]
        inner = as_predictor(last)
        if inner is not last:
            copied = copy.copy(estimator)
            copied.steps = [*estimator.steps[:-1], (name, inner)]
            return copied
    return estimator


def labels_of(nodes: Nodes, estimator: BaseEstimator, value: str = "") -> str:
    """Return the labels that a classifier predicts: ``int64[batch]`` or ``string[batch]``."""
    label = nodes.ask(as_predictor(estimator), value)[0]
    return nodes("Reshape", label, np.array([-1]))


def values_of(nodes: Nodes, estimator: BaseEstimator, value: str = "") -> str:
    """Return what a regressor predicts: ``float64[batch, targets]``."""
    said = nodes.cast(nodes.ask(as_predictor(estimator), value)[0], "float64")
    targets = getattr(estimator, "n_outputs_", 0) or _targets(estimator)
    return nodes("Reshape", said, np.array([-1, targets]))


def probabilities_of(nodes: Nodes, estimator: BaseEstimator, value: str = "") -> str:
    """Return a classifier's probabilities: ``float64[batch, classes]``.

    Raises:
        UsageError: It has none.
    """
    if not hasattr(estimator, "predict_proba"):
        raise UsageError(f"{type(estimator).__name__} inside another model has no probabilities")
    return nodes.cast(nodes.ask(as_predictor(estimator), value)[1], "float64")


def positive_probabilities(nodes: Nodes, estimator: BaseEstimator, value: str = "") -> str:
    """Return the probability of the second of two classes: ``float64[batch, 1]``."""
    return nodes.column(probabilities_of(nodes, estimator, value), 1)


def scores_of(nodes: Nodes, estimator: BaseEstimator, value: str = "") -> str:
    """Return ``decision_function``: ``float64[batch, 1]`` of two classes, else one for each.

    Raises:
        UsageError: It is not known how to compute it.
    """
    weights = getattr(estimator, "coef_", None)
    if (
        isinstance(weights, np.ndarray)
        and hasattr(estimator, "intercept_")
        and not _is_svm(estimator)
    ):
        dense: NDArray[np.generic] = np.atleast_2d(weights)
        given = value or nodes.x
        return nodes.linear(given, dense.T, np.atleast_1d(estimator.intercept_).astype(np.float64))
    if _is_svm(estimator) or isinstance(estimator, SGDClassifier | GradientBoostingClassifier):
        said = nodes.cast(nodes.ask(estimator, value, raw_scores=True)[1], "float64")
        return nodes.column(said, -1) if len(estimator.classes_) == 2 else said
    raise UsageError(
        f"{type(estimator).__name__} inside another model is asked for its decision_function, "
        "which cannot be converted: use a model with probabilities"
    )


def binary_scores(nodes: Nodes, estimator: BaseEstimator, value: str = "") -> str:
    """Return one number for two classes, as scikit-learn's meta-estimators take it."""
    if type(estimator).__name__ == "_ConstantPredictor":  # all its rows were of one class
        nothing = nodes("Mul", nodes.column(value or nodes.x, 0), 0.0)
        return nodes("Add", nothing, float(estimator.y_[0]))
    if is_regressor(estimator):
        return values_of(nodes, estimator, value)
    if hasattr(estimator, "decision_function"):
        return scores_of(nodes, estimator, value)
    return positive_probabilities(nodes, estimator, value)


def _is_svm(estimator: BaseEstimator) -> bool:
    return isinstance(estimator, SVC | NuSVC)


def _targets(estimator: BaseEstimator) -> int:
    if is_classifier(estimator):
        return 1
    found = getattr(estimator, "coef_", None)
    if isinstance(found, np.ndarray) and found.ndim == 2:
        return int(found.shape[0])
    inner = getattr(estimator, "estimators_", None)
    if type(estimator).__name__ in {"MultiOutputRegressor", "RegressorChain"} and inner:
        return len(inner)
    return 1
