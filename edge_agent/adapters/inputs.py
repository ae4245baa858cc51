"""Turns what callers have (arrays, lists, columns, DataFrames) into the model's tensors."""

from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, TypeAlias

import numpy as np

from edge_agent.adapters.frames import columns_of, values_in
from edge_agent.adapters.input_tensors import InputTensors, row_size
from edge_agent.adapters.values import RowError, is_missing, without_masks
from edge_agent.adapters.wording import described, shortened
from edge_contract.errors import UsageError
from edge_contract.package import Manifest
from edge_contract.stats.text_hash import category_code

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_agent.adapters.pictures import Pictures

__all__ = ["Encoded", "InputEncoder", "Rows"]


class _Frame(Protocol):
    """A DataFrame of pandas or polars, by shape."""

    @property
    def columns(self) -> Iterable[object]: ...
    def __getitem__(self, column: str, /) -> object: ...
    def __len__(self) -> int: ...


_Path: TypeAlias = "PathLike[str]"


class _Stream(Protocol):
    """Whatever hands out an Arrow stream."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object: ...


class _Interchange(Protocol):
    """Whatever speaks the DataFrame interchange protocol."""

    def __dataframe__(self, *, nan_as_null: bool = False, allow_copy: bool = True) -> object: ...


_Table: TypeAlias = "_Frame | _Stream | _Interchange"

Rows: TypeAlias = "NDArray[np.generic] | Sequence[object] | Mapping[str, object] | _Table | _Path"
"""What ``predict`` takes: rows as an array or nested lists, one row, columns by name, or a table of
pandas, polars, Arrow, or of whatever hands out an Arrow stream (``__arrow_c_stream__``); of a model
that takes pictures, files of them as bytes or paths."""

_Array: TypeAlias = "NDArray[np.generic]"

_FLOAT: Final = np.dtype(np.float32)  # comparing with np.float32 itself takes five times as long


class Encoded(NamedTuple):
    """Rows as the model wants them.

    Attributes:
        feeds: Tensor by input name.
        observed: ``float32[rows, features]``: what statistics count.
        rows: How many.
    """

    feeds: "dict[str, NDArray[np.generic]]"
    observed: "NDArray[np.float32]"
    rows: int


class InputEncoder:
    """Validates and converts rows for one model, by feature name where there are names.

    Args:
        manifest: Of the model.
        salt: Of the fleet, for hashing unknown categories.
    """

    def __init__(self, manifest: Manifest, *, salt: str = "") -> None:
        self._manifest = manifest
        self._salt = salt
        self._inputs = manifest.inputs
        self._make = InputTensors(manifest)
        self._codes = {
            index: {name: code for code, name in enumerate(feature.categories)}
            for index, feature in enumerate(manifest.features)
            if feature.is_category
        }
        self._features = self._make.features
        spec = self._inputs[0]
        columns = [feature.column for feature in manifest.features]
        is_single, is_float = len(self._inputs) == 1, self._make.dtypes[0] == _FLOAT
        is_whole = is_single and columns == list(range(row_size(spec))) and bool(columns)
        self._is_table = is_whole and is_float and len(spec.shape) == 2
        self._is_whole = self._is_table or (is_whole and not self._codes)
        self._width = len(columns)
        self._name = spec.name if is_single else ""
        self._pictures = _pictures_of(manifest)
        shape = (1, *(axis for axis in spec.shape[1:] if isinstance(axis, int)))
        self.row_shape = shape if self._is_whole and is_float else None
        """Shape of one row if the only input is ``float32`` and observed in its order."""

    def encode(self, rows: Rows) -> Encoded:
        """Return the tensors of some rows; a single row may come without its outer list.

        Raises:
            UsageError: A feature is missing or unknown, or a type or shape does not fit.
        """
        if type(rows) is np.ndarray and self._is_table and rows.dtype == _FLOAT and rows.ndim == 2:
            count, width = rows.shape
            if width == self._width and count:
                return Encoded({self._name: rows}, rows, count)  # type: ignore[arg-type]
        given = rows if self._pictures is None else self._pictures.decoded(rows)
        return self._encoded(self._tensors(given))

    def _tensors(self, rows: object) -> list[_Array]:
        if isinstance(rows, np.ndarray) and rows.dtype.names is None:
            return self._from_rows(rows)
        if isinstance(rows, (list, tuple)):
            is_records = bool(rows) and isinstance(rows[0], Mapping)
            return self._from_records(rows) if is_records else self._from_rows(rows)
        columns = columns_of(rows)
        if columns is None:
            return self._from_rows(rows)
        is_numbered = all(isinstance(name, (int, np.integer)) for name in columns)
        if columns and is_numbered and hasattr(rows, "__array__"):
            return self._from_rows(np.asarray(rows))  # numbered, not named
        return self._from_columns({str(name): values for name, values in columns.items()})

    def _encoded(self, tensors: list[_Array]) -> Encoded:
        count = len(tensors[0])
        lengths = {spec.name: len(t) for spec, t in zip(self._inputs, tensors, strict=True)}
        if set(lengths.values()) != {count}:
            raise self._error(f"got inputs of different length: {lengths}")
        if count == 0:
            raise self._error("got no rows")
        feeds = {spec.name: t for spec, t in zip(self._inputs, tensors, strict=True)}
        return Encoded(feeds, self._observed(tensors, count), count)

    def _observed(self, tensors: list[_Array], count: int) -> "NDArray[np.float32]":
        with np.errstate(over="ignore"):  # what is too large is counted as an infinity
            if self._is_whole:  # a table, or a picture of many numbers
                return tensors[0].reshape(count, -1).astype(np.float32, copy=False)
            observed = np.empty((count, self._width), np.float32)
            for index, feature in enumerate(self._manifest.features):
                column = tensors[feature.input_index].reshape(count, -1)[:, feature.column]
                codes = self._codes.get(index)
                observed[:, index] = column if codes is None else self._coded(column, codes)
        return observed

    def _coded(self, column: _Array, codes: Mapping[str, int]) -> list[float]:
        return [
            float("nan")
            if value == "" or is_missing(value)
            else category_code(str(value), codes, salt=self._salt)
            for value in column.tolist()
        ]

    # By place.

    def _from_rows(self, rows: object) -> list[_Array]:
        if len(self._inputs) == 1:
            return [self._make.whole(self._array(rows), 0)]
        table = self._array(rows, dtype=np.dtype(np.object_))
        if table.ndim == 1:
            table = table[None, :]
        places = sorted(self._features)
        if table.ndim != 2 or table.shape[1] != len(places):
            names = shortened([self._features[place] for place in places])
            raise self._error(
                f"takes rows of {len(places)} features ({names}), got {described(table)}: give "
                "rows of that many values, columns by name, or a DataFrame"
            )
        columns = {self._features[place]: table[:, i] for i, place in enumerate(places)}
        return self._from_columns(columns)

    def _array(self, rows: object, dtype: "np.dtype[np.generic] | None" = None) -> _Array:
        if isinstance(rows, (list, tuple)) and rows and isinstance(rows[0], (list, tuple)):
            for number, row in enumerate(rows):
                length = len(row) if isinstance(row, (list, tuple)) else 1
                if length != len(rows[0]):
                    raise RowError(
                        number, self._text(f"got {length} values, other rows have {len(rows[0])}")
                    )
        if isinstance(rows, np.ma.MaskedArray):
            rows = without_masks(rows)
        try:
            array = np.asarray(rows, dtype)
        except (ValueError, OverflowError, TypeError, RuntimeError) as error:
            # Others' __array__ has reasons of its own: tensors that are still being trained.
            raise self._error(f"rows are no array ({type(rows).__name__}): {error}") from error
        if array.ndim == 0 and array.dtype.kind not in "biufcSU":
            raise self._error(
                f"got {type(rows).__name__}: give rows as an array, as lists, as columns by name, "
                "or as a table"
            )
        return array

    # By name.

    def _from_records(self, records: Sequence[object]) -> list[_Array]:
        first = records[0]
        for number, record in enumerate(records):
            if not isinstance(record, Mapping) or record.keys() != first.keys():  # type: ignore[attr-defined]
                found = sorted(record) if isinstance(record, Mapping) else type(record).__name__
                text = f"got features {found}, other rows have {sorted(first)}"  # type: ignore[call-overload]
                raise RowError(number, self._text(text))
        return self._from_columns(
            {name: [record[name] for record in records] for name in first}  # type: ignore[index,attr-defined]
        )

    def _from_columns(self, columns: Mapping[str, object]) -> list[_Array]:
        wanted = [self._features[place] for place in sorted(self._features)]
        missing = [name for name in wanted if name not in columns]
        if missing or not wanted:
            names = [spec.name for spec in self._inputs]
            if all(name in columns for name in names):
                return [
                    self._make.whole(self._array(columns[name]), index)
                    for index, name in enumerate(names)
                ]
            raise self._error(_lacks(wanted, names, missing, columns))
        found = {name: self._column(name, columns[name]) for name in wanted}
        lengths = {name: len(column) for name, column in found.items()}
        if len(set(lengths.values())) > 1:
            raise self._error(f"got columns of different length: {lengths}")
        return [self._make.joined(found, index) for index in range(len(self._inputs))]

    def _column(self, name: str, values: object) -> _Array:
        is_one = not hasattr(values, "__iter__") and not hasattr(values, "__array__")
        column = np.atleast_1d(self._array([values] if is_one else values_in(values)))
        if column.ndim == 2 and column.shape[1] == 1:
            column = column[:, 0]
        if column.ndim != 1:
            raise self._error(f"feature {name!r} is one value a row, got {described(column)}")
        return column

    def _text(self, text: str) -> str:
        return f"model {self._manifest.reference!r} {text}"

    def _error(self, text: str) -> UsageError:
        return UsageError(self._text(text))


def _lacks(
    wanted: list[str], inputs: list[str], missing: list[str], given: Mapping[str, object]
) -> str:
    """Return what is missing: inputs if some are given whole, else features."""
    if not wanted or any(name in given and name not in wanted for name in inputs):
        kind, wanted = "inputs" if wanted else "features", inputs
        missing = [name for name in inputs if name not in given]
    else:
        kind = "features"
    unknown = [str(name) for name in given if name not in {*wanted, *inputs}]
    text = f"needs the {kind} {shortened(wanted)}, missing: {shortened(missing)}"
    return f"{text}; it does not know {shortened(unknown)}" if unknown else text


def _pictures_of(manifest: Manifest) -> "Pictures | None":
    """Return what decodes a model's pictures, if its package says how."""
    if manifest.image is None:
        return None
    from edge_agent.adapters.pictures import Pictures

    return Pictures(manifest, manifest.image)
