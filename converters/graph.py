"""Edits and checks of ONNX graphs that every source needs."""

from collections.abc import Iterator, MutableSequence, Sequence
from typing import Final

import numpy as np
import onnx
from onnx import (
    AttributeProto,
    GraphProto,
    ModelProto,
    NodeProto,
    TensorProto,
    ValueInfoProto,
    helper,
    numpy_helper,
)

from edge_contract.errors import PackageError, UsageError

__all__ = [
    "OPSETS",
    "check_model",
    "flatten_output",
    "keep_outputs",
    "opsets_of",
    "parse_model",
    "predict_at_threshold",
    "rename_everywhere",
    "set_width",
    "use_fixed_opsets",
    "use_float32_outside",
]

OPSETS: Final = {"": 18, "ai.onnx.ml": 3}
"""Operator sets of converted models: old enough for every onnxruntime in the field."""

_JOINING: Final = "StringConcat"
_WITH_JOINING: Final = 20
"""The first operator set that joins texts."""


def parse_model(data: bytes, *, what: str) -> ModelProto:
    """Read an ONNX model that stands on its own.

    Args:
        data: The file.
        what: How to call it in errors.

    Raises:
        PackageError: It is no ONNX model, is damaged, or keeps weights in other files.
    """
    try:
        model = onnx.load_model_from_string(data)
    except Exception as error:  # protobuf's DecodeError, which is not public in onnx
        raise PackageError(
            f"{what} is not a readable ONNX model ({error}): it is damaged, or another kind of file"
        ) from error
    outside = sorted(
        tensor.name
        for tensor in _tensors(model.graph)
        if tensor.data_location == TensorProto.EXTERNAL
    )
    if outside:
        raise PackageError(
            f"{what} keeps weights in other files ({', '.join(outside[:3])}): save it as one file "
            "with onnx.save_model(onnx.load(path), path, save_as_external_data=False)"
        )
    return model


def check_model(model: ModelProto, *, what: str) -> None:
    """Raise ``PackageError`` if ``model`` breaks ONNX's own rules."""
    try:
        onnx.checker.check_model(model, full_check=True)
    except (
        onnx.checker.ValidationError,
        onnx.shape_inference.InferenceError,
        ValueError,
    ) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise PackageError(f"{what} is not a valid ONNX model: {reason}") from error


def opsets_of(model: ModelProto) -> dict[str, int]:
    """Return the operator-set versions that a model asks for, by domain."""
    return {entry.domain: int(entry.version) for entry in model.opset_import}


def use_fixed_opsets(model: ModelProto) -> None:
    """Ask for :data:`OPSETS`, or for newer ones if the model needs them; one entry a domain."""
    wanted = dict(OPSETS)
    for node in _nodes(model.graph):
        wanted.setdefault(node.domain, 1)
        if node.op_type == _JOINING:
            wanted[""] = _WITH_JOINING
    for entry in model.opset_import:
        wanted[entry.domain] = max(int(entry.version), wanted.get(entry.domain, 0))
    del model.opset_import[:]
    model.opset_import.extend(helper.make_opsetid(*pair) for pair in sorted(wanted.items()))
    model.ir_version = 9 if wanted[""] <= 20 else model.ir_version


def keep_outputs(model: ModelProto, names: Sequence[str]) -> None:
    """Drop all other outputs, and the nodes and weights that only they needed."""
    graph = model.graph
    kept = [output for output in graph.output if output.name in names]
    del graph.output[:]
    graph.output.extend(kept)
    needed = {output.name for output in kept}
    nodes = []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            nodes.append(node)
            needed.update(node.input)
            for inner in _subgraphs(node.attribute):
                needed.update(_names_read_in(inner))
    nodes.reverse()
    del graph.node[:]
    graph.node.extend(nodes)
    weights = [tensor for tensor in graph.initializer if tensor.name in needed]
    del graph.initializer[:]
    graph.initializer.extend(weights)


def use_float32_outside(model: ModelProto, *, inputs: bool = True) -> None:
    """Make outputs of float64 those of float32, and cast inside; inputs, too, unless not wanted."""
    graph = model.graph
    before, after = [], []
    for given in graph.input:
        if inputs and given.type.tensor_type.elem_type == TensorProto.DOUBLE:
            given.type.tensor_type.elem_type = TensorProto.FLOAT
            wide = f"{given.name}_wide"
            for node in graph.node:
                _rename(node.input, given.name, wide)
            before.append(helper.make_node("Cast", [given.name], [wide], to=TensorProto.DOUBLE))
    for output in graph.output:
        if output.type.tensor_type.elem_type == TensorProto.DOUBLE:
            output.type.tensor_type.elem_type = TensorProto.FLOAT
            wide = f"{output.name}_wide"
            for node in graph.node:
                _rename(node.output, output.name, wide)
                _rename(node.input, output.name, wide)
            after.append(helper.make_node("Cast", [wide], [output.name], to=TensorProto.FLOAT))
    nodes = [*before, *graph.node, *after]
    del graph.node[:]
    graph.node.extend(nodes)


def flatten_output(model: ModelProto, name: str) -> None:
    """Make an output of one number per row ``[batch]``, whatever its shape was."""
    inner = f"{name}_column"
    for node in model.graph.node:
        _rename(node.output, name, inner)
        _rename(node.input, name, inner)
    shape = f"{name}_shape"
    model.graph.initializer.append(numpy_helper.from_array(np.array([-1]), shape))
    model.graph.node.append(helper.make_node("Reshape", [inner, shape], [name]))
    for output in model.graph.output:
        if output.name == name:
            dims = output.type.tensor_type.shape.dim
            del dims[1:]
            if not dims:
                dims.add()


def set_width(output: ValueInfoProto, width: int) -> None:
    """Say how many values an output of two axes holds per row."""
    axes = output.type.tensor_type.shape.dim
    if len(axes) == 2:
        axes[1].Clear()
        axes[1].dim_value = width


def predict_at_threshold(
    model: ModelProto, *, classes: Sequence[str | int], threshold: float
) -> None:
    """Make the first output the second class exactly where its probability reaches a threshold.

    Args:
        model: Of a binary classifier: its outputs are a label and two probabilities.
        classes: Both labels, in the order of the probabilities.
        threshold: 0 to 1, rounded to float32.
    """
    label, probabilities = model.graph.output[0].name, model.graph.output[1].name
    for node in model.graph.node:
        for position, name in enumerate(node.output):
            if name == label:
                node.output[position] = f"{label}_of_likelier"
    if any(label in node.input for node in model.graph.node):
        raise UsageError(f"output {label!r} is used inside the model: its threshold cannot be set")
    is_text = any(isinstance(name, str) for name in classes)
    labels = np.array(classes, dtype=object if is_text else np.int64)
    prefix = f"{label}_at_threshold"
    model.graph.initializer.extend(
        (
            numpy_helper.from_array(np.array(1, dtype=np.int64), f"{prefix}_second"),
            numpy_helper.from_array(np.array(threshold, dtype=np.float32), f"{prefix}_value"),
            numpy_helper.from_array(labels, f"{prefix}_classes"),
        )
    )
    chosen, reached, index = f"{prefix}_probability", f"{prefix}_reached", f"{prefix}_index"
    model.graph.node.extend(
        (
            helper.make_node("Gather", [probabilities, f"{prefix}_second"], [chosen], axis=1),
            helper.make_node("GreaterOrEqual", [chosen, f"{prefix}_value"], [reached]),
            helper.make_node("Cast", [reached], [index], to=TensorProto.INT64),
            helper.make_node("Gather", [f"{prefix}_classes", index], [label]),
        )
    )


def rename_everywhere(graph: GraphProto, old: str, new: str) -> None:
    """Rename a value in all steps, also in branches and loops; inputs and outputs keep theirs."""
    for node in graph.node:
        _rename(node.input, old, new)
        _rename(node.output, old, new)
        for inner in _subgraphs(node.attribute):
            rename_everywhere(inner, old, new)
            for value in inner.output:
                value.name = new if value.name == old else value.name


def _rename(names: MutableSequence[str], old: str, new: str) -> None:
    for position, name in enumerate(names):
        if name == old:
            names[position] = new


def _nodes(graph: GraphProto) -> Iterator[NodeProto]:
    for node in graph.node:
        yield node
        for inner in _subgraphs(node.attribute):
            yield from _nodes(inner)


def _tensors(graph: GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
        for inner in _subgraphs(node.attribute):
            yield from _tensors(inner)


def _subgraphs(attributes: Sequence[AttributeProto]) -> Iterator[GraphProto]:
    for attribute in attributes:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _names_read_in(graph: GraphProto) -> Iterator[str]:
    yield from (output.name for output in graph.output)
    for node in graph.node:
        yield from node.input
        for inner in _subgraphs(node.attribute):
            yield from _names_read_in(inner)
