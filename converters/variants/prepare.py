"""Rewrites a graph, without changing what it computes, so that it can be quantized well."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, numpy_helper

from converters.graph import parse_model

__all__ = ["prepared"]


def prepared(model: bytes) -> ModelProto:
    """Return the model with constants as initializers, biases inside products, and named nodes.

    A bias that is added in a node of its own is quantized as an activation, which costs accuracy;
    as a part of its product it is kept in 32 bits.
    """
    proto = parse_model(model, what="the converted model")
    _keep_constants_as_initializers(proto)
    if not any(attribute.HasField("g") for it in proto.graph.node for attribute in it.attribute):
        # What a branch or loop reads is not told by the nodes around it.
        _join_biases(proto)
        _drop_unused_initializers(proto)
    for place, node in enumerate(proto.graph.node):
        node.name = f"node{place}"
    return proto


def _keep_constants_as_initializers(model: ModelProto) -> None:
    graph = model.graph
    nodes = []
    for node in graph.node:
        value = next((it.t for it in node.attribute if it.name == "value"), None)
        if node.op_type != "Constant" or value is None:
            nodes.append(node)
            continue
        tensor = TensorProto()
        tensor.CopyFrom(value)
        tensor.name = node.output[0]
        graph.initializer.append(tensor)
    _set_nodes(model, nodes)


def _join_biases(model: ModelProto) -> None:
    """Make a product and the addition of a constant row to it one node, where both have 2 axes."""
    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    ranks = _ranks(model)
    outputs = {output.name for output in graph.output}
    uses = Counter(name for node in graph.node for name in node.input)
    adders = {name: node for node in graph.node if node.op_type == "Add" for name in node.input}
    joined: set[str] = set()
    for node in graph.node:
        product = node.output[0]
        adder = adders.get(product)
        if node.op_type != "MatMul" or adder is None or product in outputs or uses[product] != 1:
            continue
        weights, bias = constants.get(node.input[1]), _row(adder, product, constants)
        if weights is None or len(weights.dims) != 2 or ranks.get(node.input[0]) != 2:
            continue
        if bias is None or len(bias) != weights.dims[1]:
            continue
        name = f"{product}_bias"
        graph.initializer.append(numpy_helper.from_array(bias, name))
        node.op_type = "Gemm"
        node.input.append(name)
        node.output[0] = adder.output[0]
        joined.add(adder.output[0])
    left = [it for it in graph.node if it.op_type != "Add" or it.output[0] not in joined]
    _set_nodes(model, left)


def _row(
    adder: NodeProto, product: str, constants: Mapping[str, TensorProto]
) -> NDArray[np.float32] | None:
    """Return what is added to a product, if it is a constant row of float32."""
    others = [constants.get(name) for name in adder.input if name != product]
    match others:
        case [TensorProto(data_type=TensorProto.FLOAT) as tensor] if len(tensor.dims) == 1 or (
            len(tensor.dims) == 2 and tensor.dims[0] == 1
        ):
            return np.asarray(numpy_helper.to_array(tensor), np.float32).reshape(-1)
        case _:
            return None


def _ranks(model: ModelProto) -> dict[str, int]:
    """Return the number of axes of the tensors of which it is known."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    known = (*graph.value_info, *graph.input)
    return {
        value.name: len(value.type.tensor_type.shape.dim)
        for value in known
        if value.type.tensor_type.HasField("shape")
    }


def _drop_unused_initializers(model: ModelProto) -> None:
    graph = model.graph
    used = {name for node in graph.node for name in node.input}
    used |= {output.name for output in graph.output}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def _set_nodes(model: ModelProto, nodes: Sequence[NodeProto]) -> None:
    del model.graph.node[:]
    model.graph.node.extend(nodes)
