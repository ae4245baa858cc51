"""A small file that would fill the memory, or never end, is refused before it is run."""

import numpy as np
import onnx
import pytest
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from converters.convert import convert
from edge_contract.errors import PackageError
from tests.converters.helpers import quietly_converted

ROWS = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)


def constant(name: str, *values: int) -> TensorProto:
    return numpy_helper.from_array(np.array(values, dtype=np.int64), name)


def model_of(
    nodes: list[NodeProto],
    *constants: TensorProto,
    functions: tuple[onnx.FunctionProto, ...] = (),
) -> ModelProto:
    """A model that takes ``X[n, 4]`` and gives ``y[n, 4]``."""
    value = helper.make_tensor_value_info
    body = helper.make_graph(
        nodes,
        "g",
        [value("X", TensorProto.FLOAT, ["n", 4])],
        [value("y", TensorProto.FLOAT, ["n", 4])],
        list(constants),
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("own", 1)]
    return helper.make_model(body, opset_imports=opsets, ir_version=9, functions=list(functions))


def huge() -> ModelProto:
    """Four terabytes, out of two numbers."""
    return model_of(
        [
            helper.make_node("ConstantOfShape", ["shape"], ["zeros"]),
            helper.make_node("ReduceSum", ["zeros"], ["total"], keepdims=0),
            helper.make_node("Add", ["X", "total"], ["y"]),
        ],
        constant("shape", 1_000_000, 1_000_000),
    )


def tiled() -> ModelProto:
    """Each step makes it a thousand times larger."""
    nodes = [helper.make_node("Tile", [f"x{i}", "times"], [f"x{i + 1}"]) for i in range(3)]
    nodes.insert(0, helper.make_node("Identity", ["X"], ["x0"]))
    nodes.append(helper.make_node("ReduceSum", ["x3", "axis"], ["total"], keepdims=1))
    nodes.append(helper.make_node("Add", ["X", "total"], ["y"]))
    return model_of(nodes, constant("times", 1, 1000), constant("axis", 1))


def nested(*, levels: int, calls: int) -> ModelProto:
    """Functions, each of which calls the one before several times."""
    functions = []
    for level in range(levels):
        inner = [("Identity", "")] if level == 0 else [(f"f{level - 1}", "own")] * calls
        names = ["a", *(f"t{i}" for i in range(len(inner) - 1)), "b"]
        nodes = [
            helper.make_node(op, [names[i]], [names[i + 1]], domain=domain)
            for i, (op, domain) in enumerate(inner)
        ]
        opsets = [helper.make_opsetid("", 18), helper.make_opsetid("own", 1)]
        functions.append(helper.make_function("own", f"f{level}", ["a"], ["b"], nodes, opsets))
    call = helper.make_node(f"f{levels - 1}", ["X"], ["y"], domain="own")
    return model_of([call], functions=tuple(functions))


def calling_itself() -> ModelProto:
    node = helper.make_node("f0", ["a"], ["b"], domain="own")
    opsets = [helper.make_opsetid("own", 1)]
    function = helper.make_function("own", "f0", ["a"], ["b"], [node], opsets)
    return model_of([helper.make_node("f0", ["X"], ["y"], domain="own")], functions=(function,))


def looping(*, trips: int | None, goes_on: bool = True) -> ModelProto:
    value = helper.make_tensor_value_info
    nodes = [helper.make_node("Add", ["x", "x"], ["x_out"])]
    if goes_on:
        nodes.append(helper.make_node("Identity", ["more"], ["more_out"]))
    else:
        nodes.append(helper.make_node("Not", ["more"], ["more_out"]))
    body: GraphProto = helper.make_graph(
        nodes,
        "body",
        [
            value("i", TensorProto.INT64, []),
            value("more", TensorProto.BOOL, []),
            value("x", TensorProto.FLOAT, ["n", 4]),
        ],
        [value("more_out", TensorProto.BOOL, []), value("x_out", TensorProto.FLOAT, ["n", 4])],
    )
    always = numpy_helper.from_array(np.array(True), "always")
    count = [] if trips is None else [numpy_helper.from_array(np.array(trips), "trips")]
    names = ["" if trips is None else "trips", "always", "X"]
    return model_of([helper.make_node("Loop", names, ["y"], body=body)], always, *count)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (huge(), r"'zeros' in the ONNX model has 1e\+12 values for a single row, more than 2\.68e"),
        (tiled(), r"'x3' in the ONNX model has 4e\+09 values for a single row"),
        (nested(levels=20, calls=4), "would have [0-9,]{13,} nodes with its functions written out"),
        (calling_itself(), "functions or branches inside each other, deeper than 64"),
        (looping(trips=2**60), r"the loop '' in the ONNX model runs 1\.15e\+18 times"),
        (looping(trips=None), "the loop '' in the ONNX model runs for ever"),
    ],
)
def test_a_bomb_is_refused_before_it_is_run(model: ModelProto, words: str) -> None:
    assert model.ByteSize() < 10_000

    with pytest.raises(PackageError, match=words):
        convert(model, ROWS, name="m", version="1.0.0")


@pytest.mark.parametrize(
    "model",
    [
        nested(levels=3, calls=4),
        looping(trips=3),
        looping(trips=None, goes_on=False),
        looping(trips=2**60, goes_on=False),
    ],
)
def test_functions_and_loops_that_end_are_taken(model: ModelProto) -> None:
    assert quietly_converted(model, ROWS).manifest.outputs[0].tensor.name == "y"
