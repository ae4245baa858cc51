"""Looks a model over before onnxruntime sees a byte of it.

onnxruntime trusts what it is given: a file of some hundred bytes makes it write out functions until
the memory is full, reserve terabytes, or run a loop for ever, and one that names other files makes
it read those. What is found here is found without running anything, in the time that it takes to
read the file. Sizes that only come out of a calculation are not found: they take a trial in a
process with limits.

The format: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

import math
from collections import ChainMap
from typing import Final

from edge_contract.errors import PackageError
from edge_contract.onnx_file.limits import ModelLimits
from edge_contract.onnx_file.operators import OPERATORS
from edge_contract.onnx_file.protobuf import Field, Fields, Runs
from edge_contract.onnx_file.steps import Numbers, Step, known_numbers, values_asked_for
from edge_contract.onnx_file.tensors import read_tensor
from edge_contract.records import dataclass, field

__all__ = ["require_safe_model"]

_MODEL_GRAPH, _MODEL_TRAINING, _MODEL_FUNCTION = 7, 20, 25
_GRAPH_NODE, _GRAPH_TENSOR, _GRAPH_SPARSE = 1, 5, 15
_GRAPH_INPUT, _GRAPH_OUTPUT, _GRAPH_VALUE = 11, 12, 13
_NODE_INPUT, _NODE_OUTPUT, _NODE_OPERATOR, _NODE_ATTRIBUTE, _NODE_DOMAIN = 1, 2, 4, 5, 7
_SMALL_ATTRIBUTE_BYTES: Final = 1_024
_MANY: Final = Runs(floats=(7,), integers=(8,), texts=(9,))


def require_safe_model(model: bytes, *, what: str, limits: ModelLimits | None = None) -> None:
    """Return if nothing stands in an ONNX file that could harm the machine which runs it.

    Args:
        model: The file.
        what: Whose it is, for messages.
        limits: Other than usual.

    Raises:
        PackageError: It is damaged; it names other files; it has functions of its own, unknown
            operators, too many steps, graphs too deep inside each other, tensors that are larger
            than it has bytes for or than a device could hold, or loops without end.
    """
    bounds = limits or ModelLimits()
    _Inspection(Fields(model, what=what, most=bounds.parts), what, bounds).model()


@dataclass(slots=True)
class _Graph:
    """What is known of a graph once it was read."""

    known: ChainMap[str, Numbers]
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    copies: dict[str, str] = field(default_factory=dict)
    """Tensors that are nothing but another one, by name."""

    @property
    def goes_on(self) -> bool:
        """Whether the condition that the body of a loop gives back is always true."""
        if not self.outputs or len(self.inputs) < 2:
            return False
        name, seen = self.outputs[0], set[str]()
        while name in self.copies and name not in seen:
            seen.add(name)
            name = self.copies[name]
        return name == self.inputs[1] or any(self.known.get(name, ()))


class _Inspection:
    """The look at one file."""

    def __init__(self, fields: Fields, what: str, limits: ModelLimits) -> None:
        self._fields = fields
        self._what = what
        self._limits = limits
        self._nodes = 0

    def model(self) -> None:
        graph: Field | None = None
        for it in self._fields.within(self._fields.whole()):
            if it.number == _MODEL_GRAPH:
                self._require_first(graph, "graph")
                graph = it
            elif it.number == _MODEL_FUNCTION:
                raise PackageError(
                    f"{self._what} has functions of its own, which can call each other until there "
                    "are more steps than memory: write them out (onnx.inliner)"
                )
            elif it.number == _MODEL_TRAINING:
                raise PackageError(f"{self._what} holds a training step: export it for inference")
        if graph is None:
            raise PackageError(f"{self._what} is no ONNX file: it holds no graph")
        self._graph(graph, ChainMap(), depth=0)

    def _graph(self, place: Field, outer: ChainMap[str, Numbers], *, depth: int) -> _Graph:
        if depth > self._limits.depth:
            raise PackageError(
                f"{self._what} has graphs inside each other, deeper than {self._limits.depth}: "
                "export it again without them"
            )
        graph = _Graph(outer.new_child())
        nodes: list[Field] = []
        for it in self._fields.within(place):
            if it.number == _GRAPH_NODE:
                self._count_node()
                nodes.append(it)
            elif it.number == _GRAPH_TENSOR:
                tensor = read_tensor(self._fields, it, what=self._what)
                self._require_size(math.prod(tensor.axes), tensor.name)
                if tensor.numbers is not None:
                    graph.known[tensor.name] = tensor.numbers
            elif it.number in (_GRAPH_INPUT, _GRAPH_OUTPUT, _GRAPH_VALUE):
                name = self._value(it)
                if it.number != _GRAPH_VALUE:
                    (graph.inputs if it.number == _GRAPH_INPUT else graph.outputs).append(name)
            elif it.number == _GRAPH_SPARSE:
                raise self._sparse()
        for node in nodes:
            self._node(node, graph, depth=depth)
        return graph

    def _count_node(self) -> None:
        self._nodes += 1
        if self._nodes > self._limits.nodes:
            raise PackageError(
                f"{self._what} has more than {self._limits.nodes:,} steps: it is damaged, or made "
                "to fill the memory"
            )

    def _value(self, place: Field) -> str:
        """Look at a ``ValueInfoProto``, and return its name."""
        name, size = "", 1
        for it in self._fields.within(place):
            if it.number == 1:
                name = self._fields.text(it)
            elif it.number == 2:
                size = self._declared_size(it)
        self._require_size(size, name)
        return name

    def _declared_size(self, place: Field) -> int:
        """Return how many values a ``TypeProto`` says for one row: unknown axes count as 1."""
        size = 1
        fields = self._fields
        for kind in fields.within(place):
            if kind.number != 1:  # no tensor
                continue
            for part in fields.within(kind):
                if part.number != 2:  # not the shape
                    continue
                for axis in fields.within(part):
                    for it in fields.within(axis):
                        if it.number == 1 and it.is_number:
                            size *= max(it.value, 1)
        return size

    def _node(self, place: Field, graph: _Graph, *, depth: int) -> None:
        step = Step()
        named: Field | None = None
        owned: Field | None = None
        bodies: list[_Graph] = []
        for it in self._fields.within(place):
            if it.number == _NODE_INPUT:
                step.inputs.append(self._fields.text(it))
            elif it.number == _NODE_OUTPUT:
                step.outputs.append(self._fields.text(it))
            elif it.number == _NODE_OPERATOR:
                self._require_first(named, "operator")
                named, step.operator = it, self._fields.text(it)
            elif it.number == _NODE_DOMAIN:
                self._require_first(owned, "domain")
                owned, step.domain = it, self._fields.text(it)
            elif it.number == _NODE_ATTRIBUTE:
                bodies.extend(self._attribute(it, step, graph, depth=depth))
        self._require_known_operator(step)
        self._require_size(values_asked_for(step, graph.known), next(iter(step.outputs), ""))
        if step.operator == "Loop":
            self._require_end(step, graph, bodies)
        numbers = known_numbers(step, graph.known)
        if step.outputs and numbers is not None:
            graph.known[step.outputs[0]] = numbers
        if step.operator in ("Identity", "Cast") and step.inputs and step.outputs:
            graph.copies[step.outputs[0]] = step.inputs[0]

    def _attribute(self, place: Field, step: Step, graph: _Graph, *, depth: int) -> list[_Graph]:
        """Keep an attribute's numbers, and return the graphs that it holds."""
        is_small = place.end - place.value <= _SMALL_ATTRIBUTE_BYTES
        name, numbers, bodies = "", list[float](), list[_Graph]()
        for it in self._fields.within(place, runs=None if is_small else _MANY):
            if it.number == 1:
                name = self._fields.text(it)
            elif it.number in (3, 8) and is_small:
                numbers.extend(self._fields.numbers(it))
            elif it.number in (5, 10):
                tensor = read_tensor(self._fields, it, what=self._what)
                self._require_size(math.prod(tensor.axes), name)
                numbers.extend(tensor.numbers or ())
            elif it.number in (6, 11):
                bodies.append(self._graph(it, graph.known, depth=depth + 1))
            elif it.number in (22, 23):
                raise self._sparse()
        if numbers:
            step.numbers[name] = tuple(numbers)
        return bodies

    def _require_known_operator(self, step: Step) -> None:
        if step.operator in OPERATORS.get(step.domain, ()):
            return
        whose = f"of domain {step.domain!r}" if step.domain else "of the ONNX standard"
        raise PackageError(
            f"{self._what} uses {step.operator!r} {whose}, which is not among the operators that "
            "devices run: export it with those of ONNX, ONNX-ML, or onnxruntime's quantizer"
        )

    def _require_size(self, size: float, name: str) -> None:
        if size > self._limits.values:
            raise PackageError(
                f"{name!r} in {self._what} has {size:.3g} values for a single row, more than "
                f"{self._limits.values:.3g}: no device could run it"
            )

    def _require_end(self, step: Step, graph: _Graph, bodies: list[_Graph]) -> None:
        """Refuse a loop that goes on too often whatever is fed to the model."""
        trips, condition = (graph.known.get(step.input(at)) for at in (0, 1))
        if trips is not None and max(trips, default=0.0) <= self._limits.trips:
            return
        if trips is None and step.input(0):  # calculated
            return
        if condition is not None and not any(condition):  # it does not begin
            return
        if not all(body.goes_on for body in bodies):
            return
        times = "for ever" if trips is None else f"{max(trips):.3g} times"
        raise PackageError(f"a loop in {self._what} runs {times}: no device could run it")

    def _require_first(self, before: Field | None, part: str) -> None:
        if before is not None:
            raise PackageError(
                f"{self._what} names the {part} of something twice, so that readers see different "
                "things: it is made to mislead; export it again"
            )

    def _sparse(self) -> PackageError:
        return PackageError(
            f"{self._what} holds sparse tensors, whose size says nothing about the memory that "
            "they take: save them as dense ones"
        )
