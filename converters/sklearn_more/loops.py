"""Loops in a graph: rounds of arithmetic that end when an answer has settled."""

from collections.abc import Mapping

import numpy as np

from converters.sklearn_more.bodies import Body, Port
from converters.sklearn_more.constants import Value
from converters.sklearn_more.nodes import Nodes

__all__ = ["Round"]


class Round(Body):
    """Collects what happens in one round of a loop, in float64; :meth:`run` writes the loop."""

    number = "number"
    """How many rounds were before: ``int64``."""

    was_on = "was_on"
    """True."""

    def __init__(self) -> None:
        super().__init__("in_round")

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
        inside = self.graph(
            [
                Port(self.number, "int64", []),
                Port(self.was_on, "bool", []),
                *(Port(name, "float64") for name in given),
            ],
            [
                Port(goes_on, "bool", []),
                *(Port(made.get(name, name), "float64") for name in given),
            ],
        )
        nodes.write(
            "Loop",
            [np.int64(rounds), np.array(True), *given.values()],  # noqa: FBT003  of the graph
            list(found.values()),
            body=inside,
        )
        return {name: found[name] for name in state}
