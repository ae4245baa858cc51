"""The interface of a model: its tensors, its features, what it predicts."""

import enum
from collections.abc import Sequence
from typing import Final, Self

from edge_contract.reading import JsonObject, Reader
from edge_contract.records import dataclass

__all__ = ["ELEMENT_TYPES", "Feature", "OutputRole", "OutputSpec", "Task", "TensorSpec"]

ELEMENT_TYPES: Final = (
    "float32", "float64", "float16", "int8", "int16", "int32", "int64",
    "uint8", "uint16", "uint32", "uint64", "bool", "string",
)  # fmt: skip


class Task(enum.Enum):
    """What kind of prediction a model makes."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    REGRESSION = "regression"
    OTHER = "other"


class OutputRole(enum.Enum):
    """What an output means."""

    LABEL = "label"
    """The predicted class, as the author wrote it: ``string[batch]`` or ``int64[batch]``."""
    PROBABILITIES = "probabilities"
    """``float32[batch, classes]`` from 0 to 1."""
    VALUE = "value"
    """The predicted number: ``float32[batch]`` or ``float32[batch, 1]``."""
    EMBEDDING = "embedding"
    """A vector that stands for the row: ``float32[batch, components]``."""
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output of the ONNX graph.

    Attributes:
        name: Its name in the graph.
        element_type: One of :data:`ELEMENT_TYPES`.
        shape: Length of each axis; a text names an axis that may vary, as ``batch`` does.
    """

    name: str
    element_type: str
    shape: tuple[int | str, ...]

    def __str__(self) -> str:
        """As people write it: ``float32[batch, 64]``."""
        return f"{self.element_type}[{', '.join(str(axis) for axis in self.shape)}]"

    def to_json(self) -> JsonObject:
        """Return the fields by name."""
        return {"name": self.name, "element_type": self.element_type, "shape": list(self.shape)}

    @classmethod
    def from_json(cls, reader: Reader) -> Self:
        """Read the fields; raises the reader's error."""
        return cls(
            name=reader["name"].text(max_length=300),
            element_type=reader["element_type"].text(pattern="|".join(ELEMENT_TYPES)),
            shape=tuple(_axis(axis) for axis in reader["shape"].items(max_length=16)),
        )


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """One output of the ONNX graph and what it means."""

    tensor: TensorSpec
    role: OutputRole

    def to_json(self) -> JsonObject:
        """Return the fields by name."""
        return {**self.tensor.to_json(), "role": self.role.value}

    @classmethod
    def from_json(cls, reader: Reader) -> Self:
        """Read the fields; raises the reader's error."""
        role = reader["role"].text(pattern="|".join(role.value for role in OutputRole))
        return cls(TensorSpec.from_json(reader), OutputRole(role))


@dataclass(frozen=True, slots=True)
class Feature:
    """One thing that is observed about every row that the model gets.

    Attributes:
        name: As the author wrote it, before any renaming by a converter.
        input_index: Which of the model's inputs it comes from.
        column: Its place in that input's row, after flattening all axes but the first.
        categories: What the reference held, most frequent first; empty for a number.
        is_category: Whether it is counted by category.
    """

    name: str
    input_index: int
    column: int
    is_category: bool = False
    categories: tuple[str, ...] = ()

    def to_json(self) -> JsonObject:
        """Return the fields by name."""
        return {
            "name": self.name,
            "input": self.input_index,
            "column": self.column,
            "kind": "category" if self.is_category else "number",
            "categories": list(self.categories),
        }

    @classmethod
    def from_json(cls, reader: Reader, *, inputs: Sequence[TensorSpec]) -> Self:
        """Read the fields; raises the reader's error."""
        return cls(
            name=reader["name"].text(max_length=300),
            input_index=reader["input"].integer(low=0, high=len(inputs) - 1),
            column=reader["column"].integer(low=0),
            is_category=reader["kind"].text(pattern="category|number") == "category",
            categories=tuple(
                item.text(max_length=1000) for item in reader["categories"].items(max_length=10_000)
            ),
        )


def _axis(reader: Reader) -> int | str:
    return reader.text(max_length=64) if reader.is_text else reader.integer(low=0)
