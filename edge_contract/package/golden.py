"""Golden vectors: inputs and expected outputs, run on a device before it trusts a model."""

import math
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Final, Self

from edge_contract.errors import PackageError
from edge_contract.json_text import parse_json
from edge_contract.package.digests import canonical_json
from edge_contract.package.interface import ELEMENT_TYPES
from edge_contract.reading import JsonObject, JsonValue, Reader
from edge_contract.records import dataclass, field, replace

__all__ = ["Golden", "GoldenTensor", "GoldenVariant"]

_MAX_VARIANTS: Final = 16
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

    def taken(self, rows: Sequence[int]) -> Self:
        """Return some of the rows; raises ``PackageError`` if one of them is not there."""
        total = self.shape[0] if self.shape else 0
        if not all(0 <= row < total for row in rows):
            raise PackageError(
                f"golden vectors of a variant speak of rows {list(rows)}, there are {total}"
            )
        width = math.prod(self.shape[1:])
        parts = (self.values[row * width : (row + 1) * width] for row in rows)
        shape = (len(rows), *self.shape[1:])
        return replace(self, shape=shape, values=tuple(chain.from_iterable(parts)))


@dataclass(frozen=True, slots=True)
class GoldenVariant:
    """What a variant of the model must give for the same inputs.

    Attributes:
        rows: Of the golden inputs, those that the variant is checked on, in their order; rows so
            near a decision boundary that rounding could move them over it are not among them.
        outputs: What it gives for these rows.
        absolute: In place of the exact model's, by output: as far as the variant is from the exact
            model, because another processor may round each of its small numbers the other way.
    """

    rows: tuple[int, ...]
    outputs: Mapping[str, GoldenTensor]
    absolute: Mapping[str, float]

    def to_json(self) -> JsonObject:
        """Return the fields by name."""
        return {
            "rows": list(self.rows),
            "outputs": {name: tensor.to_json() for name, tensor in self.outputs.items()},
            "absolute": dict(self.absolute),
        }

    @classmethod
    def from_json(cls, reader: Reader) -> Self:
        """Read the fields; raises the reader's error."""
        return cls(
            rows=tuple(reader["rows"].integers(max_length=10_000)),
            outputs=_tensors(reader["outputs"]),
            absolute=_tolerances(reader["absolute"]),
        )


@dataclass(frozen=True, slots=True)
class Golden:
    """Inputs by name, the outputs that they must give, and how close is close enough.

    An output ``y`` passes against ``expected`` if ``|y - expected| <= absolute + relative *
    |expected|``; texts and whole numbers must be equal.

    Attributes:
        inputs: By name; the first axis of each is the rows.
        outputs: What the exact model gives.
        relative: See above.
        absolute: See above.
        absolute_of: Where it is another for an output.
        variants: What variants of the model give, by name.
    """

    inputs: Mapping[str, GoldenTensor]
    outputs: Mapping[str, GoldenTensor]
    relative: float = 1e-3
    absolute: float = 1e-5
    absolute_of: Mapping[str, float] = field(default_factory=dict)
    variants: Mapping[str, GoldenVariant] = field(default_factory=dict)

    def of_variant(self, variant: str) -> Self:
        """Return the golden vectors that a variant must pass.

        Raises:
            PackageError: There are none, or they speak of rows that are not there.
        """
        found = self.variants.get(variant)
        if found is None or not found.rows:
            raise PackageError(
                f"there are no golden vectors for variant {variant!r}; convert the model again"
            )
        return replace(
            self,
            inputs={name: tensor.taken(found.rows) for name, tensor in self.inputs.items()},
            outputs=found.outputs,
            absolute_of=found.absolute,
            variants={},
        )

    def to_bytes(self) -> bytes:
        """Return ``golden.json``; what only variants need is left out where there are none."""
        fields: dict[str, JsonValue] = {
            "inputs": {name: tensor.to_json() for name, tensor in self.inputs.items()},
            "outputs": {name: tensor.to_json() for name, tensor in self.outputs.items()},
            "relative": self.relative,
            "absolute": self.absolute,
        }
        if self.absolute_of:
            fields["absolute_of"] = dict(self.absolute_of)
        if self.variants:
            fields["variants"] = {name: it.to_json() for name, it in self.variants.items()}
        return canonical_json(fields)

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
        absolute_of, variants = reader.get("absolute_of"), reader.get("variants")
        return cls(
            inputs=_tensors(reader["inputs"]),
            outputs=_tensors(reader["outputs"]),
            relative=reader["relative"].number(low=0.0),
            absolute=reader["absolute"].number(low=0.0),
            absolute_of={} if absolute_of is None else _tolerances(absolute_of),
            variants={} if variants is None else _variants(variants),
        )


def _variants(reader: Reader) -> dict[str, GoldenVariant]:
    named = reader.fields(max_length=_MAX_VARIANTS)
    return {name: GoldenVariant.from_json(value) for name, value in named.items()}


def _tolerances(reader: Reader) -> dict[str, float]:
    return {name: value.number(low=0.0) for name, value in reader.fields().items()}


def _tensors(reader: Reader) -> dict[str, GoldenTensor]:
    return {name: GoldenTensor.from_json(value) for name, value in reader.fields().items()}


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
