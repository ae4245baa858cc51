"""A function of JAX arrays as a network of named arrays, and as an ONNX file."""

import importlib
from collections.abc import Callable
from dataclasses import replace
from typing import Final, NamedTuple, TypeGuard

import jax
import jax2onnx
import numpy as np

from converters.base import Rows, Tensors
from converters.exporting import quietly, tidied
from converters.flax_function import predicting
from converters.graph import OPSETS
from converters.jax_functions import OwnFunctions
from converters.jax_pooling import pool_pictures
from converters.network import Network, first_line
from converters.network_calls import Call, call_of, named_outputs
from converters.optional import versions_of
from converters.runtime import BATCH
from edge_contract.errors import UsageError

__all__ = ["network_of", "network_of_function"]

_Function = Callable[..., object]

_DECIDES: Final = ("ConcretizationTypeError", "TracerBoolConversionError", "TracerArrayConversion")


def network_of(model: object, rows: Rows) -> Network:
    """Return a function or module as a network.

    Args:
        model: A function of arrays with a batch axis; a module of Flax; or a module of Equinox,
            which by custom is a function of one row and is mapped over the batch.
        rows: The caller's.

    Raises:
        UsageError: It is a Flax module without its variables, or takes no input.
    """
    function, family = _function_of(model)
    name = getattr(model, "__name__", type(model).__name__)
    what = f"JAX's {name}"
    network = network_of_function(function, call_of(function, rows, what=what), what=what)
    return replace(
        network,
        framework={**network.framework, **versions_of(*family)},
        parameters={"class": name},
    )


def network_of_function(function: _Function, call: Call, *, what: str) -> Network:
    """Return a function of arrays with a batch axis as a network."""
    outputs: list[str] = []
    own = OwnFunctions()

    def flat(*values: object) -> tuple[object, ...]:
        with own.restored():
            answer = call(function, values)
        said = named_outputs(answer, inputs=call.inputs, is_tensor=_is_array)
        outputs[:] = said
        return tuple(map(_in_float32, said.values()))

    def run(feeds: Tensors) -> Tensors:
        said = flat(*(jax.numpy.asarray(feeds[name]) for name in call.inputs))
        return {name: np.asarray(values) for name, values in zip(outputs, said, strict=True)}

    return Network(
        what=what,
        inputs=call.inputs,
        run=run,
        export=lambda feeds: _exported(_Traced(flat, call, outputs, own), feeds, what=what),
        framework=versions_of("jax", "jax2onnx"),
        has_int64=bool(jax.config.jax_enable_x64),
    )


def _function_of(model: object) -> tuple[_Function, tuple[str, ...]]:
    """Return a model as a function of rows that predicts, and the library of modules it is of."""
    families = {base.__module__.partition(".")[0] for base in type(model).__mro__}
    if "equinox" in families and callable(model):
        equinox = importlib.import_module("equinox")
        return jax.vmap(equinox.nn.inference_mode(model)), ("equinox",)
    if "flax" in families and callable(model):
        if hasattr(model, "scope"):
            return _with_variables(model), ("flax",)
        return predicting(model), ("flax",)
    if callable(model):
        return model, ()
    raise UsageError(f"{type(model).__name__} cannot be called with rows")


def _with_variables(module: _Function) -> _Function:
    """Return a module of ``flax.linen`` that has been bound to what it learned."""
    if getattr(module, "scope", None) is None:
        raise UsageError(
            f"Flax's {type(module).__name__} has no variables: give "
            "functools.partial(model.apply, variables)"
        )
    return module


class _Traced(NamedTuple):
    """A function as jax2onnx takes it; ``outputs`` are filled in when it is called."""

    flat: _Function
    call: Call
    outputs: list[str]
    own: OwnFunctions


def _exported(traced: _Traced, feeds: Tensors, *, what: str) -> bytes:
    """Return an ONNX model: by the exporter's stand-ins for functions, or else by what they do."""
    first: UsageError | None = None
    for everything in (False, True):
        traced.own.everything = everything
        try:
            return _exported_once(traced, feeds, what=what)
        except UsageError as error:
            first = first or error
        finally:
            traced.own.everything = False
            traced.own.put_back()
    raise first or UsageError(f"cannot export {what}")


def _exported_once(traced: _Traced, feeds: Tensors, *, what: str) -> bytes:
    inputs = [
        jax.ShapeDtypeStruct((BATCH, *values.shape[1:]), values.dtype) for values in feeds.values()
    ]
    with quietly("absl", "jax", "jax2onnx", "onnx_ir"):
        try:
            model = jax2onnx.to_onnx(
                traced.flat,
                inputs=inputs,
                opset=OPSETS[""],
                input_names=list(traced.call.inputs),
                output_names=list(traced.outputs),
            )
        except Exception as error:  # its errors have no other common base
            raise UsageError(f"cannot export {what}: {_reason(error)}") from error
    pool_pictures(model)
    return tidied(model, what=what)


def _reason(error: Exception) -> str:
    if type(error).__name__ in _DECIDES:
        return (
            "it decides by numbers that are in the rows (an if, a loop or an index): choose with "
            "jax.numpy.where or jax.lax.cond"
        )
    if type(error).__name__ == "InconclusiveDimensionOperation":
        return (
            "it needs to know the number of rows (a loop over rows, or a reshape without -1): "
            "write it for one row and give jax.vmap of it"
        )
    return first_line(error)


def _is_array(value: object) -> TypeGuard[jax.Array]:
    return isinstance(value, jax.Array | np.ndarray)


def _in_float32(value: object) -> object:
    array = jax.numpy.asarray(value)
    is_float = jax.numpy.issubdtype(array.dtype, jax.numpy.floating)
    return array.astype(jax.numpy.float32) if is_float else array
