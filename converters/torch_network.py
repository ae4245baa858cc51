"""A PyTorch module as a network of named arrays, and as an ONNX file."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final, Protocol, TypeGuard

import numpy as np
import torch
from numpy.typing import NDArray

from converters.base import Rows, Tensors
from converters.exporting import quietly, tidied
from converters.graph import OPSETS
from converters.network import Network, first_line
from converters.network_calls import Call, call_of, named_outputs
from converters.optional import needing, versions_of
from edge_contract.errors import UsageError

__all__ = ["HasModel", "network_of", "network_of_function"]

_LARGEST_BYTES: Final = 2_000_000_000  # what protobuf holds in one file
_WRAPPERS: Final = {
    "DataParallel": "module",
    "DistributedDataParallel": "module",
    "OptimizedModule": "_orig_mod",
}


def network_of(model: object, rows: Rows) -> Network:
    """Return a module or an exported program as a network.

    Args:
        model: ``torch.nn.Module`` or ``torch.export.ExportedProgram``.
        rows: The caller's, whose names choose among optional inputs.

    Raises:
        UsageError: It is TorchScript, has inputs that are no tensors, or is too large for one file.
    """
    if isinstance(model, torch.export.ExportedProgram):
        module, what = model.module(), "the exported program"
        return _network(module, call_of(module.forward, rows, what=what), what=what)
    if not isinstance(model, torch.nn.Module):
        raise UsageError(f"{type(model).__name__} is no torch.nn.Module")
    module = _unwrapped(model)
    what = f"PyTorch's {type(module).__name__}"
    if isinstance(module, torch.jit.ScriptModule):
        raise UsageError(
            f"{what} is TorchScript, which PyTorch no longer exports: give the module that it was "
            "scripted or traced from"
        )
    network = _network(module, call_of(module.forward, rows, what=what), what=what)
    return replace(network, parameters={"class": type(module).__name__, **network.parameters})


def network_of_function(function: "HasModel", call: Call, *, what: str) -> Network:
    """Return a function of tensors that runs a module, which is not changed, as a network."""
    return _network(_Calling(function), call, what=what)


def _network(module: torch.nn.Module, call: Call, *, what: str) -> Network:
    _require_convertible(module, what=what)
    adapter = _Adapter(module, call)
    inputs = call.inputs
    parameters = list(adapter.parameters())

    def run(feeds: Tensors) -> Tensors:
        with _evaluating(adapter), torch.no_grad():
            said = adapter(*(_tensor(feeds[name], adapter.device) for name in inputs))
        return {name: _array(values) for name, values in zip(adapter.outputs, said, strict=True)}

    return Network(
        what=what,
        inputs=inputs,
        run=run,
        export=lambda feeds: _exported(adapter, feeds, what=what),
        framework=versions_of("torch", "onnxscript"),
        parameters={"parameters": sum(it.numel() for it in parameters)},
        layers_to_blame=_layers_of_the_batch(adapter),
    )


def _require_convertible(module: torch.nn.Module, *, what: str) -> None:
    parameters = list(module.parameters())
    if any(isinstance(it, torch.nn.parameter.UninitializedParameter) for it in parameters):
        raise UsageError(f"{what} has layers that were never called: call it once, and train it")
    coarse = {str(it.dtype) for it in parameters if it.is_floating_point() and it.itemsize < 4}
    if coarse:
        raise UsageError(
            f"{what} computes in {', '.join(sorted(coarse))}, which processors round differently: "
            "give it in float32, as model.float() is, and make a variant of 8 bits if it is too "
            "large"
        )
    if sum(it.numel() * it.element_size() for it in parameters) > _LARGEST_BYTES:
        raise UsageError(f"{what} has more than 2 GB of parameters, which no ONNX file can hold")


class HasModel(Protocol):
    """A function of tensors, and the module that it runs."""

    @property
    def model(self) -> torch.nn.Module:
        """The module, whose parameters are used."""
        ...

    def __call__(self, *values: object) -> object:
        """Predict."""
        ...


class _Calling(torch.nn.Module):
    """A function of tensors as a module."""

    def __init__(self, function: HasModel) -> None:
        super().__init__()
        self.model = function.model
        self._function = function

    def forward(self, *tensors: object) -> object:
        """Call the function."""
        return self._function(*tensors)


class _Adapter(torch.nn.Module):
    """Calls a module with tensors in the order of its inputs; says a tuple of tensors.

    Where the module computes in another precision than float32, it casts on the way in and out:
    devices give and take float32.
    """

    def __init__(self, module: torch.nn.Module, call: Call) -> None:
        super().__init__()
        self.inner = module
        self.call = call
        first = next((it for it in self.parameters() if it.is_floating_point()), None)
        self._precision = torch.float32 if first is None else first.dtype
        self.device = torch.device("cpu") if first is None else first.device
        self.outputs: tuple[str, ...] = ()

    def forward(self, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Run the module and remember the names of what it says."""
        values = [it.to(self._precision) if it.is_floating_point() else it for it in tensors]
        said = named_outputs(
            self.call(self.inner, values), inputs=self.call.inputs, is_tensor=_is_tensor
        )
        self.outputs = tuple(said)
        return tuple(it.to(torch.float32) if it.is_floating_point() else it for it in said.values())


def _unwrapped(module: torch.nn.Module) -> torch.nn.Module:
    """Return the module inside those of ``torch.compile`` and data parallelism."""
    inside = _WRAPPERS.get(type(module).__name__)
    return module if inside is None else _unwrapped(getattr(module, inside))


def _layers_of_the_batch(module: torch.nn.Module) -> tuple[str, ...]:
    """Return layers that normalise by the rows that they are given, even when predicting."""
    return tuple(
        name.removeprefix("inner.")
        for name, layer in module.named_modules()
        if "Norm" in type(layer).__name__ and getattr(layer, "running_mean", False) is None
    )


@contextmanager
def _evaluating(module: torch.nn.Module) -> Iterator[None]:
    """While entered, all layers predict; afterwards each is in the mode that it was in."""
    before = [(layer, layer.training) for layer in module.modules()]
    for layer, _ in before:
        layer.training = False
    try:
        yield
    finally:
        for layer, mode in before:
            layer.training = mode


def _exported(adapter: _Adapter, feeds: Tensors, *, what: str) -> bytes:
    with needing("torch"):
        importlib.import_module("onnxscript")
    example = tuple(_tensor(values, adapter.device) for values in feeds.values())
    batch = torch.export.Dim("batch")
    shapes = (tuple({0: batch} for _ in example),)
    with quietly("onnx_ir", "onnxscript", "torch"), _evaluating(adapter), torch.no_grad():
        try:
            program = torch.export.export(adapter, example, dynamic_shapes=shapes, strict=False)
        except Exception as error:  # PyTorch's errors have no other common base
            raise UsageError(f"cannot export {what}: {_reason(error)}") from error
        try:
            exported = torch.onnx.export(
                program,
                dynamo=True,
                external_data=False,
                input_names=list(feeds),
                output_names=list(adapter.outputs),
                opset_version=OPSETS[""],
                verbose=False,
            )
        except Exception as error:  # as above
            raise UsageError(
                f"{what} has a step that ONNX cannot express: {_reason(error)}"
            ) from error
    return tidied(exported.model_proto, what=what)


def _reason(error: Exception) -> str:
    """Return what it was, and what to do about it where that is known."""
    said = f"{type(error).__name__} {error}"
    if "data-dependent" in said or "DataDependent" in said:
        return (
            "its forward decides by numbers that are in the rows (an if, a loop, a length or an "
            "index): choose with torch.where, or keep that step outside of the model"
        )
    if "Constraints violated" in said or "specialized" in said:
        return (
            "its forward only works for one number of rows: use x.shape[0] or -1 where it has a "
            "number, for example in a reshape"
        )
    cause = error.__cause__
    return first_line(cause if isinstance(cause, Exception) else error)


def _is_tensor(value: object) -> TypeGuard[torch.Tensor]:
    return isinstance(value, torch.Tensor)


def _tensor(values: NDArray[np.generic], device: torch.device) -> torch.Tensor:
    return torch.from_numpy(np.array(values)).to(device)  # a copy: forward may write into it


def _array(values: torch.Tensor) -> NDArray[np.generic]:
    array: NDArray[np.generic] = values.detach().cpu().numpy()
    return array
