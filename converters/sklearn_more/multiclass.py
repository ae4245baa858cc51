"""Several classes by many two-class models."""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.multiclass import OneVsOneClassifier, OutputCodeClassifier

from converters.sklearn_more.answers import binary_scores, labels_of
from converters.sklearn_more.neighbours import distances
from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts
from edge_contract.errors import UsageError

__all__: list[str] = []


@converts(OutputCodeClassifier)
def output_code(nodes: Nodes, model: OutputCodeClassifier) -> None:
    """Say the class whose code is nearest."""
    said = [binary_scores(nodes, estimator) for estimator in model.estimators_]
    apart = distances(nodes, nodes("Concat", *said, axis=1), model.code_book_)
    nodes.say_class(nodes("Neg", apart), model.classes_)


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
    lost = nodes("Sub", 1.0, won)
    trust = nodes("Concat", *trusts, axis=1)
    pairs = [(i, j) for i in range(count) for j in range(i + 1, count)]
    first, second = np.zeros((len(pairs), count)), np.zeros((len(pairs), count))
    for index, (i, j) in enumerate(pairs):
        first[index, i] = second[index, j] = 1.0
    votes = nodes("Add", nodes.linear(won, second), nodes.linear(lost, first))
    summed = nodes.linear(trust, second - first)
    bound = nodes("Mul", nodes("Add", nodes("Abs", summed), 1.0), 3.0)
    scores = nodes("Add", votes, nodes("Div", summed, bound))
    nodes.say_class(scores, model.classes_)


def _is_second(nodes: Nodes, estimator: BaseEstimator) -> str:
    label = nodes("Equal", labels_of(nodes, estimator), np.int64(1))
    return nodes("Unsqueeze", nodes.cast(label, "float64"), np.array([1]))
