"""Graphs inside of nodes: what happens in a round of a loop, or to one of many rows."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from onnx import (
    GraphProto,
    NodeProto,
    TensorProto,
    ValueInfoProto,
    helper,
    numpy_helper,
)

from converters.sklearn_more.constants import Value

__all__ = ["Body", "Port"]

_ELEMENTS: Final = {
    "bool": TensorProto.BOOL,
    "float64": TensorProto.DOUBLE,
    "int64": TensorProto.INT64,
    "string": TensorProto.STRING,
}


class Port(NamedTuple):
    """What goes in or out.

    Attributes:
        value: Its name inside.
        kind: Its element type.
        shape: ``None`` if it is not known.
    """

    value: str
    kind: str
    shape: Sequence[int | None] | None = None


class Body:
    """Collects nodes and constants; every call returns the name of what it computed.

    Args:
        name: Of the graph; graphs inside of each other need different ones.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._nodes: list[NodeProto] = []
        self._constants: list[TensorProto] = []

    def __call__(self, kind: str, *inputs: Value, domain: str = "", **attributes: object) -> str:
        """Add a node of one output; numbers are constants of float64 or int64."""
        name = f"{self._name}_{len(self._nodes)}"
        given = [self._name_of(it) for it in inputs]
        node = helper.make_node(kind, given, [name], domain=domain)
        node.attribute.extend(helper.make_attribute(*pair) for pair in attributes.items())
        self._nodes.append(node)
        return name

    def cast(self, value: str, kind: str) -> str:
        """Return a tensor in another element type."""
        return self("Cast", value, to=_ELEMENTS[kind])

    def flat(self, value: str) -> str:
        """Return all values of a tensor in a row: ``[values]``."""
        return self("Reshape", value, np.array([-1]))

    def graph(self, inputs: Sequence[Port], outputs: Sequence[Port]) -> GraphProto:
        """Return the graph; outputs get names of their own."""
        ends = [f"{self._name}_end_{place}" for place in range(len(outputs))]
        last = [
            helper.make_node("Identity", [it.value], [end])
            for end, it in zip(ends, outputs, strict=True)
        ]
        return helper.make_graph(
            [*self._nodes, *last],
            self._name,
            [_info(it.value, it) for it in inputs],
            [_info(end, it) for end, it in zip(ends, outputs, strict=True)],
            self._constants,
        )

    def _name_of(self, value: Value) -> str:
        if isinstance(value, str):
            return value
        array = np.asarray(value)
        kind = {"b": "bool", "f": "float64", "O": "object"}.get(array.dtype.kind, "int64")
        name = f"{self._name}_constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(array.astype(kind), name))
        return name


def _info(name: str, port: Port) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, _ELEMENTS[port.kind], port.shape)
