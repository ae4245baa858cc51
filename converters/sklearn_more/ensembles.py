"""Stacked and bagged models, of anything that can be converted."""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
)

from converters.sklearn_more.answers import (
    labels_of,
    probabilities_of,
    scores_of,
    values_of,
)
from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts
from edge_contract.errors import UsageError

__all__ = ["said_first", "said_separately"]


@converts(StackingRegressor)
def stacking_regressor(nodes: Nodes, model: StackingRegressor) -> None:
    """Predict from what the first models say."""
    nodes.say_numbers(values_of(nodes, model.final_estimator_, said_first(nodes, model)))


@converts(StackingClassifier)
def stacking_classifier(nodes: Nodes, model: StackingClassifier) -> None:
    """Classify from what the first models say."""
    if isinstance(model.classes_, list):
        raise UsageError(
            "StackingClassifier of several labels cannot be converted: fit one for each label, as "
            "MultiOutputClassifier does"
        )
    said, final = said_first(nodes, model), model.final_estimator_
    label = labels_of(nodes, final, said)  # the final model was fitted on places among the classes
    nodes.say_labels(label, model.classes_)
    if hasattr(final, "predict_proba"):
        nodes.say_numbers(probabilities_of(nodes, final, said), 1)
    else:
        nodes.say_numbers(_votes(nodes, label, len(model.classes_)), 1)


def said_first(nodes: Nodes, model: StackingClassifier) -> str:
    """Return what the first models of a stack say, side by side: ``float64[batch, all]``."""
    classes = len(getattr(model, "classes_", ()))
    parts = [
        _said(nodes, estimator, method, classes=classes)
        for estimator, method in zip(model.estimators_, model.stack_method_, strict=True)
    ]
    if model.passthrough:
        parts.append(nodes.x)
    return nodes("Concat", *parts, axis=1) if len(parts) > 1 else parts[0]


def said_separately(nodes: Nodes, model: VotingClassifier) -> str:
    """Return what the models of a vote say, side by side: ``float64[batch, all]``."""
    if isinstance(model, VotingClassifier) and model.voting == "soft":
        said = [probabilities_of(nodes, it) for it in model.estimators_]
    else:
        classes = len(getattr(model, "classes_", ()))
        said = [_said(nodes, it, "predict", classes=classes) for it in model.estimators_]
    return nodes("Concat", *said, axis=1) if len(said) > 1 else said[0]


def _said(nodes: Nodes, estimator: BaseEstimator, method: str, *, classes: int) -> str:
    match method:
        case "predict_proba":
            said = probabilities_of(nodes, estimator)
            return nodes.column(said, 1) if classes == 2 else said
        case "decision_function":
            return scores_of(nodes, estimator)
        case _ if classes:
            label = nodes("Unsqueeze", labels_of(nodes, estimator), np.array([1]))
            return nodes.cast(label, "float64")
        case _:
            return values_of(nodes, estimator)


@converts(BaggingRegressor)
def bagging_regressor(nodes: Nodes, model: BaggingRegressor) -> None:
    """Take the mean."""
    said = [
        values_of(nodes, estimator, _chosen(nodes, model, features))
        for estimator, features in zip(model.estimators_, model.estimators_features_, strict=True)
    ]
    nodes.say_numbers(nodes.mean(said))


@converts(BaggingClassifier)
def bagging_classifier(nodes: Nodes, model: BaggingClassifier) -> None:
    """Take the mean of probabilities, or of votes where there are none."""
    count = len(model.classes_)
    shares = []
    for estimator, features in zip(model.estimators_, model.estimators_features_, strict=True):
        given = _chosen(nodes, model, features)
        if not hasattr(estimator, "predict_proba"):
            shares.append(_votes(nodes, labels_of(nodes, estimator, given), count))
            continue
        said = probabilities_of(nodes, estimator, given)
        places = np.asarray(estimator.classes_, dtype=np.int64)
        if len(places) < count:  # its share of the rows had not all classes
            said = nodes.linear(said, np.eye(count)[places])
        shares.append(said)
    nodes.say_class(nodes.mean(shares), model.classes_)


def _chosen(
    nodes: Nodes, model: BaggingClassifier, features: "np.ndarray[tuple[int], np.dtype[np.int64]]"
) -> str:
    if np.array_equal(features, np.arange(model.n_features_in_)):
        return ""
    return nodes.columns(nodes.x, features)


def _votes(nodes: Nodes, label: str, count: int) -> str:
    """Return ones at the labels, which are places among the classes: ``float64[batch, count]``."""
    place = nodes("Unsqueeze", label, np.array([1]))
    return nodes.cast(nodes("Equal", place, np.arange(count).reshape(1, -1)), "float64")
