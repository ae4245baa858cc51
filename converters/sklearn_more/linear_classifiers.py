"""Linear classifiers, in float64; onnxruntime's own computes in float32.

Scores of classes are often alike, because few rows tell them apart: then the digits that a float32
has not decide which is the largest.
"""

import numpy as np
from sklearn import linear_model
from sklearn.base import BaseEstimator
from sklearn.svm import LinearSVC

from converters.sklearn_more.arithmetic import sigmoid
from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts
from converters.sklearn_more.several import says_several

__all__: list[str] = []


@converts(
    LinearSVC,
    linear_model.PassiveAggressiveClassifier,
    linear_model.Perceptron,
    linear_model.RidgeClassifier,
    linear_model.RidgeClassifierCV,
)
def linear_classifier(nodes: Nodes, model: LinearSVC) -> None:
    """Say the class with the largest score; or all above 0, if several may be."""
    scores = _scores(nodes, model)
    if says_several(model):
        nodes.say_as_it_is(nodes.cast(nodes("Greater", scores, 0.0), "int64"))
        nodes.say_numbers(scores, 1)
        return
    _say_class(nodes, model, scores)
    nodes.say_numbers(_both(nodes, scores) if _is_binary(model) else scores, 1)


@converts(linear_model.LogisticRegression, linear_model.LogisticRegressionCV)
def logistic_regression(nodes: Nodes, model: linear_model.LogisticRegression) -> None:
    """Say the likeliest class, and all probabilities."""
    scores = _scores(nodes, model)
    _say_class(nodes, model, scores)
    way = getattr(model, "multi_class", "auto")
    is_one_by_one = way == "ovr" or (model.solver == "liblinear" and way != "multinomial")
    if nodes.is_asked_for_scores:
        nodes.say_numbers(_both(nodes, scores) if _is_binary(model) else scores, 1)
    elif _is_binary(model):
        twice = nodes("Mul", scores, 2.0) if way == "multinomial" else scores
        nodes.say_numbers(_shares_of_two(nodes, twice), 1)
    else:
        one_by_one = _to_one(nodes, sigmoid(nodes, scores)) if is_one_by_one else ""
        nodes.say_numbers(one_by_one or nodes.softmax(scores), 1)


@converts(linear_model.SGDClassifier)
def stochastic_classifier(nodes: Nodes, model: linear_model.SGDClassifier) -> None:
    """Say the class with the largest score; probabilities, if its loss has any."""
    scores = _scores(nodes, model)
    _say_class(nodes, model, scores)
    if nodes.is_asked_for_scores or model.loss not in ("log_loss", "modified_huber"):
        nodes.say_numbers(_both(nodes, scores) if _is_binary(model) else scores, 1)
    elif model.loss == "log_loss":
        found = (
            _shares_of_two(nodes, scores)
            if _is_binary(model)
            else _to_one(nodes, sigmoid(nodes, scores))
        )
        nodes.say_numbers(found, 1)
    else:
        clipped = nodes("Min", nodes("Max", scores, -1.0), 1.0)
        share = nodes("Div", nodes("Add", clipped, 1.0), 2.0)
        if _is_binary(model):
            share = nodes("Concat", nodes("Sub", 1.0, share), share, axis=1)
        nodes.say_numbers(share if _is_binary(model) else _to_one(nodes, share), 1)


def _scores(nodes: Nodes, model: BaseEstimator) -> str:
    """Return ``decision_function``: ``float64[batch, 1]`` of two classes, else one for each."""
    found = model.coef_.toarray() if hasattr(model.coef_, "toarray") else np.asarray(model.coef_)
    intercept = np.atleast_1d(np.asarray(model.intercept_, dtype=np.float64))
    return nodes.linear(nodes.x, np.atleast_2d(found).T, intercept)


def _is_binary(model: BaseEstimator) -> bool:
    return len(model.classes_) <= 2


def _say_class(nodes: Nodes, model: BaseEstimator, scores: str) -> None:
    if _is_binary(model):
        is_second = nodes("Greater", nodes("Squeeze", scores, np.array([1])), 0.0)
        place = nodes.cast(is_second, "int64")
    else:
        place = nodes.largest(scores)
    nodes.say_labels(place, np.asarray(model.classes_))


def _both(nodes: Nodes, scores: str) -> str:
    return nodes("Concat", nodes("Neg", scores), scores, axis=1)


def _shares_of_two(nodes: Nodes, scores: str) -> str:
    """Return both probabilities, each with its digits also where it is small."""
    return sigmoid(nodes, _both(nodes, scores))


def _to_one(nodes: Nodes, shares: str) -> str:
    """Return shares that add up to 1; the same for all where there are none."""
    total = nodes.total(shares)
    is_nothing = nodes("Equal", total, 0.0)
    found = nodes("Div", shares, nodes("Where", is_nothing, 1.0, total))
    count = nodes.cast(nodes("Shape", shares, start=1, end=2), "float64")
    return nodes("Where", is_nothing, nodes("Reciprocal", count), found)
