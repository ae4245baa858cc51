"""Support vector machines that give a number, in float64; skl2onnx's compute in float32."""

import numpy as np
from sklearn.svm import SVR, NuSVR, OneClassSVM

from converters.sklearn_more.kernel_functions import kernel
from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts

__all__: list[str] = []


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
    weights = model.dual_coef_
    dense = np.asarray(weights.toarray() if hasattr(weights, "toarray") else weights)
    if not dense.size:  # no row supports it: it is the same everywhere
        return nodes.for_every_row(np.asarray(model.intercept_).reshape(1, 1))
    settings = {"gamma": float(model._gamma), "degree": model.degree, "coef0": model.coef0}
    similar = kernel(nodes, nodes.x, model.support_vectors_, model.kernel, **settings)
    return nodes.linear(similar, dense.T, np.asarray(model.intercept_))
