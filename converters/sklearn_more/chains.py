"""Chains: every model also sees what those before it said. Several answers to one row."""

import numpy as np
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, RegressorChain

from converters.sklearn_more.answers import (
    binary_scores,
    labels_of,
    positive_probabilities,
    values_of,
)
from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts
from edge_contract.errors import UsageError

__all__: list[str] = []


@converts(RegressorChain)
def regressor_chain(nodes: Nodes, model: RegressorChain) -> None:
    """Predict all targets."""
    said: list[str] = []
    for estimator in model.estimators_:
        given = nodes("Concat", nodes.x, *said, axis=1) if said else nodes.x
        said.append(values_of(nodes, estimator, given))
    back = np.argsort(np.asarray(model.order_))
    nodes.say_numbers(nodes.columns(nodes("Concat", *said, axis=1), back))


@converts(ClassifierChain)
def classifier_chain(nodes: Nodes, model: ClassifierChain) -> None:
    """Predict all labels."""
    method = getattr(model, "chain_method_", "predict")
    said: list[str] = []
    labels: list[str] = []
    for estimator in model.estimators_:
        given = nodes("Concat", nodes.x, *said, axis=1) if said else nodes.x
        label = labels_of(nodes, estimator, given)
        labels.append(nodes("Unsqueeze", label, np.array([1])))
        match method:
            case "predict":
                said.append(nodes.cast(labels[-1], "float64"))
            case "predict_proba":
                said.append(positive_probabilities(nodes, estimator, given))
            case "decision_function":
                said.append(binary_scores(nodes, estimator, given))
            case other:
                raise UsageError(
                    f"ClassifierChain with chain_method={other!r} cannot be converted: use "
                    "'predict', 'predict_proba' or 'decision_function'"
                )
    _say_labels(nodes, labels, np.argsort(np.asarray(model.order_)))


@converts(MultiOutputClassifier)
def multi_output_classifier(nodes: Nodes, model: MultiOutputClassifier) -> None:
    """Predict all labels, each by its own model."""
    labels = [
        nodes("Unsqueeze", labels_of(nodes, estimator), np.array([1]))
        for estimator in model.estimators_
    ]
    _say_labels(nodes, labels, np.arange(len(labels)))


def _say_labels(
    nodes: Nodes, labels: list[str], order: "np.ndarray[tuple[int, ...], np.dtype[np.int64]]"
) -> None:
    together = nodes.columns(nodes("Concat", *labels, axis=1), order)
    nodes.say_as_it_is(together)
    if len(nodes.outputs) > 1:  # nobody reads it, but skl2onnx wants it to be there
        nodes.say_numbers(nodes.x, 1)
