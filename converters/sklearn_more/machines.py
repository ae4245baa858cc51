"""Support vector machines, in float64; skl2onnx's compute in float32."""

from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray
from skl2onnx._supported_operators import _get_sklearn_operator_name
from skl2onnx.common._registration import get_converter
from sklearn.svm import SVC, SVR, NuSVC, NuSVR, OneClassSVM

from converters.sklearn_more.kernel_functions import kernel
from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts
from edge_contract.errors import UsageError

__all__ = ["machine_scores"]

_ORIGINALS: Final = {kind: get_converter(_get_sklearn_operator_name(kind)) for kind in (NuSVC, SVC)}


@converts(NuSVC, SVC)
def support_vector_classifier(nodes: Nodes, model: SVC) -> None:
    """Say the class that wins most of its comparisons; probabilities if it was fitted with them."""
    breaks_ties = (
        model.break_ties and model.decision_function_shape == "ovr" and len(model.classes_) > 2
    )
    if nodes.is_asked_for_scores or not model.probA_.size:
        pairs = _pairs(nodes, model, nodes.x)
        if breaks_ties:
            nodes.say_labels(nodes.largest(_scores(nodes, model, pairs)), model.classes_)
        else:
            nodes.say_labels(
                nodes.largest(_votes(nodes, pairs, len(model.classes_))), model.classes_
            )
        nodes.say_numbers(_scores(nodes, model, pairs), 1)
    elif breaks_ties:
        raise UsageError(
            f"{type(model).__name__} with probability=True and break_ties=True cannot be "
            "converted: fit it with break_ties=False"
        )
    else:  # libsvm searches for probabilities that fit all pairs, and so does onnxruntime
        nodes.write_by(_ORIGINALS[type(model)])


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
