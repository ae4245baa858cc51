"""Models and rows from files, as the command line gets them."""

import csv
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from converters.base import Rows
from converters.loading import library, load_pickle, load_skops, loaded
from converters.mlflow_flavors import MlflowModel, load_mlflow_model
from converters.mlflow_model import example_rows
from converters.network_files import NETWORK_FILES, load_network, why_not
from converters.rows import is_frame
from edge_contract.errors import UsageError

__all__ = ["Sample", "load_model", "load_sample", "saved_sample"]

_PICKLES: Final = (".joblib", ".pkl", ".pickle")
_BOOSTERS: Final = {".lgb": "lightgbm", ".ubj": "xgboost"}
_DEFAULT_TARGET: Final = "y"


class Sample(NamedTuple):
    """Rows and, if there are any, their labels and times."""

    rows: Rows
    labels: object
    times: object = None


def load_model(
    path: Path, *, trust_pickle: bool = False, trusted_types: Sequence[str] = ()
) -> object:
    """Return what can be converted: an estimator, the path of an ONNX model, or what MLflow saved.

    Args:
        path: ``.onnx``, ``.skops``, ``.keras``, or ``.joblib``, ``.pkl``, ``.pickle``, ``.pt2``,
            ``.pt``, ``.pth``; a booster, ``.lgb`` of LightGBM or ``.ubj`` of XGBoost; or the folder
            of a model that MLflow saved.
        trust_pickle: Loading a pickle runs whatever code is in it, so it must be asked for.
        trusted_types: Full names of types beyond the usual ones that a ``.skops`` may hold.

    Raises:
        UsageError: The file cannot be read, is of another kind, or may not be loaded.
    """
    if path.is_dir():
        return load_mlflow_model(path, trust_pickle=trust_pickle, trusted_types=trusted_types)
    if not path.is_file():
        raise UsageError(f"there is no model file {str(path)!r}")
    suffix = path.suffix.lower()
    if suffix == ".onnx":
        return path
    if suffix == ".skops":
        return load_skops(path, trusted_types)
    if suffix in NETWORK_FILES:
        return load_network(path, is_trusted=trust_pickle)
    if suffix in _BOOSTERS:
        library_of = library(_BOOSTERS[suffix], _BOOSTERS[suffix])
        return loaded(path, lambda: library_of.Booster(model_file=path))
    if suffix not in _PICKLES:
        known = ", ".join((".onnx", ".skops", *_PICKLES, *NETWORK_FILES, *_BOOSTERS))
        raise UsageError(
            f"{str(path)!r} {why_not(path) or 'is of an unknown kind'}; known are {known}"
        )
    return load_pickle(path, is_trusted=trust_pickle)


def load_sample(path: Path, *, target: str | None = None, time_column: str | None = None) -> Sample:
    """Return rows, labels and times.

    Args:
        path: ``.npz`` (an array ``X``, or one for each input of an ONNX model), ``.csv`` or
            ``.parquet``.
        target: Column or array with the labels; of an ``.npz`` it is ``y`` if there is one.
        time_column: Column or array with the times; like the labels it is no feature.

    Raises:
        UsageError: The file cannot be read, is of another kind, or has no such column.
    """
    if path.is_dir():
        raise UsageError(f"{str(path)!r} is a folder: give a file, .npz, .csv or .parquet")
    if not path.is_file():
        raise UsageError(f"there is no data file {str(path)!r}")
    match path.suffix.lower():
        case ".npz":
            return _load_arrays(path, target, time_column)
        case ".csv" | ".parquet" as suffix:
            return _load_table(path, target, time_column, reader=f"read_{suffix[1:]}")
        case _:
            raise UsageError(f"{str(path)!r} is of an unknown kind: expected .npz, .csv, .parquet")


def saved_sample(model: object) -> Sample:
    """Return the rows that were saved as an example with a model.

    Raises:
        UsageError: MLflow did not save the model, or saved no rows.
        PackageError: They are damaged.
    """
    if not isinstance(model, MlflowModel):
        raise UsageError(
            "the data is missing: give rows like those that devices will see, in .npz, .csv or "
            ".parquet; without them a conversion can neither be checked nor watched"
        )
    return Sample(example_rows(model.folder), None)


def _load_arrays(path: Path, target: str | None, time_column: str | None) -> Sample:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise UsageError(
            f"cannot read arrays from {str(path)!r}: {error}; save them with numpy.savez, texts as "
            "array.astype('U')"
        ) from error
    for asked in (target, time_column):
        if asked is not None and asked not in arrays:
            raise UsageError(f"{str(path)!r} has no array {asked!r}: it has {', '.join(arrays)}")
    times = None if time_column is None else arrays.pop(time_column)
    wanted = target or (_DEFAULT_TARGET if len(arrays) > 1 else None)
    labels = None if wanted is None else arrays.pop(wanted, None)
    if not arrays:
        raise UsageError(f"{str(path)!r} has no array with rows")
    return Sample(next(iter(arrays.values())) if len(arrays) == 1 else arrays, labels, times)


def _load_table(path: Path, target: str | None, time_column: str | None, *, reader: str) -> Sample:
    pandas = library("pandas", "pandas")
    table = loaded(path, lambda: getattr(pandas, reader)(path))
    if not is_frame(table):
        raise UsageError(f"{str(path)!r} holds no table")
    if reader == "read_csv":
        _require_different_names(path)
    special = [column for column in (target, time_column) if column is not None]
    for column in special:
        if column not in table.columns:
            known = ", ".join(map(str, table.columns))
            raise UsageError(f"{str(path)!r} has no column {column!r}: it has {known}")
    return Sample(
        table.drop(columns=special),
        None if target is None else table[target].to_numpy(),
        None if time_column is None else table[time_column].to_numpy(),
    )


def _require_different_names(path: Path) -> None:
    """Refuse a CSV file whose header repeats a name: pandas would number them silently."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        names = next(csv.reader(file), [])
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(
            f"{str(path)!r} has several columns of the same name: {', '.join(twice)}; rename them"
        )
