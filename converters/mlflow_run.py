"""Reads a run that MLflow keeps on this machine: its parameters, last metrics and tags.

MLflow itself is not needed: it keeps runs in a database or, as it used to by default, in a folder
with a small file for each parameter, metric and tag. Runs on a tracking server are not read.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from converters.mlflow_database import read_run_of_database
from edge_contract.errors import UsageError
from edge_contract.reading import JsonObject, JsonValue

__all__ = ["read_mlflow_run"]

_STORE: Final = "mlruns"
_DATABASE: Final = "mlflow.db"
_META: Final = "meta.yaml"
_KNOWN: Final = ("run_id", "experiment_id")
_KINDS: Final = ("params", "metrics", "tags")
_MAX_FILES: Final = 1000
_MAX_BYTES: Final = 1_000_000
_MAX_TEXT: Final = 500
_OWN_TAGS: Final = ("mlflow.runName", "mlflow.source.name", "mlflow.source.git.commit")
"""Of the tags that MLflow sets, those that say where a model comes from."""


def read_mlflow_run(run: str) -> JsonObject:
    """Return id, experiment, parameters, last metrics and tags of a run.

    Texts are cut after 500 characters. Of the tags that MLflow sets itself, only name, source and
    commit are kept. A metric that is no finite number is kept as a text.

    Args:
        run: The run's folder, its id in ``./mlruns`` or ``./mlflow.db`` (also as MLflow writes it,
            ``runs:/RUN_ID``), or a database and an id: ``elsewhere/mlflow.db:RUN_ID``.

    Raises:
        UsageError: There is no such run, or it cannot be read.
    """
    run = run.removeprefix("runs:/").rstrip("/")
    folder = _folder_of(run)
    if folder is None:
        return _run_of_database(run)
    try:
        meta = _meta(_text(folder / _META))
        readers: dict[str, Callable[[Path], JsonValue]] = {
            "params": lambda path: _text(path).strip()[:_MAX_TEXT],
            "metrics": _last_value,
            "tags": lambda path: _text(path).strip()[:_MAX_TEXT],
        }
        found: dict[str, JsonValue] = {
            kind: {name: readers[kind](path) for name, path in _files(folder / kind)}
            for kind in _KINDS
        }
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the MLflow run in {str(folder)!r}: {error}") from error
    known: dict[str, JsonValue] = {
        name: meta[name] for name in ("run_id", "experiment_id") if name in meta
    }
    return {**known, **{kind: values for kind, values in found.items() if values}}


def _run_of_database(run: str) -> JsonObject:
    database, _, wanted = run.rpartition(":")
    path = Path(database or _DATABASE)
    found = None
    if path.is_file() and wanted.isalnum():
        found = read_run_of_database(path, wanted)
    if found is None:
        raise UsageError(
            f"there is no MLflow run {run!r} on this machine: give the folder of a run (that holds "
            f"{_META}, params and metrics), the id of one in ./{_STORE} or ./{_DATABASE}, or "
            f"FOLDER/{_DATABASE}:RUN_ID; a run on a tracking server can be named with the tracker "
            "run mlflow:RUN_ID"
        )
    return {name: _shortened(value) for name, value in found.items() if value}


def _shortened(value: JsonValue) -> JsonValue:
    """Return a value as it would be read from files: texts cut, MLflow's own tags chosen."""
    match value:
        case str():
            return value.strip()[:_MAX_TEXT]
        case Mapping():
            return {name: _shortened(it) for name, it in value.items() if _is_meant(name)}
        case _:
            return value


def _is_meant(name: str) -> bool:
    return not name.startswith("mlflow.") or name in _OWN_TAGS


def _folder_of(run: str) -> "Path | None":
    here = Path(run)
    if (here / _META).is_file() and any((here / kind).is_dir() for kind in _KINDS):
        return here
    if run.isalnum():
        found = sorted(path.parent for path in Path(_STORE).glob(f"*/{run}/{_META}"))
        if found:
            return found[0]
    return None


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield names and files; a name with slashes is a file in folders.

    Links are left out: whoever made the folder must not choose which files of this machine end up
    in a package.
    """
    if folder.is_symlink() or not folder.is_dir():
        return
    for number, path in enumerate(sorted(folder.rglob("*"))):
        if number >= _MAX_FILES:
            raise UsageError(f"{str(folder)!r} holds more than {_MAX_FILES} files: this is no run")
        name = path.relative_to(folder).as_posix()
        if _is_meant(name) and not path.is_symlink() and path.is_file():
            yield name, path


def _text(path: Path) -> str:
    with path.open("rb") as file:
        data = file.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise UsageError(f"{str(path)!r} is larger than {_MAX_BYTES:,} bytes: this is no run")
    return data.decode()


def _last_value(path: Path) -> JsonValue:
    """Return the value of the last step; a line is time, value, step, and perhaps a data set."""
    points: list[tuple[int, int, float]] = []
    for line in _text(path).splitlines():
        try:
            time_ms, value, step, *_ = line.split()
            points.append((int(step), int(time_ms), float(value)))
        except ValueError as error:
            raise UsageError(f"{str(path)!r} is no metric of MLflow: {line[:80]!r}") from error
    if not points:
        raise UsageError(f"{str(path)!r} is no metric of MLflow: it is empty")
    last = max(points, key=lambda point: point[:2])[2]
    return last if math.isfinite(last) else str(last)


def _meta(text: str) -> dict[str, str]:
    """Return the plain values of ``meta.yaml``, which are one per line."""
    pairs = (line.partition(": ") for line in text.splitlines())
    return {name.strip(): value.strip().strip("'\"") for name, _, value in pairs if value.strip()}
