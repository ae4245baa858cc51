"""The caller's rows: what is accepted as rows, and the few things that are done with them."""

import hashlib
import sys
from collections.abc import Mapping, Sized
from typing import TYPE_CHECKING, Final, TypeGuard

import numpy as np
from numpy.typing import NDArray

from converters.base import Rows
from edge_contract.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["as_rows", "digest_of_rows", "in_float64", "is_frame", "row_count", "take"]

_MOST_INPUTS: Final = 64


def as_rows(data: object) -> Rows:
    """Return what the caller gave as rows: a DataFrame, an array, or arrays by input name.

    Raises:
        UsageError: It is none of these, is sparse or ragged, or has no rows.
    """
    if is_frame(data):
        rows: Rows = _checked_frame(data)
    elif isinstance(data, Mapping):
        rows = _arrays(data)
        if len({len(values) for values in rows.values()}) > 1:
            counts = {name: len(values) for name, values in rows.items()}
            raise UsageError(f"the inputs have different numbers of rows: {counts}")
    else:
        _require_no_list_of_inputs(data)
        rows = _array(data, "X")
    if row_count(rows) == 0:
        raise UsageError("X has no rows: give rows like those that devices will see")
    return rows


def is_frame(data: object) -> TypeGuard["pd.DataFrame"]:
    """Whether ``data`` is a pandas DataFrame; does not import pandas."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(data, pandas.DataFrame)


def row_count(rows: Rows) -> int:
    """Return how many rows there are."""
    if isinstance(rows, Mapping):
        return min((len(values) for values in rows.values()), default=0)
    return len(rows)


def take(rows: Rows, indices: NDArray[np.int64]) -> Rows:
    """Return some of the rows, in the order of ``indices``."""
    if isinstance(rows, np.ndarray):
        return rows[indices]
    if isinstance(rows, Mapping):
        return {name: values[indices] for name, values in rows.items()}
    return rows.iloc[indices]


def in_float64(rows: Rows) -> "Rows | None":
    """Return rows whose numbers of float32 are float64; ``None`` if there are none."""
    if isinstance(rows, np.ndarray):
        return rows.astype(np.float64) if rows.dtype == np.float32 else None
    if is_frame(rows):
        names = [name for name, kind in rows.dtypes.items() if kind == np.float32]
        return rows.astype(dict.fromkeys(names, np.float64)) if names else None
    return None


def digest_of_rows(rows: Rows) -> str:
    """Return a digest of names, types and values: the same rows always have the same one."""
    digest = hashlib.sha256()
    if isinstance(rows, np.ndarray):
        _add(digest, "X", rows)
    elif isinstance(rows, Mapping):
        for name in sorted(rows):
            _add(digest, name, rows[name])
    else:
        for position, name in enumerate(rows.columns):
            _add(digest, str(name), rows.iloc[:, position].to_numpy())
    return f"sha256:{digest.hexdigest()}"


def _add(digest: "hashlib._Hash", name: str, values: NDArray[np.generic]) -> None:
    digest.update(f"{name}\x00{values.dtype}\x00{values.shape}\x00".encode())
    if values.dtype.kind in "OUST":
        for value in values.ravel().tolist():
            digest.update(f"{type(value).__name__}\x00{value}\x00".encode(errors="surrogatepass"))
    else:
        digest.update(np.ascontiguousarray(values).tobytes())


def _require_no_list_of_inputs(data: object) -> None:
    """Refuse arrays in a list that are no rows, because their shapes differ, but inputs."""
    if not isinstance(data, list | tuple) or not 1 < len(data) <= _MOST_INPUTS:
        return
    shapes = [np.shape(it) for it in data if hasattr(it, "shape")]
    as_long = [it for it in shapes if it and it[0] == shapes[0][0]]
    if len(as_long) == len(data) and len(set(shapes)) > 1:
        raise UsageError(
            f"X is a {type(data).__name__} of {len(data)} arrays of {shapes[0][0]} rows: give the "
            "inputs of a model by their names, {'image': ..., 'age': ...}"
        )


def _checked_frame(frame: "pd.DataFrame") -> "pd.DataFrame":
    names = [str(name) for name in frame.columns]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"X has several columns of the same name: {', '.join(twice)}; rename them")
    if not names:
        raise UsageError("X has no columns")
    return frame


def _arrays(data: Mapping[object, object]) -> dict[str, NDArray[np.generic]]:
    """Return arrays by input name; a single number or text is repeated for all rows."""
    several = [it for it in data.values() if isinstance(it, Sized) and not _is_single(it)]
    count = max(map(len, several), default=1)
    return {
        str(name): _array([it] * count if _is_single(it) else it, f"input {name!r}")
        for name, it in data.items()
    }


def _is_single(value: object) -> bool:
    if isinstance(value, np.ndarray):
        return value.ndim == 0
    return isinstance(value, str | bool | int | float | np.generic)


def _array(data: object, what: str) -> NDArray[np.generic]:
    if hasattr(data, "toarray"):
        raise UsageError(f"{what} is sparse: give its dense form, {what}.toarray()")
    try:
        array = np.asarray(data)
    except ValueError as error:
        raise UsageError(f"{what} is no array: its rows differ in length ({error})") from error
    except (RuntimeError, TypeError) as error:  # tensors that are elsewhere, or have gradients
        raise UsageError(f"{what} cannot be read as an array: {error}") from error
    if array.ndim == 0:
        raise UsageError(f"{what} must be rows, got a single {type(data).__name__}")
    if array.dtype.kind not in "biufOUT":
        raise UsageError(f"{what} has element type {array.dtype}: give numbers or texts")
    return array
