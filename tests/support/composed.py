"""ONNX graphs to stand before and after a model of four columns and two classes."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper
from sklearn.linear_model import LogisticRegression

__all__ = ["calibrating", "fitted", "graph_of", "halving", "raw_rows"]


def graph_of(
    nodes: Sequence[NodeProto],
    inputs: Sequence[tuple[str, int, Sequence[str | int]]],
    outputs: Sequence[tuple[str, int, Sequence[str | int]]],
    constants: dict[str, NDArray[np.generic]],
    opset: int = 18,
) -> bytes:
    """A small model."""
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(*each) for each in inputs],
        [helper.make_tensor_value_info(*each) for each in outputs],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", opset)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    data: bytes = model.SerializeToString()
    return data


def halving(name: str = "signal", opset: int = 18) -> bytes:
    """Of eight numbers the sums of neighbours, half as large: ``signal[8]`` to ``features[4]``."""
    pairs = np.repeat(np.eye(4, dtype=np.float32), 2, axis=0) / 2
    node = helper.make_node("MatMul", [name, "weights"], ["features"])
    return graph_of(
        [node],
        [(name, TensorProto.FLOAT, ["batch", 8])],
        [("features", TensorProto.FLOAT, ["batch", 4])],
        {"weights": pairs},
        opset,
    )


def calibrating(given: str = "probabilities") -> bytes:
    """Brings probabilities half the way to even ones: ``probabilities`` to ``calibrated``."""
    nodes = [
        helper.make_node("Mul", [given, "half"], ["weights"]),
        helper.make_node("Add", ["weights", "quarter"], ["calibrated"]),
    ]
    shape: list[str | int] = ["batch", 2]
    return graph_of(
        nodes,
        [(given, TensorProto.FLOAT, shape)],
        [("calibrated", TensorProto.FLOAT, shape)],
        {"half": np.array(0.5, np.float32), "quarter": np.array(0.25, np.float32)},
    )


def raw_rows(count: int = 500) -> NDArray[np.float32]:
    """Rows of eight numbers."""
    return np.random.default_rng(4).normal(size=(count, 8)).astype(np.float32)


def fitted(rows: NDArray[np.float32]) -> tuple[LogisticRegression, NDArray[np.str_]]:
    """A model of what ``halving`` makes of rows, and their labels."""
    features = (rows[:, ::2] + rows[:, 1::2]) / 2
    truths = np.where(features.sum(axis=1) > 0, "up", "down")
    return LogisticRegression().fit(features, truths), truths
