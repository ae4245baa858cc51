"""JAX's functions and modules convert faithfully, or are refused with what to do about it."""

from collections.abc import Callable
from functools import partial

import equinox
import flax.linen
import flax.nnx
import jax
import jax.numpy as jnp
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from converters.base import Request
from edge_contract.errors import UsageError
from edge_contract.package import OutputRole, Package
from tests.converters.helpers import quietly_converted, says
from tests.converters.networks.laws import LAWS, Law, obey

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(40, 4))
ONE_ROW = np.array([[1, 2, 3, 4]], dtype=np.float32)
WEIGHTS = RNG.normal(size=(4, 3)).astype(np.float32)
CLASSES = ("a", "b", "c")


def linear(x: jax.Array) -> jax.Array:
    return x @ WEIGHTS


def output_of(package: Package, rows: np.ndarray) -> np.ndarray:
    return says(package, {package.manifest.inputs[0].name: rows})["output"]


@pytest.mark.parametrize("law", LAWS)
def test_jax_obeys_the_laws_of_sources(law: Law) -> None:
    obey(law, "JAX", lambda: Request(linear, ROWS, CLASSES))


@pytest.mark.parametrize(
    "function", [linear, jax.jit(linear), partial(lambda weights, x: x @ weights, WEIGHTS)]
)
def test_a_function_becomes_a_classifier_of_the_classes(function: Callable[..., object]) -> None:
    package = quietly_converted(function, ROWS, classes=CLASSES)

    model = onnx.load_model_from_string(package.model())
    assert {entry.domain: entry.version for entry in model.opset_import} == {
        "": 18,
        "ai.onnx.ml": 3,
    }
    assert [output.role for output in package.manifest.outputs] == [
        OutputRole.OTHER,
        OutputRole.PROBABILITIES,
    ]
    assert np.allclose(output_of(package, ONE_ROW), ONE_ROW @ WEIGHTS, atol=1e-5)


def test_a_module_of_equinox_is_a_function_of_one_row() -> None:
    network = equinox.nn.MLP(4, 3, 8, 2, key=jax.random.PRNGKey(0))

    package = quietly_converted(network, ROWS, classes=CLASSES)

    assert np.allclose(output_of(package, ONE_ROW)[0], network(ONE_ROW[0]), atol=1e-5)
    assert package.manifest.framework["equinox"] == equinox.__version__


class Network(flax.nnx.Module):
    def __init__(self) -> None:
        rngs = flax.nnx.Rngs(0)
        self.first = flax.nnx.Linear(4, 8, rngs=rngs)
        self.norm = flax.nnx.BatchNorm(8, rngs=rngs)
        self.dropout = flax.nnx.Dropout(0.5, rngs=rngs)
        self.last = flax.nnx.Linear(8, 3, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.last(self.dropout(flax.nnx.relu(self.norm(self.first(x)))))


def test_a_module_of_flax_is_converted_as_it_predicts_and_left_as_it_was() -> None:
    network = Network()

    package = quietly_converted(network, ROWS, classes=CLASSES)

    assert not network.dropout.deterministic
    network.eval()
    assert np.allclose(output_of(package, ONE_ROW), network(ONE_ROW), atol=1e-5)


class Recurrent(flax.nnx.Module):
    """Draws a random number for the state that it begins with, as all of its kind do."""

    def __init__(self) -> None:
        rngs = flax.nnx.Rngs(0)
        self.steps = flax.nnx.RNN(flax.nnx.LSTMCell(3, 4, rngs=rngs))
        self.last = flax.nnx.Linear(4, 2, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.last(self.steps(x)[:, -1])


def test_a_recurrent_module_of_flax_converts() -> None:
    network = Recurrent()
    series = RNG.normal(size=(12, 5, 3)).astype(np.float32)

    package = quietly_converted(network, series)

    assert np.allclose(output_of(package, series[:2]), network(series[:2]), atol=1e-5)


@pytest.mark.parametrize(
    "function",
    [jax.vmap(lambda row: jnp.dot(row, WEIGHTS[:, 0])), lambda x: jnp.cumsum(x, 1)],
    ids=["mapped over rows", "an argument by place"],
)
def test_functions_that_the_exporter_knows_in_part_convert_by_what_they_do(
    function: Callable[..., NDArray[np.float32]],
) -> None:
    cumsum = jnp.cumsum

    package = quietly_converted(function, ROWS)

    assert np.allclose(output_of(package, ONE_ROW), function(ONE_ROW), atol=1e-5)
    assert jnp.cumsum is cumsum  # the exporter leaves some of its own behind


def test_a_module_of_linen_is_given_with_what_it_learned() -> None:
    module = flax.linen.Dense(3)
    variables = module.init(jax.random.PRNGKey(0), ONE_ROW)

    by_function = quietly_converted(partial(module.apply, variables), ROWS, classes=CLASSES)
    bound = quietly_converted(module.bind(variables), ROWS, classes=CLASSES)

    expected = module.apply(variables, ONE_ROW)
    assert np.allclose(output_of(by_function, ONE_ROW), expected, atol=1e-5)
    assert np.allclose(output_of(bound, ONE_ROW), expected, atol=1e-5)


def test_codes_of_an_embedding_are_only_tried_as_they_are() -> None:
    codes = RNG.integers(0, 10, (40, 3))
    vectors = RNG.normal(size=(10, 2)).astype(np.float32)

    def embedded(codes: jax.Array) -> jax.Array:
        return jnp.asarray(vectors)[codes].sum(axis=(1, 2))

    package = quietly_converted(embedded, codes)

    assert str(package.manifest.inputs[0]) == "int32[batch, 3]"
    rows = codes.astype(np.int32)
    assert np.allclose(output_of(package, rows), vectors[codes].sum(axis=(1, 2)), atol=1e-5)


def test_pooled_pictures_are_what_jax_says() -> None:
    pictures = RNG.normal(size=(6, 7, 7, 2)).astype(np.float32)

    def pooled(x: jax.Array) -> jax.Array:
        window, steps = (1, 3, 3, 1), (1, 2, 2, 1)
        return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, window, steps, "SAME")

    package = quietly_converted(pooled, pictures)

    assert np.array_equal(output_of(package, pictures), pooled(pictures))


@pytest.mark.parametrize("pool", ["max_pool", "avg_pool"])
def test_flax_pools_with_its_window_by_place(pool: str) -> None:
    pictures = RNG.normal(size=(6, 4, 4, 2)).astype(np.float32)

    def pooled(x: jax.Array) -> jax.Array:
        return getattr(flax.linen, pool)(x, (2, 2), (2, 2))

    package = quietly_converted(pooled, pictures)

    assert np.allclose(output_of(package, pictures), pooled(pictures), atol=1e-6)


def test_several_inputs_and_outputs_keep_their_names() -> None:
    def scaled(x: jax.Array, by: jax.Array) -> dict[str, jax.Array]:
        return {"value": (x * by).sum(axis=1), "by": -by}

    rows = {"by": RNG.integers(1, 9, (40, 1)), "x": ROWS}

    package = quietly_converted(scaled, rows)

    assert [f"{it.name} {it}" for it in package.manifest.inputs] == [
        "x float32[batch, 4]",
        "by int32[batch, 1]",
    ]
    assert [output.tensor.name for output in package.manifest.outputs] == ["value", "by_out"]


def deciding(x: jax.Array) -> jax.Array:
    return x if jnp.isfinite(x).all() else -x


def looping(x: jax.Array) -> jax.Array:
    return jnp.stack([row * 2 for row in x])


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (
            deciding,
            r"it decides by numbers that are in the rows .*jax\.numpy\.where or jax\.lax\.cond",
        ),
        (looping, r"it needs to know the number of rows .* give jax\.vmap of it"),
        (lambda x: x - x.mean(axis=0), "answers row 0 of X differently alone than among others"),
        (lambda x: x.reshape(5, -1), "does not take the rows of X .*cannot reshape"),
        (lambda x: x.sum(), r"has shape \[\] for 7 rows"),
        (lambda: 1, "takes no input"),
        (
            flax.linen.Dense(3),
            r"has no variables: give functools.partial\(model.apply, variables\)",
        ),
        (lambda x: jnp.linalg.eigvalsh(x[:, :, None] * x[:, None, :]), "cannot export JAX's"),
    ],
)
def test_what_a_device_cannot_repeat_is_refused(model: object, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        quietly_converted(model, ROWS)
