"""Turns what callers have (arrays, lists, columns, DataFrames) into the model's tensors."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np

from edge_contract.errors import UsageError
from edge_contract.package import Manifest, TensorSpec
from edge_contract.stats.text_hash import category_code

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Encoded", "InputEncoder", "Rows"]

_NUMPY: Final = {"bool": "bool_", "string": "object_"}


@runtime_checkable
class _Frame(Protocol):
    """A pandas or polars DataFrame, by shape."""

    @property
    def columns(self) -> object: ...
    def __getitem__(self, column: str, /) -> object: ...
    def __len__(self) -> int: ...


Rows: TypeAlias = "NDArray[np.generic] | Sequence[object] | Mapping[str, object] | _Frame"
"""What ``predict`` takes: rows as an array or nested lists, one row, or columns by name."""


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
        self._dtypes = [np.dtype(_NUMPY.get(t.element_type, t.element_type)) for t in self._inputs]
        self._codes = {
            index: {name: code for code, name in enumerate(feature.categories)}
            for index, feature in enumerate(manifest.features)
            if feature.is_category
        }
        self._names = {(f.input_index, f.column): f.name for f in manifest.features}
        single = len(self._inputs) == 1
        columns = [feature.column for feature in manifest.features]
        self._all_columns = (
            single
            and not self._codes
            and columns == list(range(len(columns)))
            and _row_size(self._inputs[0]) == len(columns)
        )
        self._fast_shape = _fixed_shape(self._inputs[0]) if single else None

    def encode(self, rows: Rows) -> Encoded:
        """Return the tensors of some rows; a single row may come without its outer list.

        Raises:
            UsageError: A feature is missing or unknown, or a type or shape does not fit.
        """
        if isinstance(rows, np.ndarray) and self._is_ready(rows):
            tensors: list[NDArray[np.generic]] = [rows]
        elif isinstance(rows, Mapping):
            tensors = self._from_columns(rows, list(rows))
        elif isinstance(rows, _Frame) and not isinstance(rows, np.ndarray):
            names = [str(name) for name in _listed(rows.columns)]
            tensors = self._from_columns(rows, names)
        elif isinstance(rows, (list, tuple)) and rows and isinstance(rows[0], Mapping):
            tensors = self._from_records(rows)
        else:
            tensors = self._from_rows(rows)
        return self._encoded(tensors)

    def _is_ready(self, rows: "NDArray[np.generic]") -> bool:
        return (
            self._fast_shape is not None
            and rows.dtype == self._dtypes[0]
            and rows.ndim == len(self._fast_shape) + 1
            and rows.shape[1:] == self._fast_shape
            and rows.shape[0] > 0
        )

    def _encoded(self, tensors: "list[NDArray[np.generic]]") -> Encoded:
        count = len(tensors[0])
        if any(len(tensor) != count for tensor in tensors):
            found = {i.name: len(t) for i, t in zip(self._inputs, tensors, strict=True)}
            raise self._error(f"got inputs of different length: {found}")
        if count == 0:
            raise self._error("got no rows")
        feeds = {spec.name: t for spec, t in zip(self._inputs, tensors, strict=True)}
        if self._all_columns:
            observed = tensors[0].reshape(count, -1).astype(np.float32, copy=False)
        else:
            observed = self._observed(tensors, count)
        return Encoded(feeds, observed, count)

    def _observed(self, tensors: "list[NDArray[np.generic]]", count: int) -> "NDArray[np.float32]":
        observed = np.empty((count, len(self._manifest.features)), np.float32)
        for index, feature in enumerate(self._manifest.features):
            column = tensors[feature.input_index].reshape(count, -1)[:, feature.column]
            codes = self._codes.get(index)
            if codes is None:
                observed[:, index] = column
            else:
                observed[:, index] = [self._code(value, codes) for value in column.tolist()]
        return observed

    def _code(self, value: object, codes: Mapping[str, int]) -> float:
        if value is None or value != value or value == "":  # noqa: PLR0124  NaN differs from itself
            return float("nan")
        return category_code(str(value), codes, salt=self._salt)

    def _from_rows(self, rows: object) -> "list[NDArray[np.generic]]":
        if len(self._inputs) > 1:
            return self._split_rows(rows)
        return [self._tensor(rows, 0)]

    def _split_rows(self, rows: object) -> "list[NDArray[np.generic]]":
        """Rows of one value per input, in the manifest's order."""
        table = np.asarray(rows, dtype=object)
        if table.ndim == 1:
            table = table[None, :]
        if table.ndim != 2 or table.shape[1] != len(self._inputs):
            names = ", ".join(spec.name for spec in self._inputs)
            raise self._error(
                f"takes {len(self._inputs)} inputs ({names}), got shape {table.shape}: "
                "give rows of that many values, columns by name, or a DataFrame"
            )
        return [self._tensor(table[:, i].reshape(-1, 1), i) for i in range(len(self._inputs))]

    def _from_records(
        self, records: "Sequence[Mapping[str, object]]"
    ) -> "list[NDArray[np.generic]]":
        names = list(records[0])
        for position, record in enumerate(records):
            if record.keys() != records[0].keys():
                raise self._error(
                    f"row {position} has features {sorted(record)}, row 0 has {sorted(names)}"
                )
        return self._from_columns({n: [record[n] for record in records] for n in names}, names)

    def _from_columns(
        self, columns: "Mapping[str, object] | _Frame", names: Sequence[str]
    ) -> "list[NDArray[np.generic]]":
        if set(names) == {spec.name for spec in self._inputs}:
            return [self._tensor(columns[s.name], i) for i, s in enumerate(self._inputs)]
        wanted = [self._names[key] for key in sorted(self._names)]
        missing = [name for name in wanted if name not in names]
        if missing or not wanted:
            raise self._error(
                f"needs the features {_shortened(wanted)}, missing: {_shortened(missing)}"
            )
        lists = {name: np.atleast_1d(np.asarray(columns[name])) for name in wanted}
        tensors: list[NDArray[np.generic]] = []
        for index in range(len(self._inputs)):
            places = sorted(key for key in self._names if key[0] == index)
            parts = [lists[self._names[key]] for key in places]
            tensors.append(self._tensor(np.stack(parts, axis=1), index))
        return tensors

    def _tensor(self, value: object, index: int) -> "NDArray[np.generic]":
        """Return one input as its type and shape ask for."""
        spec, dtype = self._inputs[index], self._dtypes[index]
        try:
            array = np.asarray(value)
            if dtype == np.object_:
                array = _as_text(array)
            elif array.dtype == np.object_ or array.dtype.kind in "biuf":
                array = array.astype(dtype)
            else:
                raise self._mismatch(spec, array)
        except (TypeError, ValueError) as error:
            raise self._error(
                f"cannot turn the values of {spec.name!r} into {spec}: {error}"
            ) from error
        if array.ndim == len(spec.shape) - 1:
            by_column = _row_size(spec) == 1 and len(spec.shape) > 1
            array = array.reshape(-1, 1) if by_column and array.ndim == 1 else array[None]
        fits = array.ndim == len(spec.shape) and all(
            isinstance(axis, str) or axis == length
            for axis, length in zip(spec.shape[1:], array.shape[1:], strict=True)
        )
        if not fits:
            raise self._mismatch(spec, array)
        return np.ascontiguousarray(array)

    def _mismatch(self, spec: TensorSpec, found: "NDArray[np.generic]") -> UsageError:
        shape = ", ".join(str(length) for length in found.shape)
        return UsageError(
            f"input {spec.name!r} of model {self._manifest.reference!r} is {spec}, "
            f"got {found.dtype}[{shape}]"
        )

    def _error(self, text: str) -> UsageError:
        return UsageError(f"model {self._manifest.reference!r}: {text}")


def _fixed_shape(spec: TensorSpec) -> tuple[int, ...] | None:
    axes = tuple(axis for axis in spec.shape[1:] if isinstance(axis, int))
    return axes if len(axes) == len(spec.shape) - 1 else None


def _row_size(spec: TensorSpec) -> int:
    size = 1
    for axis in spec.shape[1:]:
        size *= axis if isinstance(axis, int) else 0
    return size


def _as_text(array: "NDArray[np.generic]") -> "NDArray[np.generic]":
    """Return texts; a missing value is the empty text, as onnxruntime has no other."""
    texts = [
        "" if value is None or value != value else str(value)  # noqa: PLR0124  NaN
        for value in array.ravel().tolist()
    ]
    result = np.empty(array.size, dtype=object)
    result[:] = texts
    return result.reshape(array.shape)


def _listed(columns: object) -> list[object]:
    return list(columns) if isinstance(columns, (list, tuple)) else np.asarray(columns).tolist()


def _shortened(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:8])
    return f"{shown} and {len(names) - 8} more" if len(names) > 8 else shown or "none"
