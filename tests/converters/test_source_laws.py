"""Every registered source obeys the same laws; a new one only has to bring an example."""

import pickle
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest
from catboost import CatBoostClassifier
from lightgbm import LGBMClassifier
from sklearn.linear_model import LogisticRegression
from xgboost import XGBClassifier

import converters.catboost_source
import converters.composed_source
import converters.lightgbm_source
import converters.mlflow_source
import converters.onnx_source
import converters.sklearn_source
import converters.xgboost_source  # noqa: F401
from converters.base import SOURCES, Converted, Request, Source, register, source_for
from converters.composed_source import ComposedModel
from converters.mlflow_flavors import load_mlflow_model
from converters.rows import row_count
from converters.runtime import OnnxModel
from edge_contract.errors import UsageError
from tests.converters.helpers import flowers, quietly_converted
from tests.support.composed import calibrating, fitted, halving, raw_rows
from tests.support.mlflow_folders import mlflow_folder


def sklearn_example() -> Request:
    rows, labels = flowers()
    return Request(LogisticRegression(max_iter=500).fit(rows, labels), rows)


def onnx_example() -> Request:
    rows, labels = flowers()
    model = LogisticRegression(max_iter=500).fit(rows.to_numpy(), labels)
    return Request(quietly_converted(model, rows.to_numpy()).model(), rows.to_numpy())


def lightgbm_example() -> Request:
    rows, labels = flowers()
    model = LGBMClassifier(n_estimators=3, num_leaves=4, verbose=-1, n_jobs=1)
    return Request(model.fit(rows.to_numpy(), labels).booster_, rows.to_numpy())


def xgboost_example() -> Request:
    rows, labels = flowers()
    model = XGBClassifier(n_estimators=3, max_depth=2, n_jobs=1)
    model.fit(rows.to_numpy(), np.unique(labels, return_inverse=True)[1])
    return Request(model.get_booster(), rows.to_numpy())


def catboost_example() -> Request:
    rows, labels = flowers()
    model = CatBoostClassifier(iterations=3, depth=2, verbose=0, allow_writing_files=False)
    return Request(model.fit(rows.to_numpy(), labels), rows.to_numpy())


def mlflow_example() -> Request:
    rows, labels = flowers()
    settings = {"pickled_model": "model.pkl", "serialization_format": "pickle"}
    with tempfile.TemporaryDirectory() as home:
        folder = mlflow_folder(Path(home) / "model", "sklearn", **settings)
        fitted = LogisticRegression(max_iter=500).fit(rows, labels)
        (folder / "model.pkl").write_bytes(pickle.dumps(fitted))
        return Request(load_mlflow_model(folder, trust_pickle=True), rows)


def composed_example() -> Request:
    rows = raw_rows(200)
    return Request(ComposedModel(fitted(rows)[0], halving(), calibrating()), rows)


EXAMPLES: dict[str, Callable[[], Request]] = {
    "scikit-learn": sklearn_example,
    "MLflow": mlflow_example,
    "ONNX": onnx_example,
    "LightGBM": lightgbm_example,
    "XGBoost": xgboost_example,
    "CatBoost": catboost_example,
    "a model between ONNX graphs": composed_example,
}

APART = {"JAX", "Keras", "PyTorch"}
"""Tried by ``test_networks.py`` in processes of their own, with the same laws."""

every_source = pytest.mark.parametrize("name", sorted(EXAMPLES))


@cache
def first_conversion(name: str) -> Converted:
    return next(iter(SOURCES[name].conversions(EXAMPLES[name]())))


def test_every_source_has_an_example() -> None:
    assert set(EXAMPLES) | APART == set(SOURCES)


@every_source
def test_a_source_accepts_its_own_models_and_no_other_source_does(name: str) -> None:
    model = EXAMPLES[name]().model

    accepting = [other for other, source in SOURCES.items() if source.accepts(model)]

    assert accepting == [name]
    assert source_for(model) is SOURCES[name]


@every_source
def test_a_conversion_describes_the_tensors_of_its_graph(name: str) -> None:
    converted = first_conversion(name)

    model = OnnxModel(converted.model, what="it")

    assert converted.inputs == model.inputs
    assert tuple(output.tensor for output in converted.outputs) == model.outputs
    assert onnx.load_model_from_string(converted.model).graph.name


@every_source
def test_a_conversion_feeds_every_input_with_every_row(name: str) -> None:
    converted = first_conversion(name)

    feeds = converted.feeds(converted.rows)

    assert list(feeds) == [spec.name for spec in converted.inputs]
    assert {len(values) for values in feeds.values()} == {row_count(converted.rows)}
    for feature in converted.features:
        tensor = feeds[converted.inputs[feature.input_index].name]
        assert feature.column < tensor[0].size


@every_source
def test_a_source_model_speaks_about_outputs_that_are_there(name: str) -> None:
    converted = first_conversion(name)

    said = converted.predict(converted.rows) if converted.predict else {}

    assert set(said) <= {output.tensor.name for output in converted.outputs}
    assert all(len(values) == row_count(converted.rows) for values in said.values())


@every_source
def test_the_same_model_gives_the_same_bytes(name: str) -> None:
    request = EXAMPLES[name]()

    models = [next(iter(SOURCES[name].conversions(request))).model for _ in range(2)]

    assert models[0] == models[1]


@every_source
def test_a_source_refuses_rows_of_another_width(name: str) -> None:
    request = EXAMPLES[name]()
    narrow = Request(request.model, np.zeros((5, 3)))

    with pytest.raises(UsageError):
        list(SOURCES[name].conversions(narrow))


def test_what_no_source_accepts_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        UsageError, match=r"cannot convert builtins\.object: .*ONNX, scikit-learn, PyTorch, XGB"
    ):
        source_for(object())


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (LogisticRegression, "the class LogisticRegression: give a trained object"),
        (
            {"weight": np.ones((2, 2))},
            "builtins.dict: weights by name are no model; load them into",
        ),
    ],
)
def test_what_is_nearly_a_model_is_refused_with_what_to_give(model: object, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        source_for(model)


def test_two_sources_cannot_share_a_name() -> None:
    taken: type[Source] = type(SOURCES["ONNX"])

    with pytest.raises(UsageError, match="'ONNX' is already taken"):
        register(taken)
