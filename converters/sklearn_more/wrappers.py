"""Estimators that hand on to another one, or take the mean or vote of several."""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.ensemble import VotingClassifier, VotingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.semi_supervised import SelfTrainingClassifier

from converters.sklearn_more.answers import as_predictor, labels_of, probabilities_of, values_of
from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts, stands_in

__all__: list[str] = []


@stands_in(GridSearchCV, RandomizedSearchCV)
def best_of_search(model: GridSearchCV) -> BaseEstimator:
    """Return what the search found."""
    return as_predictor(model.best_estimator_)


@stands_in(SelfTrainingClassifier)
def self_trained(model: SelfTrainingClassifier) -> BaseEstimator:
    """Return the classifier that was trained last."""
    return as_predictor(model.estimator_)


@stands_in(FrozenEstimator)
def frozen(model: FrozenEstimator) -> BaseEstimator:
    """Return what is frozen."""
    return model.estimator


@converts(VotingRegressor)
def voting_regressor(nodes: Nodes, model: VotingRegressor) -> None:
    """Take the weighted mean."""
    said = [values_of(nodes, estimator) for estimator in model.estimators_]
    shares = _shares(model)
    nodes.say_numbers(nodes.linear(nodes("Concat", *said, axis=1), shares.reshape(-1, 1)))


@converts(VotingClassifier)
def voting_classifier(nodes: Nodes, model: VotingClassifier) -> None:
    """Take the mean of probabilities, or count votes."""
    count = len(model.classes_)
    shares = _shares(model) if model.voting == "soft" else _weights(model)
    total = ""
    for estimator, share in zip(model.estimators_, shares, strict=True):
        if model.voting == "soft":
            one = probabilities_of(nodes, estimator)
        else:
            label = nodes("Unsqueeze", labels_of(nodes, estimator), np.array([1]))
            vote = nodes("Equal", label, np.arange(count).reshape(1, -1))
            one = nodes.cast(vote, "float64")
        weighted = nodes("Mul", one, float(share))
        total = nodes("Add", total, weighted) if total else weighted
    nodes.say_class(total, model.classes_)


def _shares(model: VotingClassifier) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
    weights = _weights(model)
    shares: np.ndarray[tuple[int, ...], np.dtype[np.float64]] = weights / weights.sum()
    return shares


def _weights(model: VotingClassifier) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
    given = model._weights_not_none
    return np.ones(len(model.estimators_)) if given is None else np.asarray(given, dtype=float)
