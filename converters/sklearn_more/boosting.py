"""Boosted models of scikit-learn: votes of weak classifiers, and sums of trees."""

import numpy as np
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
)

from converters.sklearn_more.answers import labels_of, probabilities_of, values_of
from converters.sklearn_more.arithmetic import sigmoid
from converters.sklearn_more.categories import places_of
from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts
from converters.sklearn_more.trees import TreeSum

__all__: list[str] = []


@converts(AdaBoostClassifier)
def ada_boost_classifier(nodes: Nodes, model: AdaBoostClassifier) -> None:
    """Let the classifiers vote, each with its weight."""
    classes = np.asarray(model.classes_)
    count = len(classes)
    if count == 1:
        nodes.say_class(nodes.for_every_row(np.ones((1, 1))), classes)
        return
    total = ""
    for estimator, weight in zip(
        model.estimators_, model.estimator_weights_.tolist(), strict=False
    ):
        place = places_of(nodes, labels_of(nodes, estimator), classes)
        hit = nodes("Equal", place, np.arange(count).reshape(1, -1))
        vote = nodes("Where", hit, float(weight), -float(weight) / (count - 1))
        total = nodes("Add", total, vote) if total else vote
    scores = nodes("Div", total, float(model.estimator_weights_.sum()))
    if count == 2:
        second = nodes("Sub", nodes.column(scores, 1), nodes.column(scores, 0))
        scores = nodes("Concat", nodes("Neg", second), second, axis=1)
    nodes.say_labels(nodes.largest(scores), classes)
    shares = nodes.softmax(nodes("Div", scores, 2.0 if count == 2 else count - 1.0))
    nodes.say_numbers(scores if nodes.is_asked_for_scores else shares, 1)


@converts(GradientBoostingRegressor)
def gradient_boosting_regressor(nodes: Nodes, model: GradientBoostingRegressor) -> None:
    """Add up the trees."""
    nodes.say_numbers(_sum(nodes, model))


@converts(GradientBoostingClassifier)
def gradient_boosting_classifier(nodes: Nodes, model: GradientBoostingClassifier) -> None:
    """Say the likeliest class, and all probabilities."""
    raw, classes = _sum(nodes, model), np.asarray(model.classes_)
    if len(classes) > 2:
        nodes.say_labels(nodes.largest(raw), classes)
        nodes.say_numbers(raw if nodes.is_asked_for_scores else nodes.softmax(raw), 1)
        return
    is_second = nodes("GreaterOrEqual", nodes("Squeeze", raw, np.array([1])), 0.0)
    nodes.say_labels(nodes.cast(is_second, "int64"), classes)
    both = nodes("Concat", nodes("Neg", raw), raw, axis=1)
    shares = sigmoid(nodes, nodes("Mul", both, _slope(model)))
    nodes.say_numbers(both if nodes.is_asked_for_scores else shares, 1)


def _slope(model: GradientBoostingClassifier) -> float:
    """Return what the sum is multiplied with before the logistic function."""
    return 2.0 if model.loss == "exponential" else 1.0


def _sum(nodes: Nodes, model: GradientBoostingClassifier) -> str:
    """Return the start plus all trees: ``float64[batch, sums]``."""
    trees = TreeSum()
    for members in model.estimators_:
        for target, member in enumerate(members):
            values = member.tree_.value[:, 0, 0] * model.learning_rate
            ends = np.flatnonzero(member.tree_.children_left < 0).tolist()
            trees.add(member, {node: (target, float(values[node])) for node in ends})
    return nodes(
        "Add", trees.write(nodes, targets=model.estimators_.shape[1]), _start(nodes, model)
    )


def _start(nodes: Nodes, model: GradientBoostingClassifier) -> str:
    """Return what the trees are added to: ``float64[batch or 1, sums]``."""
    init = model.init_
    if isinstance(init, str | DummyClassifier | DummyRegressor):  # the same for every row
        return nodes.constant(model._raw_predict_init(np.zeros((1, model.n_features_in_))))
    given = nodes.cast(nodes.cast(nodes.x, "float32"), "float64")  # as the trees get them
    if not isinstance(model, GradientBoostingClassifier):
        return values_of(nodes, init, given)
    least = float(np.finfo(np.float64).eps)
    shares = probabilities_of(nodes, init, given)
    shares = nodes("Min", nodes("Max", shares, least), 1.0 - least)
    if len(model.classes_) > 2:
        logs = nodes("Log", shares)
        return nodes("Sub", logs, nodes("ReduceMean", logs, np.array([1]), keepdims=1))
    first, second = (nodes("Log", nodes.column(shares, place)) for place in (0, 1))
    return nodes("Div", nodes("Sub", second, first), _slope(model))
