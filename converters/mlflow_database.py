"""Reads a run from the database that MLflow keeps by default, ``mlflow.db``; it stays unchanged."""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from edge_contract.errors import UsageError
from edge_contract.reading import JsonObject, JsonValue

__all__ = ["read_run_of_database"]

_LARGEST: Final = 1.7976931348623157e308
"""What MLflow writes for an infinity."""

_WAIT_S: Final = 5.0
_MAX_LINES: Final = 3000
_METRICS: Final = "SELECT key, value, is_nan FROM latest_metrics WHERE run_uuid = ? ORDER BY key"
_PARAMS: Final = "SELECT key, value FROM params WHERE run_uuid = ? ORDER BY key"
_TAGS: Final = "SELECT key, value FROM tags WHERE run_uuid = ? ORDER BY key"
_RUN: Final = "SELECT experiment_id FROM runs WHERE run_uuid = ?"


def read_run_of_database(path: Path, run: str) -> "JsonObject | None":
    """Return what is known of a run, or ``None`` if the database has no such run.

    Returns:
        ``run_id``, ``experiment_id``, and ``params``, ``metrics`` and ``tags`` by name, all tags
        that there are. A metric that is no finite number is a text.

    Raises:
        UsageError: It is no database of MLflow, or cannot be read.
    """
    try:
        with closing(
            sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=_WAIT_S)
        ) as database:
            found = database.execute(_RUN, (run,)).fetchone()
            if found is None:
                return None
            params, metrics, tags = (
                database.execute(query, (run,)).fetchmany(_MAX_LINES)
                for query in (_PARAMS, _METRICS, _TAGS)
            )
    except sqlite3.Error as error:
        raise UsageError(
            f"cannot read an MLflow run from {str(path)!r}: {error}; name the run's folder, or the "
            "run as a reference: mlflow:RUN_ID"
        ) from error
    return {
        "run_id": run,
        "experiment_id": str(found[0]),
        "params": _texts(params),
        "metrics": {str(name): _number(value, is_nan=bool(flag)) for name, value, flag in metrics},
        "tags": _texts(tags),
    }


def _texts(lines: Iterable[Sequence[object]]) -> dict[str, JsonValue]:
    return {str(name): str(value) for name, value in lines}


def _number(value: object, *, is_nan: bool) -> JsonValue:
    if is_nan or not isinstance(value, int | float):
        return "nan"
    if abs(value) >= _LARGEST:
        return "inf" if value > 0 else "-inf"
    return float(value)
