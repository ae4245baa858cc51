"""Probabilities of classes from those of their pairs, as libsvm finds them.

libsvm goes round the classes until the answer hardly changes (Wu, Lin and Weng, 2004, their second
method). It stops early, so that its answer depends on the round in which it stops: to say the same,
the rounds have to be the same.
"""

from itertools import combinations
from typing import Final

import numpy as np
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper

from converters.sklearn_more.nodes import Nodes

__all__ = ["coupled"]

_MIN_ROUNDS: Final = 100
_TOLERANCE: Final = 0.005
_LEAST: Final = 1e-7
"""Of a pair: libsvm is never surer than this."""
_LAST: Final = np.array([2])
_GOES_ON: Final = np.array(True)  # noqa: FBT003  a value of the graph


def coupled(nodes: Nodes, pairs: str, count: int) -> str:
    """Return probabilities of classes: ``float64[batch, count]``.

    Args:
        nodes: Where to write.
        pairs: The probability that the first one wins, for each pair of classes in their order:
            ``float64[batch, pairs]``.
        count: How many classes there are, 2 or more.
    """
    inside = nodes("Min", nodes("Max", pairs, _LEAST), 1.0 - _LEAST)
    nothing = nodes.for_every_row(np.zeros((1, 1)))
    both = nodes("Concat", inside, nodes("Sub", 1.0, inside), nothing, axis=1)
    shape = np.array([0, count, count])
    wins = nodes("Reshape", nodes.columns(both, _places(count, reverse=False)), shape)
    losses = nodes("Reshape", nodes.columns(both, _places(count, reverse=True)), shape)
    own = nodes("Unsqueeze", nodes.total(nodes("Mul", losses, losses), axis=2, keep=False), _LAST)
    table = nodes("Sub", nodes("Mul", own, np.eye(count)), nodes("Mul", wins, losses))
    shares = nodes.for_every_row(np.full((1, count), 1.0 / count))
    found = nodes.name("coupled")
    nodes.write(
        "Loop",
        [np.int64(max(_MIN_ROUNDS, count)), _GOES_ON, shares, table],
        [found, nodes.name("settled")],
        body=_round(count),
    )
    return found


def _places(count: int, *, reverse: bool) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """Return where each pair of a square stands: among the first's wins, its losses, or zeros."""
    pairs = list(combinations(range(count), 2))
    square = np.full((count, count), 2 * len(pairs))
    for place, (one, other) in enumerate(pairs):
        square[one, other], square[other, one] = place, place + len(pairs)
    return (square.T if reverse else square).ravel().astype(np.int64)


class _Body:
    """Collects the nodes of a round."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants = {
            "one": np.array(1.0),
            "two": np.array(2.0),
            "first": np.array([1]),
            "last": np.array([2]),
        }

    def __call__(self, kind: str, *inputs: str, **attributes: int) -> str:
        name = f"in_round_{len(self.nodes)}"
        node = helper.make_node(kind, list(inputs), [name])
        node.attribute.extend(helper.make_attribute(*pair) for pair in attributes.items())
        self.nodes.append(node)
        return name

    def total(self, value: str) -> str:
        return self("ReduceSum", value, "first", keepdims=1)


def _round(count: int) -> GraphProto:
    """Return a round over all classes; rows that have settled keep what they have."""
    body = _Body()
    column = body("MatMul", "table", body("Unsqueeze", "shares", "last"))
    slopes = body("Squeeze", column, "last")
    mean = body.total(body("Mul", "shares", slopes))
    off = body("ReduceMax", body("Abs", body("Sub", slopes, mean)), "first", keepdims=1)
    body.constants["tolerance"] = np.array(_TOLERANCE / count)
    is_moving = body("GreaterOrEqual", off, "tolerance")
    shares = "shares"
    for place in range(count):
        shares, slopes, mean = _step(body, place, count, (shares, slopes, mean))
    body.nodes.append(helper.make_node("Where", [is_moving, shares, "shares"], ["shares_next"]))
    body.nodes.append(helper.make_node("Identity", ["table"], ["table_next"]))
    moving = body("ReduceSum", body("Cast", is_moving, to=TensorProto.INT64), keepdims=0)
    body.constants["none"] = np.array(0)
    body.nodes.append(helper.make_node("Greater", [moving, "none"], ["is_on"]))
    float64 = TensorProto.DOUBLE
    square = helper.make_tensor_value_info("table", float64, [None, count, count])
    return helper.make_graph(
        body.nodes,
        "round",
        [
            helper.make_tensor_value_info("number", TensorProto.INT64, []),
            helper.make_tensor_value_info("was_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("shares", float64, [None, count]),
            square,
        ],
        [
            helper.make_tensor_value_info("is_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("shares_next", float64, [None, count]),
            helper.make_tensor_value_info("table_next", float64, [None, count, count]),
        ],
        [numpy_helper.from_array(value, name) for name, value in body.constants.items()],
    )


def _step(
    body: _Body, place: int, count: int, before: tuple[str, str, str]
) -> tuple[str, str, str]:
    """Return shares, slopes and their mean after the share of one class was corrected."""
    shares, slopes, mean = before
    unit, index = f"unit_{place}", f"place_{place}"
    body.constants[unit] = np.eye(count)[place : place + 1]
    body.constants[index] = np.array([place])
    slope = body("Gather", slopes, index, axis=1)
    row = body("Squeeze", body("Gather", "table", index, axis=1), "first")
    own = body("Gather", row, index, axis=1)
    change = body("Div", body("Sub", mean, slope), own)
    scale = body("Add", change, "one")
    twice = body("Mul", slope, "two")
    grown = body("Add", mean, body("Mul", change, body("Add", body("Mul", change, own), twice)))
    mean = body("Div", body("Div", grown, scale), scale)
    slopes = body("Div", body("Add", slopes, body("Mul", change, row)), scale)
    shares = body("Div", body("Add", shares, body("Mul", change, unit)), scale)
    return shares, slopes, mean
