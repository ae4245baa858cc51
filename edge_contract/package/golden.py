"""Golden vectors: inputs and expected outputs, run on a device before it trusts a model."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from edge_contract.errors import PackageError
from edge_contract.package.digests import canonical_json
from edge_contract.package.interface import ELEMENT_TYPES
from edge_contract.reading import JsonObject, JsonValue, Reader

__all__ = ["Golden", "GoldenTensor"]


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
        shape = tuple(reader["shape"].integers(max_length=16))
        values = tuple(reader["values"].json_list())
        size = 1
        for axis in shape:
            size *= axis
        if size != len(values):
            raise reader["values"].refused(f"{size} values for shape {list(shape)}")
        return cls(reader["element_type"].text(pattern="|".join(ELEMENT_TYPES)), shape, values)


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
            reader = Reader(json.loads(data), "golden", PackageError)
        except (ValueError, RecursionError) as error:
            raise PackageError(f"golden vectors are not readable JSON: {error}") from error
        return cls(
            inputs={k: GoldenTensor.from_json(v) for k, v in reader["inputs"].fields().items()},
            outputs={k: GoldenTensor.from_json(v) for k, v in reader["outputs"].fields().items()},
            relative=reader["relative"].number(low=0.0),
            absolute=reader["absolute"].number(low=0.0),
        )
