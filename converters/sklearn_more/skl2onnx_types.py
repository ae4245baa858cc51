"""What skl2onnx hands to converters, as far as ours use it; it publishes no types itself."""

from collections.abc import Sequence
from typing import Final, Protocol

from skl2onnx.common.data_types import (
    DoubleTensorType,
    FloatTensorType,
    Int64TensorType,
    StringTensorType,
)

__all__ = [
    "Container",
    "Operator",
    "Scope",
    "Variable",
    "gets_texts",
    "gets_whole_numbers",
    "number_type_of",
    "set_width",
    "width_of",
]

_WIDTH: Final = "edgefleet_width"


class Variable(Protocol):
    """A tensor between operators, as skl2onnx sees it."""

    onnx_name: str
    full_name: str
    type: object
    operators_inputs_: "list[Operator]"

    def set_type(self, new_type: object) -> None:
        """Say what it holds."""
        ...


class Operator(Protocol):
    """An estimator in skl2onnx's graph."""

    onnx_name: str
    type: str
    inputs: list[Variable]
    outputs: list[Variable]
    raw_operator: object


class Scope(Protocol):
    """Where skl2onnx keeps names and options."""

    operators: dict[str, Operator]

    def get_unique_variable_name(self, seed: str) -> str:
        """Return a name that no tensor has."""
        ...

    def get_unique_operator_name(self, seed: str) -> str:
        """Return a name that no node has."""
        ...

    def declare_local_variable(self, raw_name: str, type: object) -> Variable:  # noqa: A002
        """Return a new tensor."""
        ...

    def declare_local_operator(self, type: str, raw_model: object) -> "Operator":  # noqa: A002
        """Return a new operator."""
        ...

    def add_options(self, model_id: int, options: dict[str, bool]) -> None:
        """Set options of one estimator."""
        ...


class Container(Protocol):
    """Where skl2onnx keeps nodes and constants."""

    def add_node(
        self, op_type: str, inputs: list[str], outputs: list[str], **attributes: object
    ) -> None:
        """Add a node."""
        ...

    def add_initializer(
        self, name: str, onnx_type: int, shape: Sequence[int], content: Sequence[object]
    ) -> None:
        """Add a constant."""
        ...

    def add_options(self, model_id: int, options: dict[str, bool]) -> None:
        """Set options of one estimator; skl2onnx keeps them here, too."""
        ...

    def get_options(self, model: object, *, fail: bool) -> dict[str, object]:
        """Return options of one estimator."""
        ...


def number_type_of(operator: Operator) -> type:
    """Return the type of numbers that an operator's output has: float64 if an input has it."""
    is_wide = any(isinstance(given.type, DoubleTensorType) for given in operator.inputs)
    kind: type = DoubleTensorType if is_wide else FloatTensorType
    return kind


def gets_texts(operator: Operator) -> bool:
    """Whether an operator's inputs are texts."""
    return isinstance(operator.inputs[0].type, StringTensorType)


def gets_whole_numbers(operator: Operator) -> bool:
    """Whether all of an operator's inputs are whole numbers."""
    return all(isinstance(given.type, Int64TensorType) for given in operator.inputs)


def set_width(variable: Variable, width: int) -> None:
    """Keep how many columns a tensor has, which skl2onnx forgets where it is computed."""
    setattr(variable, _WIDTH, width)
    variable.set_type(type(variable.type)([None, width]))  # type: ignore[call-arg]  # of skl2onnx


def width_of(variable: Variable) -> int | None:
    """Return how many columns a tensor has; ``None`` if nobody knows."""
    kept: object = getattr(variable, _WIDTH, None)
    if isinstance(kept, int):
        return kept
    shape: object = getattr(variable.type, "shape", None)
    width = shape[1] if isinstance(shape, list | tuple) and len(shape) > 1 else None
    return width if isinstance(width, int) else None
