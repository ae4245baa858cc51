"""Bounds on what a small ONNX file may make onnxruntime do, looked at before it is asked to.

A file of some hundred bytes can ask for a tensor of terabytes, for functions that call each other
until there are more nodes than memory, or for a loop without end. onnxruntime would try.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import onnx
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, ValueInfoProto, numpy_helper

from edge_contract.errors import PackageError

__all__ = ["require_bounded_nodes", "require_bounded_work"]

_MAX_NODES: Final = 1_000_000
_MAX_VALUES: Final = 2**28
"""Of one tensor, for one row: 1 GB of float32."""
_MAX_TRIPS: Final = 1_000_000
_MAX_DEPTH: Final = 64


def require_bounded_nodes(model: ModelProto, *, what: str) -> None:
    """Refuse a graph that is too large once its functions are written out.

    Raises:
        PackageError: It has more than a million nodes then, or functions that call themselves.
    """
    functions = {(it.domain, it.name): it.node for it in model.functions}
    sizes: dict[tuple[str, str], int] = {}

    def size_of(nodes: Sequence[NodeProto], depth: int) -> int:
        if depth > _MAX_DEPTH:
            raise PackageError(
                f"{what} has functions or branches inside each other, deeper than {_MAX_DEPTH}: "
                "export it again without them"
            )
        total = 0
        for node in nodes:
            key = (node.domain, node.op_type)
            if key in functions:
                if key not in sizes:
                    sizes[key] = size_of(functions[key], depth + 1)
                total += sizes[key]
            total += 1 + sum(size_of(graph.node, depth + 1) for graph in _branches(node))
        return total

    nodes = size_of(model.graph.node, 0)
    if nodes > _MAX_NODES:
        raise PackageError(
            f"{what} would have {nodes:,} nodes with its functions written out, more than "
            f"{_MAX_NODES:,}: it is damaged, or made to fill the memory"
        )


def require_bounded_work(model: ModelProto, *, what: str) -> None:
    """Refuse a graph that asks for huge tensors, or for loops without end.

    Raises:
        PackageError: One row would need a tensor of more than 2**28 values, or a loop runs more
            than a million times or for ever.
    """
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    for graph in _graphs(inferred.graph):
        for value in (*graph.value_info, *graph.output):
            size = _values_of(value)
            if size > _MAX_VALUES:
                raise PackageError(
                    f"{value.name!r} in {what} has {size:.3g} values for a single row, more than "
                    f"{_MAX_VALUES:.3g}: no device could run it"
                )
        constants = _constants(graph)
        for node in graph.node:
            if node.op_type == "Loop" and node.domain in ("", "ai.onnx"):
                _require_end(node, constants, what=what)


def _require_end(node: NodeProto, constants: Mapping[str, float], *, what: str) -> None:
    trips, condition = (*node.input, "", "")[:2]
    count = constants.get(trips)
    if count is not None and count <= _MAX_TRIPS:
        return
    body = next(_branches(node))
    if count is None and (trips or not _goes_on(body)):
        return
    if count is not None and not _goes_on(body):
        return
    if condition and not constants.get(condition, 1.0):
        return
    times = "for ever" if count is None else f"{count:.3g} times"
    raise PackageError(f"the loop {node.name!r} in {what} runs {times}: no device could run it")


def _goes_on(body: GraphProto) -> bool:
    """Whether the condition that a loop's body gives back is always true."""
    if not body.output or len(body.input) < 2:
        return False
    name = body.output[0].name
    makers = {output: node for node in body.node for output in node.output}
    while name in makers and makers[name].op_type == "Identity":
        name = makers[name].input[0]
    return name == body.input[1].name or bool(_constants(body).get(name, 0.0))


def _constants(graph: GraphProto) -> dict[str, float]:
    """Return the single numbers that stand in a graph, by name."""
    found = {it.name: it for it in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].HasField("t"):
            found[node.output[0]] = node.attribute[0].t
    return {
        name: float(numpy_helper.to_array(tensor).ravel()[0])
        for name, tensor in found.items()
        if math.prod(tensor.dims) == 1 and tensor.data_type != onnx.TensorProto.STRING
    }


def _values_of(value: ValueInfoProto) -> int:
    """Return how many values a tensor has for one row: axes of unknown length count as 1."""
    if not value.type.HasField("tensor_type"):
        return 0
    return math.prod(max(axis.dim_value, 1) for axis in value.type.tensor_type.shape.dim)


def _graphs(graph: GraphProto) -> Iterator[GraphProto]:
    yield graph
    for node in graph.node:
        for inner in _branches(node):
            yield from _graphs(inner)


def _branches(node: NodeProto) -> Iterator[GraphProto]:
    for attribute in node.attribute:
        if attribute.type == AttributeProto.GRAPH:
            yield attribute.g
        elif attribute.type == AttributeProto.GRAPHS:
            yield from attribute.graphs
