"""Naive Bayes classifiers, in float64: far from the rows, float32 leaves no digits to compare."""

import numpy as np
from numpy.typing import NDArray
from sklearn.naive_bayes import (
    BernoulliNB,
    CategoricalNB,
    ComplementNB,
    GaussianNB,
    MultinomialNB,
)

from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts

__all__: list[str] = []


@converts(GaussianNB)
def gaussian_bayes(nodes: Nodes, model: GaussianNB) -> None:
    """Say the likeliest class, and all probabilities."""
    parts = []
    for mean, spread, prior in zip(model.theta_, model.var_, model.class_prior_, strict=True):
        apart = nodes("Sub", nodes.x, np.asarray(mean))
        size = nodes.total(nodes("Div", nodes("Mul", apart, apart), np.asarray(spread)))
        with np.errstate(divide="ignore"):
            bias = float(np.log(prior) - 0.5 * np.log(2.0 * np.pi * spread).sum())
        parts.append(nodes("Add", nodes("Mul", size, -0.5), bias))
    _say(nodes, nodes("Concat", *parts, axis=1), model.classes_)


@converts(MultinomialNB)
def multinomial_bayes(nodes: Nodes, model: MultinomialNB) -> None:
    """Say the likeliest class of counts, and all probabilities."""
    weights = np.asarray(model.feature_log_prob_).T
    _say(nodes, nodes.linear(nodes.x, weights, model.class_log_prior_), model.classes_)


@converts(ComplementNB)
def complement_bayes(nodes: Nodes, model: ComplementNB) -> None:
    """Say the class whose others are least like a row, and all probabilities."""
    bias = model.class_log_prior_ if len(model.classes_) == 1 else np.zeros(len(model.classes_))
    weights = np.asarray(model.feature_log_prob_).T
    _say(nodes, nodes.linear(nodes.x, weights, bias), model.classes_)


@converts(BernoulliNB)
def bernoulli_bayes(nodes: Nodes, model: BernoulliNB) -> None:
    """Say the likeliest class of what is there and what is not, and all probabilities."""
    given = nodes.x
    if model.binarize is not None:
        edge = float(nodes.edges(np.array(model.binarize)))
        given = nodes.cast(nodes("Greater", nodes.beside_edges(given), edge), "float64")
    absent = np.log1p(-np.exp(model.feature_log_prob_))
    weights = (model.feature_log_prob_ - absent).T
    bias = model.class_log_prior_ + absent.sum(axis=1)
    _say(nodes, nodes.linear(given, weights, bias), model.classes_)


@converts(CategoricalNB)
def categorical_bayes(nodes: Nodes, model: CategoricalNB) -> None:
    """Say the likeliest class of categories, and all probabilities.

    Fails on a row with a number that is none of them, as scikit-learn does.
    """
    scores = np.asarray(model.class_log_prior_, dtype=np.float64).reshape(1, -1)
    total = nodes.for_every_row(scores)
    for index, weights in enumerate(model.feature_log_prob_):
        table = np.asarray(weights, dtype=np.float64).T
        place = nodes("Reshape", nodes.column(nodes.x, index), np.array([-1]))
        place = nodes.cast(place, "int64")  # towards zero, as numpy does
        is_none = nodes("Less", place, np.int64(0))  # would count from the end
        place = nodes("Where", is_none, np.int64(len(table)), place)
        total = nodes("Add", total, nodes("Gather", table, place, axis=0))
    _say(nodes, total, model.classes_)


def _say(nodes: Nodes, scores: str, classes: NDArray[np.generic]) -> None:
    nodes.say_labels(nodes.largest(scores), classes)
    nodes.say_numbers(nodes.softmax(scores), 1)
