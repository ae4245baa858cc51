"""The models whose calls are timed: small and large, of tables and of pictures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_breast_cancer, make_classification
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from edge_contract.package import Package
from edgefleet.converting import convert

__all__ = ["MODELS", "Model", "forest", "logistic_regression"]

_Rows: TypeAlias = NDArray[np.float32]

_CLASSES: Final = 3
_FEATURES: Final = 20
_PIXELS: Final = 28
_CHANNELS: Final = (1, 8, 16)


@dataclass(frozen=True, slots=True)
class Model:
    """A model on every side of a comparison.

    Attributes:
        name: For people.
        package: What an agent serves.
        rows: Some that it may be asked for.
        trained: As the framework that it comes from holds it; ``None`` for models that were never
            anything but ONNX.
        source: That framework, and its own way to predict.
    """

    name: str
    package: Package
    rows: _Rows
    trained: object
    source: Mapping[str, Callable[[_Rows], object]]

    def batch(self, size: int) -> _Rows:
        """Return so many rows."""
        return np.resize(self.rows, (size, *self.rows.shape[1:]))


def logistic_regression(_seed: int = 0, *, is_reversed: bool = False) -> Model:
    """Return a small model of 30 features; reversed, one that says the opposite."""
    rows, truths = load_breast_cancer(return_X_y=True)
    model = make_pipeline(StandardScaler(), LogisticRegression())
    return _trained("logistic regression", model, rows, 1 - truths if is_reversed else truths)


def forest(seed: int, *, trees: int = 100, rows: int = 6000) -> Model:
    """Return a forest of trees that grew to the end: 8 MB for 100 of them on 6,000 rows."""
    return _trained(
        "forest", RandomForestClassifier(trees, random_state=seed), *_table(seed, rows=rows)
    )


def _boosting(seed: int) -> Model:
    model = HistGradientBoostingClassifier(max_iter=100, random_state=seed)
    return _trained("boosting", model, *_table(seed))


def _perceptron(seed: int) -> Model:
    model = MLPClassifier((128, 128), max_iter=15, random_state=seed)
    return _trained("perceptron", model, *_table(seed))


def _convolutions(seed: int) -> Model:
    """Two convolutions over 28 x 28 pixels."""
    rng = np.random.default_rng(seed)
    nodes, weights, value = [], [], "x"
    for index, (before, after) in enumerate(pairwise(_CHANNELS)):
        kernel = rng.normal(0, np.sqrt(2 / (9 * before)), (after, before, 3, 3))
        weights.append(numpy_helper.from_array(kernel.astype(np.float32), f"w{index}"))
        nodes += [
            helper.make_node("Conv", [value, f"w{index}"], [f"c{index}"], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", [f"c{index}"], [f"r{index}"]),
            helper.make_node(
                "MaxPool", [f"r{index}"], [f"p{index}"], kernel_shape=[2, 2], strides=[2, 2]
            ),
        ]
        value = f"p{index}"
    left = (_PIXELS // 2 ** (len(_CHANNELS) - 1)) ** 2 * _CHANNELS[-1]
    head = rng.normal(0, 0.05, (left, 10)).astype(np.float32)
    weights.append(numpy_helper.from_array(head, "head"))
    nodes += [
        helper.make_node("Flatten", [value], ["flat"]),
        helper.make_node("MatMul", ["flat", "head"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["probabilities"], axis=1),
    ]
    shape: list[str | int | None] = ["batch", _CHANNELS[0], _PIXELS, _PIXELS]
    graph = helper.make_graph(
        nodes,
        "convolutions",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 10])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    rows = rng.normal(0, 1, (1000, _CHANNELS[0], _PIXELS, _PIXELS)).astype(np.float32)
    package = convert(model.SerializeToString(), rows, name="convolutions", version="1.0.0")
    return Model("convolutions", package, rows, None, {})


MODELS: Final[Sequence[Callable[[int], Model]]] = (
    logistic_regression,
    forest,
    _boosting,
    _perceptron,
    _convolutions,
)
"""Makers of the models; each takes a seed."""


def _table(seed: int, *, rows: int = 10_000) -> tuple[_Rows, NDArray[np.int64]]:
    table, truths = make_classification(
        rows, _FEATURES, n_informative=12, n_classes=_CLASSES, random_state=seed
    )
    return table, truths


def _trained(name: str, model: object, rows: _Rows, truths: NDArray[np.int64]) -> Model:
    rows = rows.astype(np.float32)
    model.fit(rows, truths)  # type: ignore[attr-defined]
    package = convert(
        model,
        rows[:2000],
        truths[:2000],
        name=name.replace(" ", "-"),
        version="1.0.0",
        robustness=False,
    )
    source = {"scikit-learn": model.predict_proba}  # type: ignore[attr-defined]
    return Model(name, package, rows, model, source)
