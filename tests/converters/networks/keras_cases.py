"""Keras' models convert faithfully on the backend of this process, or are refused.

``KERAS_BACKEND`` chooses it: torch or jax.
"""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from converters.base import Request
from converters.files import load_model
from edge_contract.errors import UsageError
from edge_contract.package import OutputRole, Package, Task
from tests.converters.helpers import quietly_converted, says
from tests.converters.networks.laws import LAWS, Law, obey
from tests.support.mlflow_folders import mlflow_folder, tensor

pytestmark = pytest.mark.filterwarnings(  # in Keras, when it predicts or saves
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(40, 4))
CODES = RNG.integers(0, 10, (40, 3))
CLASSES = ("a", "b", "c")
BACKEND = keras.backend.backend()


def classifier() -> keras.Model:
    """Says probabilities of three classes; has layers that behave differently in training."""
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(8, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Dense(3, activation="softmax"),
        ]
    )


def predicted(model: keras.Model, rows: object) -> np.ndarray:
    return np.asarray(model.predict(rows, verbose=0))


def output_of(package: Package, rows: np.ndarray) -> np.ndarray:
    return says(package, {"x": rows.astype(np.float32)})["output"]


@pytest.mark.parametrize("law", LAWS)
def test_keras_obeys_the_laws_of_sources(law: Law) -> None:
    obey(law, "Keras", lambda: Request(classifier(), ROWS))


def test_a_softmax_at_the_end_makes_a_classifier() -> None:
    model = classifier()

    package = quietly_converted(model, ROWS, classes=CLASSES)

    assert package.manifest.task is Task.MULTICLASS
    assert [output.role for output in package.manifest.outputs] == [OutputRole.PROBABILITIES]
    assert package.manifest.framework["keras"] == keras.__version__
    assert BACKEND in package.manifest.framework
    assert package.manifest.lineage["parameters"] == {"class": "Sequential", "parameters": 99}
    assert np.allclose(output_of(package, ROWS), predicted(model, ROWS), atol=1e-5)


def test_pictures_convert_with_their_channels_last() -> None:
    pictures = RNG.random((12, 8, 8, 1))
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )

    package = quietly_converted(model, pictures, classes=("cat", "dog"))

    assert package.manifest.task is Task.BINARY
    assert package.manifest.inputs[0].shape == ("batch", 8, 8, 1)
    assert np.allclose(output_of(package, pictures), predicted(model, pictures), atol=1e-5)


def test_inputs_and_outputs_of_a_graph_of_layers_keep_their_names() -> None:
    numbers, codes = (
        keras.Input((4,), name="numbers"),
        keras.Input((3,), name="codes", dtype="int32"),
    )
    vector = layers.Concatenate()([numbers, layers.Flatten()(layers.Embedding(10, 2)(codes))])
    outputs = [layers.Dense(2, name="wide")(vector), layers.Dense(1, name="value")(vector)]
    model = keras.Model([numbers, codes], outputs)

    package = quietly_converted(model, {"codes": CODES, "numbers": ROWS})

    assert [spec.name for spec in package.manifest.inputs] == ["numbers", "codes"]
    assert [output.tensor.name for output in package.manifest.outputs] == ["wide", "value"]
    codes_as_taken = CODES.astype(package.manifest.inputs[1].element_type)
    feeds = {"numbers": ROWS.astype(np.float32), "codes": codes_as_taken}
    assert np.allclose(says(package, feeds)["value"], predicted_of(model, 1), atol=1e-5)


def predicted_of(model: keras.Model, output: int) -> np.ndarray:
    return np.asarray(model.predict([ROWS, CODES], verbose=0)[output])


class Written(keras.Model):
    """A model that is a class of its own, whose layers do not know their inputs yet."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(1)

    def call(self, x: object) -> object:
        return self.dense(x)


@pytest.mark.parametrize(
    "steps",
    [
        [layers.Embedding(10, 4, mask_zero=True), layers.LSTM(3)],
        [layers.Embedding(10, 4), layers.Bidirectional(layers.SimpleRNN(3))],
    ],
    ids=["codes with a mask", "a cell in both directions"],
)
def test_recurrent_layers_convert_and_are_left_as_they_were(steps: list[layers.Layer]) -> None:
    model = keras.Sequential([keras.Input((3,)), *steps, layers.Dense(1)])

    package = quietly_converted(model, CODES)

    codes = CODES[:7].astype(package.manifest.inputs[0].element_type)
    assert np.allclose(says(package, {"x": codes})["output"], predicted(model, codes), atol=1e-5)
    inner = [it for it in model._flatten_layers() if isinstance(it, layers.RNN)]
    assert [it.unroll for it in inner] == [False] * len(inner)


@pytest.mark.skipif(BACKEND != "torch", reason="JAX knows how to export it")
def test_recurrent_layers_that_the_backend_cannot_export_are_refused_with_another_one() -> None:
    steps = [layers.Embedding(10, 4, mask_zero=True), layers.Bidirectional(layers.LSTM(3))]

    with pytest.raises(UsageError, match=r"recurrent layers.* KERAS_BACKEND=jax or torch"):
        quietly_converted(keras.Sequential([keras.Input((3,)), *steps]), CODES)


def test_a_model_that_is_a_class_of_its_own_converts() -> None:
    model = Written()

    package = quietly_converted(model, ROWS)

    assert np.allclose(output_of(package, ROWS), predicted(model, ROWS), atol=1e-5)


def test_a_keras_file_converts_like_the_model(tmp_path: Path) -> None:
    model, path = classifier(), tmp_path / "model.keras"
    model.save(path)

    package = quietly_converted(load_model(path), ROWS, classes=CLASSES)

    assert np.allclose(output_of(package, ROWS), predicted(model, ROWS), atol=1e-5)


def test_what_mlflow_saved_says_what_the_model_says(tmp_path: Path) -> None:
    model = classifier()
    folder = mlflow_folder(tmp_path / "model", "keras", inputs=tensor(-1, 4), data="data")
    (folder / "data").mkdir()
    model.save(folder / "data" / "model.keras")

    package = quietly_converted(load_model(folder), ROWS, classes=CLASSES)

    said = says(package, {package.manifest.inputs[0].name: ROWS.astype(np.float32)})
    assert np.allclose(next(iter(said.values())), predicted(model, ROWS), atol=1e-5)


def test_a_keras_file_that_holds_code_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    keras.Sequential([keras.Input((4,)), layers.Lambda(lambda x: x * 2)]).save(path)

    with pytest.raises(UsageError, match=r"cannot read '.*model.keras': .*Lambda"):
        load_model(path)


def test_rows_that_the_model_does_not_take_are_refused() -> None:
    with pytest.raises(UsageError, match=r"does not take the rows of X as 'x' float32\[batch, 5\]"):
        quietly_converted(classifier(), np.zeros((6, 5)))


ON_ANOTHER_BACKEND = """
import keras, numpy
from converters.convert import convert
from edge_contract.errors import UsageError
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
try:
    convert(model, numpy.zeros((5, 4)), name="m", version="1.0.0")
except UsageError as error:
    print(error)
"""


@pytest.mark.skipif(BACKEND != "torch", reason="is the same for all backends")
def test_another_backend_is_refused_with_what_to_do() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ON_ANOTHER_BACKEND],
        env={**os.environ, "KERAS_BACKEND": "numpy"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )

    assert done.stdout.startswith(
        "Keras runs on numpy here, from which no model is converted: save"
    )
    assert "convert that file with KERAS_BACKEND=torch or jax" in done.stdout
