"""Models that say the same to every row."""

import numpy as np
from sklearn.dummy import DummyClassifier, DummyRegressor

from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts
from edge_contract.errors import UsageError

__all__: list[str] = []


@converts(DummyRegressor)
def dummy_regressor(nodes: Nodes, model: DummyRegressor) -> None:
    """Say the constant."""
    nodes.say_numbers(nodes.for_every_row(np.asarray(model.constant_).reshape(1, -1)))


@converts(DummyClassifier)
def dummy_classifier(nodes: Nodes, model: DummyClassifier) -> None:
    """Say one class, and its share or certainty."""
    if model.n_outputs_ != 1:
        raise UsageError(
            "DummyClassifier of several labels cannot be converted: fit one for each label, as "
            "MultiOutputClassifier does"
        )
    prior = np.asarray(model.class_prior_, dtype=np.float64)
    match model.strategy:
        case "prior":
            shares = prior
        case "most_frequent":
            shares = np.eye(len(prior))[prior.argmax()]
        case "constant":
            shares = (np.asarray(model.classes_) == model.constant).astype(np.float64)
        case other:
            raise UsageError(
                f"DummyClassifier with strategy={other!r} says something else every time: "
                "use 'prior', 'most_frequent' or 'constant'"
            )
    nodes.say_class(nodes.for_every_row(shares.reshape(1, -1)), model.classes_)
