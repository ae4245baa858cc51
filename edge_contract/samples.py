"""Samples: rows that a device kept for people to label, as they travel to the cloud.

They travel by HTTP (``PUT UPLOADS/COMMAND/DEVICE/PART``) as answers to the command
``capture-samples`` and never by themselves. A parcel holds samples of one package, so that all its
rows have the same columns; which columns those are follows from the package's manifest.
"""

import base64
import binascii
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Self, TypeAlias

from edge_contract.errors import MessageError
from edge_contract.json_text import parse_json
from edge_contract.package.manifest import Manifest
from edge_contract.reading import JsonValue, Reader

__all__ = [
    "CAPTURE",
    "MAX_PARCEL_BYTES",
    "REASONS",
    "Cell",
    "ColumnLookup",
    "SampleColumn",
    "SampleKind",
    "SampleParcel",
    "SampleRow",
    "sample_columns",
]

CAPTURE: Final = "capture-samples"
"""The command that asks for samples."""

MAX_PARCEL_BYTES: Final = 8 * 2**20
"""Largest parcel; a sample that needs more is not kept."""

REASONS: Final = ("uncertain", "disagreeing", "drifted", "random")
"""Why a row may be kept, see :mod:`edge_agent.samples.judge`."""

_MOST_ROWS: Final = 10_000
_MOST_COLUMNS: Final = 2_000
_LONGEST_ID: Final = 200
_LONGEST_TEXT: Final = 10_000

Cell: TypeAlias = float | str | bytes | tuple[float, ...] | None
"""A value of a sample: a number, a text, a picture as PNG, a whole tensor, or nothing."""


ColumnLookup: TypeAlias = Callable[[str], "Sequence[SampleColumn]"]
"""Finds the columns of a package by its digest; raises ``MessageError`` for an unknown one."""


class SampleKind:
    """What a column holds."""

    NUMBER: Final = "number"
    TEXT: Final = "text"
    PICTURE: Final = "picture"
    TENSOR: Final = "tensor"


@dataclass(frozen=True, slots=True)
class SampleColumn:
    """A column of a package's samples.

    Attributes:
        name: ``feature:NAME`` for a feature, ``input:NAME`` for a tensor of the model.
        kind: One of :class:`SampleKind`.
    """

    name: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRow:
    """A row that was kept.

    Attributes:
        prediction_id: Of this row, by which its truth will find it.
        at_unix_s: When it was predicted, by the device's clock.
        reasons: Why it was kept, of :data:`REASONS`.
        predicted: The answer, as people read it.
        score: Probability of the predicted class, or the predicted number; NaN for none.
        candidate: Version that gave another answer in the shadow; empty if none did.
        candidate_predicted: That answer.
        cells: What the model saw, one for each of :func:`sample_columns`.
    """

    prediction_id: str
    at_unix_s: float
    reasons: tuple[str, ...]
    predicted: str
    score: float
    candidate: str = ""
    candidate_predicted: str = ""
    cells: tuple[Cell, ...] = ()

    def joined(self, other: "SampleRow") -> "SampleRow":
        """Return the same row, kept for the reasons of both."""
        reasons = {*self.reasons, *other.reasons}
        return replace(
            self,
            reasons=tuple(reason for reason in REASONS if reason in reasons),
            candidate=self.candidate or other.candidate,
            candidate_predicted=self.candidate_predicted or other.candidate_predicted,
        )

    def to_json(self) -> list[JsonValue]:
        """Return the fields by position."""
        return [
            self.prediction_id,
            self.at_unix_s,
            list(self.reasons),
            self.predicted,
            _number_json(self.score),
            self.candidate,
            self.candidate_predicted,
            [_cell_json(cell) for cell in self.cells],
        ]

    @classmethod
    def from_json(cls, reader: Reader, columns: Sequence[SampleColumn]) -> Self:
        """Read the fields; raises ``MessageError`` if they do not fit the columns."""
        cells = reader[7].items(max_length=_MOST_COLUMNS)
        if len(cells) != len(columns):
            raise reader[7].refused(f"{len(columns)} values, one for each column")
        return cls(
            prediction_id=reader[0].text(max_length=_LONGEST_ID, pattern=r"[0-9A-Za-z_.-]+"),
            at_unix_s=reader[1].number(low=0.0, high=1e11),
            reasons=tuple(
                item.text(pattern="|".join(REASONS)) for item in reader[2].items(max_length=4)
            ),
            predicted=reader[3].text(max_length=_LONGEST_TEXT),
            score=_read_number(reader[4]),
            candidate=reader[5].text(max_length=80),
            candidate_predicted=reader[6].text(max_length=_LONGEST_TEXT),
            cells=tuple(
                _read_cell(cell, column.kind) for cell, column in zip(cells, columns, strict=True)
            ),
        )


@dataclass(frozen=True, slots=True)
class SampleParcel:
    """Samples of one package that leave a device together.

    Attributes:
        package: Digest of the package that predicted them.
        purpose: What they may be used for; the device's owner allowed it.
        is_last: Whether nothing more follows of this command.
        detail: For people, with the last one: what was sent and what was not.
        rows: The samples.
    """

    package: str
    purpose: str
    is_last: bool
    detail: str = ""
    rows: tuple[SampleRow, ...] = field(default=())

    def to_bytes(self) -> bytes:
        """Return it as JSON.

        Raises:
            MessageError: It is larger than :data:`MAX_PARCEL_BYTES`.
        """
        rows = [row.to_json() for row in self.rows]
        body = [1, self.package, self.purpose, self.is_last, self.detail, rows]
        data = json.dumps(body, separators=(",", ":"), allow_nan=False).encode()
        if len(data) > MAX_PARCEL_BYTES:
            raise MessageError(
                f"a parcel of samples has {len(data)} bytes, allowed are {MAX_PARCEL_BYTES}"
            )
        return data

    @classmethod
    def from_bytes(cls, data: bytes, columns_of: ColumnLookup) -> Self:
        """Read a parcel.

        Args:
            data: What came.
            columns_of: The columns of a package.

        Raises:
            MessageError: It is no such JSON, or its rows do not fit the package.
        """
        try:
            reader = Reader(parse_json(data), "parcel", MessageError)
        except ValueError as error:
            raise MessageError(f"a parcel of samples is no JSON: {error}") from error
        reader[0].integer(low=1, high=1)
        package = reader[1].text(max_length=80)
        rows = reader[5].items(max_length=_MOST_ROWS)
        columns = columns_of(package) if rows else ()
        return cls(
            package=package,
            purpose=reader[2].text(max_length=200),
            is_last=reader[3].flag(),
            detail=reader[4].text(max_length=2000),
            rows=tuple(SampleRow.from_json(row, columns) for row in rows),
        )


def sample_columns(manifest: Manifest) -> tuple[SampleColumn, ...]:
    """Return the columns of a package's samples, in order.

    An input whose numbers all are features has a column for each of them, a picture has one of PNG
    files, and any other input one of its numbers in a row.
    """
    found: list[SampleColumn] = []
    for index, spec in enumerate(manifest.inputs):
        if manifest.image is not None and manifest.image.tensor == spec.name:
            found.append(SampleColumn(f"input:{spec.name}", SampleKind.PICTURE))
            continue
        features = [each for each in manifest.features if each.input_index == index]
        size = math.prod(axis for axis in spec.shape[1:] if isinstance(axis, int))
        is_fixed = all(isinstance(axis, int) for axis in spec.shape[1:])
        if is_fixed and len(features) == size <= _MOST_COLUMNS:
            kind = SampleKind.TEXT if spec.element_type == "string" else SampleKind.NUMBER
            found += [SampleColumn(f"feature:{each.name}", kind) for each in features]
        elif spec.element_type == "string":
            found += [SampleColumn(f"feature:{each.name}", SampleKind.TEXT) for each in features]
        else:
            found.append(SampleColumn(f"input:{spec.name}", SampleKind.TENSOR))
    return tuple(found)


def _number_json(value: float) -> JsonValue:
    """JSON has no infinities and no NaN: those are texts, and null."""
    if math.isfinite(value):
        return value
    return None if math.isnan(value) else str(value)


def _cell_json(cell: Cell) -> JsonValue:
    match cell:
        case float() | int():
            return _number_json(cell)
        case bytes():
            return base64.b64encode(cell).decode()
        case tuple():
            return [_number_json(value) for value in cell]
        case _:
            return cell


def _read_number(reader: Reader) -> float:
    if reader.is_null:
        return math.nan
    if reader.is_text:
        return float(reader.text(pattern="-?inf"))
    return reader.number()


def _read_cell(reader: Reader, kind: str) -> Cell:
    if kind == SampleKind.NUMBER:
        return _read_number(reader)
    if kind == SampleKind.TENSOR:
        return tuple(_read_number(item) for item in reader.items())
    if reader.is_null:
        return None
    if kind == SampleKind.TEXT:
        return reader.text(max_length=_LONGEST_TEXT)
    try:
        return base64.b64decode(reader.text(max_length=MAX_PARCEL_BYTES), validate=True)
    except binascii.Error as error:
        raise reader.refused("a picture in base64") from error
