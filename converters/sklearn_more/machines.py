"""Support vector machines, in float64; skl2onnx's compute in float32."""

from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from sklearn.svm import SVC, SVR, NuSVC, NuSVR, OneClassSVM

from converters.sklearn_more.arithmetic import sigmoid
from converters.sklearn_more.coupling import coupled
from converters.sklearn_more.kernel_functions import kernel
from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts
from edge_contract.errors import UsageError

__all__ = ["machine_scores"]


@converts(NuSVC, SVC)
def support_vector_classifier(nodes: Nodes, model: SVC) -> None:
    """Say the class that wins most of its comparisons; probabilities if it was fitted with them."""
    has_probabilities = bool(model.probA_.size) and not nodes.is_asked_for_scores
    pairs = _pairs(nodes, model, nodes.x)
    count = len(model.classes_)
    breaks_ties = model.break_ties and model.decision_function_shape == "ovr" and count > 2
    best = _scores(nodes, model, pairs) if breaks_ties else _votes(nodes, pairs, count)
    nodes.say_labels(nodes.largest(best), model.classes_)
    if has_probabilities:  # Platt's lines, one for each pair
        lines = nodes("Add", nodes("Mul", pairs, -model.probA_), -model.probB_)
        nodes.say_numbers(coupled(nodes, sigmoid(nodes, lines), count), 1)
    else:
        nodes.say_numbers(_scores(nodes, model, pairs), 1)


def machine_scores(nodes: Nodes, model: SVC, value: str = "") -> str:
    """Return ``decision_function``: ``float64[batch, 1]`` of two classes, else a score for each.

    It is given ``value``, ``[batch, columns]``, or by default what this estimator is given.
    """
    pairs = _pairs(nodes, model, value or nodes.x)
    scores = _scores(nodes, model, pairs)
    return nodes.column(scores, 1) if len(model.classes_) == 2 else scores


def _pairs(nodes: Nodes, model: SVC, value: str) -> str:
    """Return a number for each pair of classes, above 0 if the first one wins."""
    if model.kernel == "precomputed":
        raise UsageError(f"{type(model).__name__} of a precomputed kernel cannot be converted")
    settings = {"gamma": float(model._gamma), "degree": model.degree, "coef0": model.coef0}
    similar = kernel(nodes, value, model.support_vectors_, model.kernel, **settings)
    weights = _dense(model._dual_coef_)
    starts = np.concatenate([[0], np.cumsum(model.n_support_)])
    count = len(model.classes_)
    table = np.zeros((weights.shape[1], count * (count - 1) // 2))
    for place, (one, other) in enumerate(combinations(range(count), 2)):
        mine, theirs = (slice(starts[it], starts[it + 1]) for it in (one, other))
        table[mine, place] = weights[other - 1, mine]
        table[theirs, place] = weights[one, theirs]
    return nodes.linear(similar, table, np.asarray(model._intercept_))


def _votes(nodes: Nodes, pairs: str, count: int) -> str:
    first, second = _sides(count)
    won = nodes.cast(nodes("Greater", pairs, 0.0), "float64")
    lost = nodes("Sub", 1.0, won)
    return nodes("Add", nodes.linear(won, first), nodes.linear(lost, second))


def _scores(nodes: Nodes, model: SVC, pairs: str) -> str:
    count = len(model.classes_)
    if count == 2:
        return nodes("Concat", pairs, nodes("Neg", pairs), axis=1)
    if model.decision_function_shape != "ovr":
        return pairs
    first, second = _sides(count)
    summed = nodes.linear(pairs, first - second)
    bound = nodes("Mul", nodes("Add", nodes("Abs", summed), 1.0), 3.0)
    won = nodes.cast(nodes("GreaterOrEqual", pairs, 0.0), "float64")
    votes = nodes("Add", nodes.linear(won, first), nodes.linear(nodes("Sub", 1.0, won), second))
    return nodes("Add", votes, nodes("Div", summed, bound))


def _sides(count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return which class is the first and which the second of each pair: ``[pairs, classes]``."""
    pairs = list(combinations(range(count), 2))
    return np.eye(count)[[one for one, _ in pairs]], np.eye(count)[[other for _, other in pairs]]


def _dense(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return an array; machines fitted on sparse rows keep sparse weights."""
    return np.asarray(values.toarray() if hasattr(values, "toarray") else values)


@converts(NuSVR, SVR)
def support_vector_regression(nodes: Nodes, model: SVR) -> None:
    """Predict the target."""
    nodes.say_numbers(_decision(nodes, model))


@converts(OneClassSVM)
def one_class_machine(nodes: Nodes, model: OneClassSVM) -> None:
    """Say whether a row is an inlier, and how far from the edge."""
    decision = _decision(nodes, model)
    is_inlier = nodes("Greater", nodes("Squeeze", decision, np.array([1])), 0.0)
    nodes.say_labels(nodes.cast(is_inlier, "int64"), np.array([-1, 1]))
    nodes.say_numbers(decision, 1)


def _decision(nodes: Nodes, model: SVR) -> str:
    """Return what ``decision_function`` gives, or ``predict`` of a regression: ``[batch, 1]``."""
    dense = _dense(model.dual_coef_)
    if not dense.size:  # no row supports it: it is the same everywhere
        return nodes.for_every_row(np.asarray(model.intercept_).reshape(1, 1))
    settings = {"gamma": float(model._gamma), "degree": model.degree, "coef0": model.coef0}
    similar = kernel(nodes, nodes.x, model.support_vectors_, model.kernel, **settings)
    return nodes.linear(similar, dense.T, np.asarray(model.intercept_))
