"""Real packages of small scikit-learn models, for tests that need a model which really predicts.

Each is converted once per process. Ask for another ``version`` and the same model comes under
another name and digest; ``altered`` puts other bytes in the place of one of its files.
"""

import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import NamedTuple

import numpy as np
import onnx
import pandas as pd
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from converters.base import ConversionWarning
from edge_contract.package import ArtifactRole, Package, digest_of
from edgefleet.converting import convert

__all__ = [
    "Example",
    "TableExample",
    "TokenExample",
    "altered",
    "binary",
    "digits",
    "embedding",
    "heights",
    "mixed",
    "network",
    "pictures",
    "regression",
    "reversed_digits",
    "seconds",
    "tokens",
    "touchy_digits",
    "with_version",
    "words",
]


class Example(NamedTuple):
    """A package and what its author had.

    Attributes:
        package: What devices get.
        rows: ``float32[rows, features]`` that the model was trained on.
        labels: What the source model predicts for them.
    """

    package: Package
    rows: NDArray[np.float32]
    labels: NDArray[np.generic]


class TokenExample(NamedTuple):
    """The same for a model of whole numbers, ``int64[rows, words]``."""

    package: Package
    rows: NDArray[np.int64]
    labels: NDArray[np.generic]


class TableExample(NamedTuple):
    """The same for a model of a table."""

    package: Package
    rows: pd.DataFrame
    labels: NDArray[np.generic]


@cache
def digits(version: str = "1.0.0") -> Example:
    """Handwritten digits by logistic regression: ``X`` is float32[batch, 64], classes 0 to 9."""
    if version != "1.0.0":
        return _as_version(digits(), version)
    images, truths = load_digits(return_X_y=True)
    return _converted(images[:600], truths[:600], name="digits")


@cache
def reversed_digits(version: str = "9.9.9") -> Example:
    """A bad version of ``digits``: faithful to a model that learnt the wrong labels."""
    images, truths = load_digits(return_X_y=True)
    return _converted(images[:600], 9 - truths[:600], name="digits", version=version)


@cache
def binary() -> Example:
    """``no`` or ``yes``, which is said from a probability of 0.2 on."""
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(400, 3)).astype(np.float32)
    truths = np.where(rows[:, 0] + rng.normal(size=400) > 0.0, "yes", "no")
    model = FixedThresholdClassifier(LogisticRegression(), threshold=0.2, pos_label="yes")
    model.fit(rows, truths)
    package = _package(model, rows, truths, name="gate")
    return Example(package, rows, model.predict(rows))


@cache
def regression() -> Example:
    """``2 a - b + 3`` of two numbers."""
    rows = np.random.default_rng(2).normal(size=(400, 2)).astype(np.float32)
    model = LinearRegression().fit(rows, 2.0 * rows[:, 0] - rows[:, 1] + 3.0)
    truths = model.predict(rows)
    return Example(_package(model, rows, truths, name="sum"), rows, truths)


@cache
def embedding() -> Example:
    """Four numbers that stand for an image of a digit; the labels are the vectors."""
    images, _ = load_digits(return_X_y=True)
    rows = images[:600].astype(np.float32)
    model = PCA(4, random_state=0).fit(rows)
    return Example(_package(model, rows, None, name="places"), rows, model.transform(rows))


@cache
def words() -> Example:
    """Three classes that have names."""
    rows = np.random.default_rng(3).normal(size=(400, 4)).astype(np.float32)
    truths = np.array(["ash", "oak", "elm"])[np.argmax(rows[:, :3], axis=1)]
    model = LogisticRegression().fit(rows, truths)
    package = _package(model, rows, truths, name="trees")
    return Example(package, rows, model.predict(rows))


@cache
def pictures() -> Example:
    """Whether the upper half of a grey picture of 4 x 4 pixels is the brighter one."""
    rows = np.random.default_rng(7).normal(size=(400, 1, 4, 4)).astype(np.float32)
    halves = np.repeat(np.eye(2, dtype=np.float32), 8, axis=0)
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["image"], ["pixels"]),
            helper.make_node("MatMul", ["pixels", "halves"], ["sums"]),
            helper.make_node("Softmax", ["sums"], ["probabilities"], axis=1),
        ],
        "pictures",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 1, 4, 4])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 2])],
        [numpy_helper.from_array(halves, "halves")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    labels = (rows.reshape(400, 16) @ halves).argmax(axis=1)
    return Example(_package(model.SerializeToString(), rows, labels, name="halves"), rows, labels)


@cache
def network(inputs: int = 4) -> Example:
    """Three classes from a network that gives their probabilities and no label."""
    weights = np.random.default_rng(5).normal(size=(inputs, 3)).astype(np.float32)
    rows = np.random.default_rng(6).normal(size=(400, inputs)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "weights"], ["sums"]),
            helper.make_node("Softmax", ["sums"], ["probabilities"], axis=1),
        ],
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", inputs])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 3])],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    labels = (rows @ weights).argmax(axis=1)
    package = _package(model.SerializeToString(), rows, labels, name="net")
    return Example(package, rows, labels)


@cache
def seconds() -> TableExample:
    """``even`` or ``odd`` minutes by seconds since 1970, which float32 knows to two minutes."""
    random = np.random.default_rng(8)
    time = 1.7e9 + np.round(random.uniform(0.0, 3600.0, 400), 3)
    table = pd.DataFrame({"time": time, "load": random.normal(size=400)})
    truths = np.where(time % 120 < 60, "even", "odd")
    model = make_pipeline(StandardScaler(), DecisionTreeClassifier(random_state=0))
    package = _package(model.fit(table, truths), table, truths, name="minutes")
    return TableExample(package, table, model.predict(table))


@cache
def tokens() -> TokenExample:
    """Which of three topics a text is of, by numbers of its five words: ``int64[batch, 5]``."""
    random = np.random.default_rng(9)
    meanings = random.normal(size=(50, 3)).astype(np.float32)
    rows = random.integers(0, 50, size=(400, 5))
    graph = helper.make_graph(
        [
            helper.make_node("Gather", ["meanings", "words"], ["found"]),
            helper.make_node("ReduceSum", ["found", "axis"], ["sums"], keepdims=0),
            helper.make_node("Softmax", ["sums"], ["probabilities"], axis=1),
            helper.make_node("ArgMax", ["sums"], ["label"], axis=1, keepdims=0),
        ],
        "tokens",
        [helper.make_tensor_value_info("words", TensorProto.INT64, ["batch", 5])],
        [
            helper.make_tensor_value_info("label", TensorProto.INT64, ["batch"]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 3]),
        ],
        [
            numpy_helper.from_array(meanings, "meanings"),
            numpy_helper.from_array(np.array([1]), "axis"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    labels = meanings[rows].sum(axis=1).argmax(axis=1)
    package = _package(model.SerializeToString(), rows, labels, name="topics")
    return TokenExample(package, rows, labels)


@cache
def heights() -> Example:
    """Two numbers for each row: the labels are pairs."""
    rows = np.random.default_rng(10).normal(size=(400, 3)).astype(np.float32)
    truths = np.column_stack([rows[:, 0] - rows[:, 1], 3.0 * rows[:, 2]])
    model = LinearRegression().fit(rows, truths)
    package = _package(model, rows, None, name="heights")
    return Example(package, rows, model.predict(rows))


@cache
def mixed() -> TableExample:
    """A DataFrame of numbers and a text: ``age``, ``income`` and ``city``."""
    rng = np.random.default_rng(4)
    table = pd.DataFrame(
        {
            "age": rng.integers(18, 80, 400).astype(float),
            "income": rng.normal(40_000.0, 9_000.0, 400),
            "city": rng.choice(["oslo", "bergen", "tromso"], 400, p=[0.6, 0.3, 0.1]),
        }
    )
    truths = ((table["age"] > 50) ^ (table["city"] == "oslo")).astype(int).to_numpy()
    encode = ColumnTransformer(
        [
            ("numbers", StandardScaler(), ["age", "income"]),
            ("texts", OneHotEncoder(handle_unknown="ignore"), ["city"]),
        ]
    )
    model = make_pipeline(encode, LogisticRegression()).fit(table, truths)
    package = _package(model, table, truths, name="customers")
    return TableExample(package, table, model.predict(table))


@cache
def touchy_digits(version: str = "1.1.0") -> Package:
    """``digits``, but its runtime fails on rows that begin with 100 or more; golden ones do not."""
    graph = onnx.load_from_string(digits().package.model())
    for node in graph.graph.node:
        node.input[:] = ["checked_X" if name == "X" else name for name in node.input]
    first = [
        helper.make_node("Slice", ["X", "zero", "one", "one"], ["corner"]),
        helper.make_node("Div", ["corner", "hundred"], ["hundreds"]),
        helper.make_node("Cast", ["hundreds"], ["place"], to=TensorProto.INT64),
        helper.make_node("Gather", ["nothing", "place"], ["offset"]),  # place 1 is outside
        helper.make_node("Add", ["X", "offset"], ["checked_X"]),
    ]
    constants = {
        "zero": np.array([0]),
        "one": np.array([1]),
        "hundred": np.array([100.0], np.float32),
        "nothing": np.array([0.0], np.float32),
    }
    graph.graph.initializer.extend(
        numpy_helper.from_array(array, name) for name, array in constants.items()
    )
    nodes = [*first, *graph.graph.node]
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)
    model = graph.SerializeToString()
    return altered(digits(version).package, ArtifactRole.MODEL, lambda _: model)


def with_version(package: Package, version: str, *, name: str = "") -> Package:
    """The same model under another version (and name), and so another digest."""
    manifest = replace(package.manifest, version=version, name=name or package.manifest.name)
    return Package.verified(manifest.to_bytes(), package.files)


def altered(package: Package, role: str, change: Callable[[bytes], bytes]) -> Package:
    """A package whose author made one file wrong: its digests are right, its content is not."""
    old = package.manifest.artifact(role)
    data = change(package.files[old.path])
    new = replace(old, digest=digest_of(data), size=len(data))
    artifacts = tuple(new if it is old else it for it in package.manifest.artifacts)
    manifest = replace(package.manifest, artifacts=artifacts)
    return Package.verified(manifest.to_bytes(), {**package.files, old.path: data})


def _converted(
    rows: NDArray[np.float64], truths: NDArray[np.int64], *, name: str, version: str = "1.0.0"
) -> Example:
    numbers = rows.astype(np.float32)
    model = make_pipeline(MinMaxScaler(), LogisticRegression(max_iter=300)).fit(numbers, truths)
    package = _package(model, numbers, truths, name=name, version=version)
    return Example(package, numbers, model.predict(numbers))


def _package(
    model: object, rows: object, truths: object, *, name: str, version: str = "1.0.0"
) -> Package:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConversionWarning)  # so few rows are enough for a test
        return convert(model, rows, truths, name=name, version=version)


def _as_version(example: Example, version: str) -> Example:
    return example._replace(package=with_version(example.package, version))
