"""How rows are fed to a converted estimator: which columns make up which ONNX input."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from converters.base import Rows, Tensors
from converters.rows import is_frame
from converters.table import Column, columns_of, numbers, texts
from edge_contract.package import Feature

__all__ = [
    "Schema",
    "SchemaInput",
    "features_of",
    "feeds_of",
    "schemas_for",
    "takes_float64",
    "why_float64",
]


@dataclass(frozen=True, slots=True)
class SchemaInput:
    """One ONNX input.

    Attributes:
        name: As skl2onnx is told; in the graph it may be spelt otherwise.
        element_type: ``float32``, ``float64``, ``int64`` or ``string``.
        columns: Indices of the columns that stand in its row.
    """

    name: str
    element_type: str
    columns: tuple[int, ...]


_COARSE: Final = 2.0**-16
_LARGEST: Final = 3.4e38

Schema: TypeAlias = tuple[SchemaInput, ...]
"""The inputs in their order."""


def schemas_for(rows: Rows, *, wide_first: bool = False) -> Iterator[Schema]:
    """Return the ways to feed rows like these, the best one first.

    One matrix is best: a device fills one tensor and not many. Estimators that choose columns by
    name need an input for each; those that tell whole numbers apart may need them as such.

    Args:
        rows: The rows.
        wide_first: Whether numbers of float64 come first; else last, for what float32 does not
            tell apart.
    """
    single = tuple(_schemas_for(rows))
    is_finer = any(_rounds(rows, place) for place in range(len(columns_of(rows))))
    wide = tuple(dict.fromkeys(filter(takes_float64, map(_widened, single)))) if is_finer else ()
    yield from (*wide, *single) if wide_first else (*single, *wide)


def why_float64(rows: Rows, *, has_jumps: bool) -> str:
    """Tell why rows should reach a model as float64; empty if float32 may do.

    Float32 rounds some columns by much beside how much they vary, because their numbers lie far
    from zero: by more than 1/65,536 of their standard deviation. Among some thousand rows, a few
    then change sides of a threshold. Where thresholds are compared with what is computed from the
    rows, numbers of training rows stand at them, and every rounding may move one over. Elsewhere,
    whole numbers can be given as such.

    Args:
        rows: The rows.
        has_jumps: Whether there are such thresholds.
    """
    for place, column in enumerate(columns_of(rows)):
        if column.is_text or not _rounds(rows, place):
            continue
        values = numbers(rows, place)
        values = values[np.abs(values) < _LARGEST]  # NaN is not
        if not len(values):
            continue
        apart = float(np.spacing(np.float32(np.median(np.abs(values)))))
        spread = float(np.std(values - values[0]))
        if apart / 2 > spread * _COARSE > 0 and (has_jumps or not column.is_whole):
            return (
                f"column {column.name!r} varies by {spread:.3g}, but numbers of float32 are "
                f"{apart:.3g} apart there"
            )
        if has_jumps and (values != values.astype(np.float32)).any():
            return (
                f"column {column.name!r} has more digits than a float32, and trees behind other "
                "steps may tell by any of them"
            )
    return ""


def takes_float64(schema: Schema) -> bool:
    """Whether a schema has inputs of float64."""
    return any(item.element_type == "float64" for item in schema)


def _widened(schema: Schema) -> Schema:
    """Return the schema with all its float32 as float64: what comes together stays together."""
    return tuple(
        replace(item, element_type="float64") if item.element_type == "float32" else item
        for item in schema
    )


def _rounds(rows: Rows, place: int) -> bool:
    """Whether float32 does not hold every number of a column's type."""
    kind = rows.iloc[:, place].dtype if is_frame(rows) else getattr(rows, "dtype", None)
    kind = getattr(kind, "numpy_dtype", kind)  # of numbers of pandas that may be missing
    return not (isinstance(kind, np.dtype) and np.can_cast(kind, np.float32))


def _schemas_for(rows: Rows) -> Iterator[Schema]:
    columns = columns_of(rows)
    every = tuple(range(len(columns)))
    texts_only = all(column.is_text for column in columns)
    if texts_only or not any(column.is_text for column in columns):
        yield (SchemaInput("X", "string" if texts_only else "float32", every),)
    if is_frame(rows):
        yield tuple(_own_input(column, i, whole="float32") for i, column in enumerate(columns))
    if any(column.is_whole for column in columns):
        if is_frame(rows):
            yield tuple(_own_input(column, i, whole="int64") for i, column in enumerate(columns))
        elif all(column.is_whole for column in columns):
            yield (SchemaInput("X", "int64", every),)


def features_of(schema: Sequence[SchemaInput], columns: Sequence[Column]) -> tuple[Feature, ...]:
    """Return what is observed: every column, under the name that the author gave it."""
    return tuple(
        Feature(columns[column].name, index, place, is_category=columns[column].is_text)
        for index, item in enumerate(schema)
        for place, column in enumerate(item.columns)
    )


def feeds_of(schema: Sequence[SchemaInput], graph_names: Sequence[str], rows: Rows) -> Tensors:
    """Return rows as tensors by the graph's input names, which are in the order of the schema."""
    tensors: Mapping[str, NDArray[np.generic]] = {
        name: _tensor(item, rows) for name, item in zip(graph_names, schema, strict=True)
    }
    return tensors


def _own_input(column: Column, index: int, *, whole: str) -> SchemaInput:
    if column.is_text:
        return SchemaInput(column.name, "string", (index,))
    return SchemaInput(column.name, whole if column.is_whole else "float32", (index,))


def _tensor(item: SchemaInput, rows: Rows) -> NDArray[np.generic]:
    if item.element_type == "string":
        return np.column_stack([texts(rows, column) for column in item.columns])
    if isinstance(rows, np.ndarray) and len(item.columns) == rows.shape[1]:
        values: NDArray[np.generic] = rows
    else:
        values = np.column_stack([numbers(rows, column) for column in item.columns])
    with np.errstate(over="ignore", invalid="ignore"):  # too large a number becomes an infinity
        return values.astype(item.element_type)
