"""Loops in a graph: rounds of arithmetic that end when an answer has settled."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper

from converters.sklearn_more.constants import Value
from converters.sklearn_more.nodes import Nodes

__all__ = ["Round"]

_ELEMENTS = {
    "bool": TensorProto.BOOL,
    "float64": TensorProto.DOUBLE,
    "int64": TensorProto.INT64,
}


class Round:
    """Collects what happens in one round of a loop, in float64; :meth:`run` writes the loop."""

    number = "number"
    """How many rounds were before: ``int64``."""

    def __init__(self) -> None:
        self._nodes: list[NodeProto] = []
        self._constants: dict[str, NDArray[np.generic]] = {}

    def __call__(self, kind: str, *inputs: Value, **attributes: int) -> str:
        """Add a node of one output; numbers are constants."""
        name = f"in_round_{len(self._nodes)}"
        node = helper.make_node(kind, [self._name_of(it) for it in inputs], [name])
        node.attribute.extend(helper.make_attribute(*pair) for pair in attributes.items())
        self._nodes.append(node)
        return name

    def cast(self, value: str, kind: str) -> str:
        """Return a tensor in another element type."""
        return self("Cast", value, to=_ELEMENTS[kind])

    def total(self, value: str) -> str:
        """Return the sum of each row of a table: ``[batch, 1]``."""
        return self("ReduceSum", value, np.array([1]), keepdims=1)

    def whole(self, value: str) -> str:
        """Return the sum of everything, a single number."""
        return self("ReduceSum", value, keepdims=0)

    def column(self, value: str, index: int) -> str:
        """Return one column of a table: ``[batch, 1]``."""
        return self("Gather", value, np.array([index]), axis=1)

    def run(
        self,
        nodes: Nodes,
        state: Mapping[str, tuple[Value, str]],
        *,
        rounds: int,
        goes_on: str,
        kept: Mapping[str, Value] | None = None,
    ) -> dict[str, str]:
        """Write the loop, and return what its state ends as, by name.

        Args:
            nodes: Where to write.
            state: What changes, by name: how it begins, and what a round makes of it.
            rounds: How many there are at most.
            goes_on: Whether there is another one, as a round has computed it.
            kept: What a round reads of outside, by name.
        """
        given = {**{name: it for name, (it, _) in state.items()}, **(kept or {})}
        made = {name: it for name, (_, it) in state.items()}
        found = {name: nodes.name(name) for name in given}
        nodes.write(
            "Loop",
            [np.int64(rounds), np.array(True), *given.values()],  # noqa: FBT003  of the graph
            list(found.values()),
            body=self._graph(list(given), made, goes_on),
        )
        return {name: found[name] for name in state}

    def _graph(self, given: Sequence[str], made: Mapping[str, str], goes_on: str) -> GraphProto:
        ends = [("goes_on", goes_on), *((f"{it}_next", made.get(it, it)) for it in given)]
        numbers = TensorProto.DOUBLE
        return helper.make_graph(
            [*self._nodes, *(helper.make_node("Identity", [it], [end]) for end, it in ends)],
            "round",
            [
                helper.make_tensor_value_info(self.number, TensorProto.INT64, []),
                helper.make_tensor_value_info("was_on", TensorProto.BOOL, []),
                *(helper.make_tensor_value_info(it, numbers, None) for it in given),
            ],
            [
                helper.make_tensor_value_info("goes_on", TensorProto.BOOL, []),
                *(helper.make_tensor_value_info(f"{it}_next", numbers, None) for it in given),
            ],
            [numpy_helper.from_array(value, name) for name, value in self._constants.items()],
        )

    def _name_of(self, value: Value) -> str:
        if isinstance(value, str):
            return value
        array = np.asarray(value)
        kind = {"b": "bool", "f": "float64"}.get(array.dtype.kind, "int64")
        name = f"constant_{len(self._constants)}"
        self._constants[name] = array.astype(kind)
        return name
