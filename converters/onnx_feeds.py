"""Rows for a ready ONNX model: as its inputs ask for them."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from converters.base import Rows, Tensors
from converters.table import MISSING_TEXT, columns_of, numbers, texts
from edge_contract.errors import UsageError
from edge_contract.package import Feature, TensorSpec

__all__ = ["features_of", "feeds_for"]


def feeds_for(specs: Sequence[TensorSpec], rows: Rows, *, what: str) -> Tensors:
    """Return rows as tensors.

    Args:
        specs: The inputs of the model.
        rows: Arrays by input name; a table with a column for each input; or, for a model with one
            input, an array or a table of all its columns.
        what: How to call the model in errors.

    Raises:
        UsageError: A name is missing or unknown, or a type or shape does not fit.
    """
    found = _by_name(specs, rows, what=what)
    return {spec.name: _fitted(spec, found[spec.name], what=what) for spec in specs}


def features_of(specs: Sequence[TensorSpec], rows: Rows) -> tuple[Feature, ...]:
    """Return a feature for every value in a row; none of an input whose rows vary in length."""
    named = [] if isinstance(rows, np.ndarray | Mapping) else [str(name) for name in rows.columns]
    features: list[Feature] = []
    for index, spec in enumerate(specs):
        sizes = [axis for axis in spec.shape[1:] if isinstance(axis, int)]
        if len(sizes) != len(spec.shape) - 1:
            continue
        size = int(np.prod(sizes, dtype=np.int64))
        if len(specs) == 1 and len(named) == size:
            names = named
        elif size == 1:
            names = [spec.name]
        else:
            names = [f"{spec.name}[{column}]" for column in range(size)]
        is_text = spec.element_type == "string"
        features.extend(
            Feature(name, index, column, is_category=is_text) for column, name in enumerate(names)
        )
    return tuple(features)


def _by_name(
    specs: Sequence[TensorSpec], rows: Rows, *, what: str
) -> Mapping[str, NDArray[np.generic]]:
    wanted = [spec.name for spec in specs]
    if isinstance(rows, np.ndarray):
        if len(specs) > 1:
            raise UsageError(
                f"{what} has {len(specs)} inputs ({', '.join(wanted)}): give a dict of arrays, an "
                ".npz file with an array for each, or a DataFrame with a column for each"
            )
        return {wanted[0]: rows}
    given: Mapping[str, NDArray[np.generic]] = (
        rows if isinstance(rows, Mapping) else _columns(specs, rows)
    )
    missing = [name for name in wanted if name not in given]
    unknown = [name for name in given if name not in wanted]
    if missing or unknown:
        raise UsageError(
            f"the arrays do not fit the inputs of {what}: missing {missing or 'none'}, unknown "
            f"{unknown or 'none'}"
        )
    return given


def _columns(specs: Sequence[TensorSpec], rows: Rows) -> Mapping[str, NDArray[np.generic]]:
    """Return a table's columns: all of them for the only input, else one for each."""
    columns = columns_of(rows)
    by_name: dict[str, NDArray[np.generic]] = {
        column.name: texts(rows, index) if column.is_text else numbers(rows, index)
        for index, column in enumerate(columns)
    }
    if len(specs) == 1 and set(by_name) != {specs[0].name}:
        texts_in = [column.name for column in columns if column.is_text]
        if texts_in and specs[0].element_type != "string":
            raise UsageError(
                f"columns {', '.join(map(repr, texts_in[:8]))} of X hold text, and input "
                f"{specs[0].name!r} takes {specs[0].element_type}: give numbers, and leave a cell "
                "empty where one is missing"
            )
        return {specs[0].name: np.stack(list(by_name.values()), axis=1)}
    return by_name


def _fitted(spec: TensorSpec, values: NDArray[np.generic], *, what: str) -> NDArray[np.generic]:
    """Return values in the element type and shape of an input."""
    if values.ndim == 1 and list(spec.shape[1:]) == [1]:
        values = values.reshape(-1, 1)
    fits = len(spec.shape) == values.ndim and all(
        isinstance(axis, str) or axis == size
        for axis, size in zip(spec.shape[1:], values.shape[1:], strict=False)
    )
    is_text = values.dtype.kind in "OUT"
    if not fits or is_text != (spec.element_type == "string"):
        raise UsageError(
            f"input {spec.name!r} of {what} is {spec}, got "
            f"{values.dtype}[{', '.join(str(size) for size in values.shape)}]"
        )
    if is_text:
        result = np.empty(values.size, dtype=object)
        result[:] = [it if isinstance(it, str) else MISSING_TEXT for it in values.ravel().tolist()]
        return result.reshape(values.shape)
    with np.errstate(over="ignore", invalid="ignore"):  # too large a number becomes an infinity
        return values.astype(spec.element_type)
