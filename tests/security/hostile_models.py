"""ONNX files that are made to harm the machine that loads or runs them, by name."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

__all__ = ["HOSTILE_MODELS", "dense_graph", "model_of"]

_FLOAT: Final = TensorProto.FLOAT
_OPSETS: Final = (helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3))


def model_of(
    nodes: Sequence[NodeProto],
    *,
    constants: Sequence[TensorProto] = (),
    axes: Sequence[int | str] = ("batch", 2),
) -> ModelProto:
    """A model of ``x`` to ``y``."""
    graph = helper.make_graph(
        list(nodes),
        "graph",
        [helper.make_tensor_value_info("x", _FLOAT, list(axes))],
        [helper.make_tensor_value_info("y", _FLOAT, None)],
        initializer=list(constants),
    )
    return helper.make_model(graph, opset_imports=_OPSETS)


def dense_graph() -> ModelProto:
    """A model with nothing wrong about it."""
    weights = numpy_helper.from_array(np.eye(2, dtype=np.float32), "weights")
    return model_of([helper.make_node("MatMul", ["x", "weights"], ["y"])], constants=[weights])


def _integers(name: str, *values: int) -> TensorProto:
    return numpy_helper.from_array(np.array(values, np.int64), name)


def _asking(operator: str, shape: Sequence[int]) -> bytes:
    inputs = ["shape"] if operator == "ConstantOfShape" else ["x", "shape"]
    nodes = [
        helper.make_node(operator, inputs, ["large"]),
        helper.make_node("ReduceSum", ["large"], ["y"], keepdims=0),
    ]
    return bytes(model_of(nodes, constants=[_integers("shape", *shape)]).SerializeToString())


def _functions_that_double() -> bytes:
    """23 functions, each of which calls the one before it twice: 2**23 steps from 1.5 kB."""
    model = model_of([helper.make_node("f23", ["x"], ["y"], domain="own")])
    model.opset_import.append(helper.make_opsetid("own", 1))
    for level in range(1, 24):
        called = "Neg" if level == 1 else f"f{level - 1}"
        domain = "" if level == 1 else "own"
        nodes = [
            helper.make_node(called, ["a"], ["b"], domain=domain),
            helper.make_node(called, ["b"], ["c"], domain=domain),
        ]
        model.functions.append(
            helper.make_function("own", f"f{level}", ["a"], ["c"], nodes, list(_OPSETS))
        )
    return bytes(model.SerializeToString())


def _loop(trips: int | None) -> bytes:
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["go_on"]),
            helper.make_node("Neg", ["before"], ["after"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("trip", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("before", _FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("after", _FLOAT, None),
        ],
    )
    node = helper.make_node("Loop", ["trips" if trips else "", "", "x"], ["y"], body=body)
    constants = [numpy_helper.from_array(np.array(trips, np.int64), "trips")] if trips else []
    return bytes(model_of([node], constants=constants).SerializeToString())


def _external(location: str) -> bytes:
    model = dense_graph()
    weights = model.graph.initializer[0]
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value=location)
    return bytes(model.SerializeToString())


def _branches(depth: int) -> bytes:
    """A graph in the branch of a graph in the branch of a graph."""

    def branch(level: int) -> GraphProto:
        output = helper.make_tensor_value_info(f"out{level}", _FLOAT, None)
        if level == depth:
            nodes = [helper.make_node("Neg", ["x"], [f"out{level}"])]
        else:
            nodes = [
                helper.make_node(
                    "If",
                    ["yes"],
                    [f"out{level}"],
                    then_branch=branch(level + 1),
                    else_branch=branch(depth),
                )
            ]
        return helper.make_graph(nodes, f"level{level}", [], [output])

    yes = numpy_helper.from_array(np.array(True), "yes")
    node = helper.make_node("If", ["yes"], ["y"], then_branch=branch(1), else_branch=branch(depth))
    return bytes(model_of([node], constants=[yes]).SerializeToString())


def _claiming(axes: Sequence[int]) -> bytes:
    """Four bytes of weights that say they are a terabyte."""
    model = dense_graph()
    weights = model.graph.initializer[0]
    del weights.dims[:]
    weights.dims.extend(axes)
    weights.raw_data = b"\0\0\0\0"
    return bytes(model.SerializeToString())


def _sparse() -> bytes:
    model = model_of([helper.make_node("MatMul", ["x", "weights"], ["y"])])
    model.graph.sparse_initializer.append(
        helper.make_sparse_tensor(
            numpy_helper.from_array(np.ones(1, np.float32), "weights"),
            _integers("weights_indices", 0),
            [2, 2**40],
        )
    )
    return bytes(model.SerializeToString())


def _two_graphs() -> bytes:
    """Two graphs in one file: some readers merge them, some take the last one."""
    return bytes(dense_graph().SerializeToString()) * 2


def _many_nodes(count: int) -> bytes:
    """A file of many steps, put together by hand because making each one would take minutes."""
    model = model_of([])
    one = helper.make_node("Neg", ["x"], ["y"]).SerializeToString()
    graph: bytes = model.graph.SerializeToString() + (b"\x0a" + bytes([len(one)]) + one) * count
    model.ClearField("graph")
    length, left = bytearray(), len(graph)
    while left >= 0x80:
        length.append(left & 0x7F | 0x80)
        left >>= 7
    head: bytes = model.SerializeToString()
    return head + b"\x3a" + bytes([*length, left]) + graph


def _computed_shape() -> bytes:
    """The shape is multiplied out of two constants that are harmless by themselves."""
    nodes = [
        helper.make_node("Mul", ["shape", "shape"], ["square"]),
        helper.make_node("Expand", ["x", "square"], ["large"]),
        helper.make_node("ReduceSum", ["large"], ["y"], keepdims=0),
    ]
    constants = [_integers("shape", 2**16, 1)]
    return bytes(model_of(nodes, constants=constants).SerializeToString())


def _plain(node: NodeProto) -> bytes:
    return bytes(model_of([node]).SerializeToString())


HOSTILE_MODELS: Final[dict[str, tuple[Callable[[], bytes], str]]] = {
    "functions that write out to 2**23 steps": (_functions_that_double, "functions of its own"),
    "a loop of 2**62 trips": (lambda: _loop(2**62), "runs 4.61e+18 times"),
    "a loop without end": (lambda: _loop(None), "runs for ever"),
    "an Expand to 4 GiB": (lambda: _asking("Expand", (2**30, 1)), "1.07e+09 values"),
    "a ConstantOfShape of 32 GiB": (lambda: _asking("ConstantOfShape", (2**33,)), "8.59e+09"),
    "a Tile to 8 GiB": (lambda: _asking("Tile", (2**31, 1)), "2.15e+09 values"),
    "an Expand to a shape that is multiplied out": (_computed_shape, "4.29e+09 values"),
    "weights in ../": (lambda: _external("../../etc/shadow"), "in another file"),
    "weights at an absolute path": (lambda: _external("/dev/zero"), "in another file"),
    "weights behind a link": (lambda: _external("weights.bin"), "in another file"),
    "a file that is cut off": (lambda: dense_graph().SerializeToString()[:-7], "cut off"),
    "an unknown domain": (
        lambda: _plain(helper.make_node("Run", ["x"], ["y"], domain="evil")),
        "'Run' of domain 'evil'",
    ),
    "an operator that reads files": (
        lambda: _plain(helper.make_node("EPContext", ["x"], ["y"], domain="com.microsoft")),
        "'EPContext' of domain 'com.microsoft'",
    ),
    "a million steps": (lambda: _many_nodes(1_000_000), "more than 100,000 steps"),
    "graphs inside each other": (lambda: _branches(17), "deeper than 16"),
    "weights that claim a terabyte": (lambda: _claiming((2**19, 2**19)), "made to fill the memory"),
    "weights of negative length": (lambda: _claiming((-1, 2)), "made to fill the memory"),
    "sparse weights": (_sparse, "sparse tensors"),
    "an input of 2**40 values": (
        lambda: bytes(
            model_of([helper.make_node("Neg", ["x"], ["y"])], axes=(2**40,)).SerializeToString()
        ),
        "1.1e+12 values",
    ),
    "two graphs": (_two_graphs, "names the graph of something twice"),
    "text": (lambda: b"#!/bin/sh\nrm -rf /\n" * 50, "no ONNX file"),
    "nothing": (lambda: b"", "holds no graph"),
    "a million empty fields": (lambda: b"\x08\x00" * 4_000_000, "more than 3,000,000 parts"),
}
"""What makes the bytes, and what is said when they are refused."""
