"""Several classes by many two-class models."""

import numpy as np
from sklearn.base import BaseEstimator, is_classifier
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier

from converters.sklearn_more.answers import binary_scores, labels_of, positive_probabilities
from converters.sklearn_more.neighbours import distances
from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts
from edge_contract.errors import UsageError

__all__ = ["duel_scores"]


@converts(OutputCodeClassifier)
def output_code(nodes: Nodes, model: OutputCodeClassifier) -> None:
    """Say the class whose code is nearest."""
    said = [binary_scores(nodes, estimator) for estimator in model.estimators_]
    apart = distances(nodes, nodes("Concat", *said, axis=1), model.code_book_)
    nodes.say_class(nodes("Neg", apart), model.classes_)


@converts(OneVsRestClassifier)
def one_versus_rest(nodes: Nodes, model: OneVsRestClassifier) -> None:
    """Say the class that is surest of itself; or all that are sure enough, if several may be."""
    scores = [binary_scores(nodes, estimator) for estimator in model.estimators_]
    together = nodes("Concat", *scores, axis=1)
    edge = 0.0 if _decides(model.estimators_[0]) else 0.5
    is_sure = nodes.cast(nodes("Greater", together, edge), "int64")
    if model.multilabel_:
        nodes.say_as_it_is(is_sure)
        nodes.say_numbers(together, 1)
        return
    is_binary = len(scores) == 1
    best = nodes("Squeeze", is_sure, np.array([1])) if is_binary else nodes.largest(together)
    nodes.say_labels(best, model.classes_)
    if nodes.is_asked_for_scores or not hasattr(model, "predict_proba"):
        both = nodes("Concat", nodes("Neg", together), together, axis=1)
        nodes.say_numbers(both if is_binary else together, 1)
        return
    shares = [
        _sureness(nodes, estimator, score)
        for estimator, score in zip(model.estimators_, scores, strict=True)
    ]
    second = nodes("Concat", *shares, axis=1)
    if is_binary:
        nodes.say_numbers(nodes("Concat", nodes("Sub", 1.0, second), second, axis=1), 1)
    else:
        total = nodes.total(second)
        safe = nodes("Where", nodes("Equal", total, 0.0), 1.0, total)
        nodes.say_numbers(nodes("Div", second, safe), 1)


def _decides(estimator: BaseEstimator) -> bool:
    return is_classifier(estimator) and hasattr(estimator, "decision_function")


def _sureness(nodes: Nodes, estimator: BaseEstimator, score: str) -> str:
    """Return the probability that a row is of the class: ``float64[batch, 1]``."""
    is_constant = type(estimator).__name__ == "_ConstantPredictor"
    if is_constant or not hasattr(estimator, "decision_function"):
        return score
    return positive_probabilities(nodes, estimator)


@converts(OneVsOneClassifier)
def one_versus_one(nodes: Nodes, model: OneVsOneClassifier) -> None:
    """Say the class that wins most of its comparisons; confidence breaks ties."""
    if model.pairwise_indices_ is not None:
        raise UsageError("OneVsOneClassifier of precomputed kernels cannot be converted")
    count = len(model.classes_)
    wins: list[str] = []
    trusts: list[str] = []
    for estimator in model.estimators_:
        wins.append(_is_second(nodes, estimator))
        trusts.append(binary_scores(nodes, estimator))
    won = nodes("Concat", *wins, axis=1)
    trust = nodes("Concat", *trusts, axis=1)
    nodes.say_class(duel_scores(nodes, won, trust, count), model.classes_)


def duel_scores(nodes: Nodes, won: str, trust: str, count: int) -> str:
    """Return a score for each class: ``float64[batch, count]``.

    Args:
        nodes: Where to write.
        won: 1 where the second class of a pair wins, else 0: ``float64[batch, pairs]``.
        trust: How sure that is, in the same shape; it breaks ties.
        count: How many classes there are.
    """
    lost = nodes("Sub", 1.0, won)
    pairs = [(i, j) for i in range(count) for j in range(i + 1, count)]
    first, second = np.zeros((len(pairs), count)), np.zeros((len(pairs), count))
    for index, (i, j) in enumerate(pairs):
        first[index, i] = second[index, j] = 1.0
    votes = nodes("Add", nodes.linear(won, second), nodes.linear(lost, first))
    summed = nodes.linear(trust, second - first)
    bound = nodes("Mul", nodes("Add", nodes("Abs", summed), 1.0), 3.0)
    return nodes("Add", votes, nodes("Div", summed, bound))


def _is_second(nodes: Nodes, estimator: BaseEstimator) -> str:
    label = nodes("Equal", labels_of(nodes, estimator), np.int64(1))
    return nodes("Unsqueeze", nodes.cast(label, "float64"), np.array([1]))
