"""Linear discriminants as a classifier."""

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from converters.sklearn_more.arithmetic import sigmoid
from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts

__all__: list[str] = []


@converts(LinearDiscriminantAnalysis)
def linear_discriminant(nodes: Nodes, model: LinearDiscriminantAnalysis) -> None:
    """Say the likeliest class, and all probabilities."""
    scores = nodes.linear(nodes.x, np.asarray(model.coef_).T, np.asarray(model.intercept_))
    if len(model.classes_) != 2:
        nodes.say_labels(nodes.largest(scores), model.classes_)
        nodes.say_numbers(nodes.softmax(scores), 1)
        return
    second = nodes.cast(nodes("Greater", nodes("Squeeze", scores, np.array([1])), 0.0), "int64")
    nodes.say_labels(second, model.classes_)
    shares = [sigmoid(nodes, nodes("Neg", scores)), sigmoid(nodes, scores)]
    nodes.say_numbers(nodes("Concat", *shares, axis=1), 1)
