"""A Keras model as a network of named arrays, and as an ONNX file.

It is exported from the backend that it runs on, by the exporter that PyTorch and JAX have for
themselves. Keras' own ``export(format="onnx")`` uses PyTorch's former exporter, which records one
run and so loses decisions, and which does not keep the names of outputs.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

import keras

from converters.base import Rows, Tensors
from converters.network import Network
from converters.network_calls import Call
from converters.optional import needing, versions_of
from edge_contract.errors import UsageError

__all__ = ["network_of"]

_ONLY_INPUT: Final = "x"
_OTHER_BACKEND: Final = (
    "; it has recurrent layers, which another backend may know how to export: save the model, and "
    "convert the file with KERAS_BACKEND=jax or torch"
)
_COUNTED: Final = re.compile(r"(input_layer|keras_tensor)(_\d+)?")
"""Names that Keras gives by counting all that were made before."""


def network_of(model: object, rows: Rows) -> Network:
    """Return a Keras model as a network.

    Raises:
        UsageError: Its backend is neither PyTorch nor JAX, or it has been given no inputs yet.
    """
    if not isinstance(model, keras.Model):
        raise UsageError(f"{type(model).__name__} is no keras.Model")
    what = f"Keras' {model.name!r}"
    function = _Predicting(model, rows)
    match keras.backend.backend():
        case "torch":
            with needing("torch"):
                from converters.torch_network import network_of_function as on_torch

            network = on_torch(function, Call(function.inputs, by_place=True), what=what)
            exporter = versions_of("torch", "onnxscript")
        case "jax":
            with needing("jax"):
                from converters.jax_network import network_of_function as on_jax

            network = on_jax(function, Call(function.inputs, by_place=True), what=what)
            exporter = versions_of("jax", "jax2onnx")
        case backend:
            raise UsageError(
                f"Keras runs on {backend} here, from which no model is converted: save it with "
                "model.save('model.keras'), and convert that file with KERAS_BACKEND=torch or jax"
            )
    parameters = {"parameters": int(model.count_params())} if model.built else {}
    return replace(
        network,
        export=_step_by_step_if_need_be(model, network.export),
        framework={**versions_of("keras"), **exporter},
        parameters={"class": type(model).__name__, **parameters},
    )


def _step_by_step_if_need_be(
    model: keras.Model, export: Callable[[Tensors], bytes]
) -> Callable[[Tensors], bytes]:
    """Return an export that tries a model with recurrent layers once more, unrolled.

    Loops over time are what neither exporter knows in full: PyTorch's takes them to depend on the
    number of rows where the layer has a mask or a cell of its own, JAX' has none that run
    backwards.
    """

    def exported(feeds: Tensors) -> bytes:
        try:
            return export(feeds)
        except UsageError as error:
            with _unrolled(model) as any_layer:
                if not any_layer:
                    raise
                try:
                    return export(feeds)
                except UsageError:
                    raise UsageError(f"{error}{_OTHER_BACKEND}") from error

    return exported


@contextmanager
def _unrolled(model: keras.Model) -> Iterator[bool]:
    """While entered, recurrent layers are written out step by step; says whether there are any."""
    layers = [
        it
        for it in model._flatten_layers()  # Keras has no public way to those inside of others
        if isinstance(it, keras.layers.RNN) and not it.unroll
    ]
    for layer in layers:
        layer.unroll = True
    try:
        yield bool(layers)
    finally:
        for layer in layers:
            layer.unroll = False


class _Predicting:
    """A model as a function of its inputs one by one, in prediction mode."""

    def __init__(self, model: keras.Model, rows: Rows) -> None:
        self.model = model
        tensors = getattr(model, "inputs", None)
        if tensors:
            only = tensors[0] if len(tensors) == 1 else tensors
            self._structure: object = getattr(model, "input", only)  # of a Sequential there is none
            names = [str(it.name) for it in keras.tree.flatten(self._structure)]
            unnamed = len(names) == 1 and _COUNTED.fullmatch(names[0]) is not None
            self.inputs = (_ONLY_INPUT,) if unnamed else tuple(names)
        elif isinstance(rows, Mapping):
            self._structure = dict.fromkeys(rows, 0)
            self.inputs = tuple(sorted(rows))  # as Keras flattens a dict
        else:
            self._structure = 0
            self.inputs = (_ONLY_INPUT,)

    def __call__(self, *values: object) -> object:
        """Predict; outputs have the names that the model gives them, if it does."""
        packed = keras.tree.pack_sequence_as(self._structure, list(values))
        said = self.model(packed, training=False)
        names: Sequence[str] = getattr(self.model, "output_names", None) or ()
        if isinstance(said, list | tuple) and len(names) == len(said) == len(set(names)):
            return dict(zip(names, said, strict=True))
        return said
