"""Golden vectors: inputs and expected outputs, run on a device before it trusts a model."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from edge_contract.errors import PackageError
from edge_contract.json_text import parse_json
from edge_contract.package.digests import canonical_json
from edge_contract.package.interface import ELEMENT_TYPES
from edge_contract.reading import JsonObject, JsonValue, Reader

__all__ = ["Golden", "GoldenTensor"]

_FLOAT_TYPES: Final = ("float32", "float64", "float16")


@dataclass(frozen=True, slots=True)
class GoldenTensor:
    """A small tensor in plain Python.

    Attributes:
        element_type: As in a :class:`TensorSpec`.
        shape: Length of every axis.
        values: Row by row, flat. NaN and infinities are the texts ``nan``, ``inf`` and ``-inf``.
    """

    element_type: str
    shape: tuple[int, ...]
    values: tuple[JsonValue, ...]

    def to_json(self) -> JsonObject:
        """Return the fields by name."""
        return {
            "element_type": self.element_type,
            "shape": list(self.shape),
            "values": list(self.values),
        }

    @classmethod
    def from_json(cls, reader: Reader) -> Self:
        """Read the fields; raises the reader's error if values and shape do not fit."""
        element_type = reader["element_type"].text(pattern="|".join(ELEMENT_TYPES))
        shape = tuple(reader["shape"].integers(max_length=16))
        values = reader["values"].json_list()
        size = math.prod(shape)
        if len(values) != size or not all(_fits(value, element_type) for value in values):
            raise reader["values"].refused(f"{size} values of type {element_type}")
        return cls(element_type, shape, tuple(values))


@dataclass(frozen=True, slots=True)
class Golden:
    """Inputs by name, the outputs that they must give, and how close is close enough.

    An output ``y`` passes against ``expected`` if ``|y - expected| <= absolute + relative *
    |expected|``; texts and whole numbers must be equal.
    """

    inputs: Mapping[str, GoldenTensor]
    outputs: Mapping[str, GoldenTensor]
    relative: float = 1e-3
    absolute: float = 1e-5

    def to_bytes(self) -> bytes:
        """Return ``golden.json``."""
        return canonical_json(
            {
                "inputs": {name: tensor.to_json() for name, tensor in self.inputs.items()},
                "outputs": {name: tensor.to_json() for name, tensor in self.outputs.items()},
                "relative": self.relative,
                "absolute": self.absolute,
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read ``golden.json``.

        Raises:
            PackageError: It is no JSON, or a field is wrong.
        """
        try:
            reader = Reader(parse_json(data), "golden", PackageError)
        except ValueError as error:
            raise PackageError(f"golden vectors are not readable JSON: {error}") from error
        return cls(
            inputs={k: GoldenTensor.from_json(v) for k, v in reader["inputs"].fields().items()},
            outputs={k: GoldenTensor.from_json(v) for k, v in reader["outputs"].fields().items()},
            relative=reader["relative"].number(low=0.0),
            absolute=reader["absolute"].number(low=0.0),
        )


def _fits(value: JsonValue, element_type: str) -> bool:
    """Return whether ``value`` can stand in a tensor of that type."""
    match value:
        case bool():
            return element_type == "bool"
        case str():
            return element_type == "string" or (
                element_type in _FLOAT_TYPES and value in ("nan", "inf", "-inf")
            )
        case int():
            return element_type not in ("bool", "string") and -(2**63) <= value < 2**64
        case float():
            return element_type in _FLOAT_TYPES and math.isfinite(value)
        case _:
            return False
