"""Batch scoring: every row of a file through an agent, in bounded memory."""

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from edge_agent.adapters.inputs import Rows
from edge_contract.errors import UnavailableError, UsageError

if TYPE_CHECKING:
    from io import TextIOBase

    from edge_agent.agent import Agent
    from edge_agent.prediction import Prediction

__all__ = ["score_file"]

_BLOCK_ROWS: Final = 2048


def score_file(agent: "Agent", source: Path, target: Path, *, console: Console) -> int:
    """Predict every row of ``source`` into ``target`` and return how many there were.

    The kinds of file are told by their endings: ``.csv`` with a header, ``.jsonl`` with one row a
    line, ``.npz`` with one array of rows or one array per input, ``.parquet`` (needs pandas).
    ``target`` is ``.csv`` or ``.jsonl``; it is written beside its place and moved there at the end.

    Raises:
        UsageError: A file cannot be read or its kind is unknown, or a row does not fit the model;
            the message names the row.
        UnavailableError: ``target`` cannot be written.
    """
    if target.suffix not in (".csv", ".jsonl"):
        raise UsageError(f"cannot write {target.name!r}: name it .csv or .jsonl")
    blocks = _blocks(source)
    partial = target.with_name(f".{target.name}.part")
    done = 0
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    try:
        with (
            partial.open("w", newline="", encoding="utf-8") as out,
            Progress(*columns, console=console, transient=True) as progress,
        ):
            task = progress.add_task(source.name, total=1.0)
            write = _writer(out, target.suffix)
            for rows, fraction in blocks:
                try:
                    prediction = agent.predict(rows)
                except UsageError as error:
                    raise UsageError(f"{source.name}, from row {done + 1} on: {error}") from error
                write(prediction)
                done += len(prediction)
                progress.update(task, completed=fraction, description=f"{done} rows")
        partial.replace(target)
    except OSError as error:
        raise UnavailableError(f"cannot write {str(target)!r}: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)
    return done


class _Writer:
    """Writes predictions as lines."""

    def __init__(self, out: "TextIOBase", suffix: str) -> None:
        self._out = out
        self._csv = csv.writer(out) if suffix == ".csv" else None
        self._header_written = False

    def __call__(self, prediction: "Prediction") -> None:
        records = _records(prediction)
        for record in records:
            if self._csv is None:
                self._out.write(json.dumps(record) + "\n")
                continue
            if not self._header_written:
                self._csv.writerow(_flat(record))
                self._header_written = True
            self._csv.writerow(_flat(record).values())


def _writer(out: "TextIOBase", suffix: str) -> _Writer:
    return _Writer(out, suffix)


def _records(prediction: "Prediction") -> list[dict[str, object]]:
    columns: dict[str, list[object]] = {}
    if prediction.labels is not None:
        columns["label"] = prediction.labels.tolist()
    if prediction.probabilities is not None:
        columns["probabilities"] = prediction.probabilities.tolist()
    if prediction.values is not None:
        columns["value"] = prediction.values.tolist()
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _flat(record: Mapping[str, object]) -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in record.items():
        if isinstance(value, list):
            flat |= {f"probability_{index}": item for index, item in enumerate(value)}
        else:
            flat[name] = value
    return flat


def _blocks(source: Path) -> Iterator[tuple[Rows, float]]:
    """Return blocks of rows, each with the fraction of the file that is read after it."""
    readers = {".csv": _csv, ".jsonl": _json_lines, ".npz": _npz, ".parquet": _parquet}
    if source.suffix not in readers:
        raise UsageError(
            f"cannot read {source.name!r}: known endings are {', '.join(sorted(readers))}"
        )
    if not source.is_file():
        raise UsageError(f"there is no file {str(source)!r}")
    return readers[source.suffix](source)


def _csv(source: Path) -> Iterator[tuple[Rows, float]]:
    size = max(source.stat().st_size, 1)
    with source.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file)
        header = next(reader, None)
        if not header:
            raise UsageError(f"{source.name} is empty")
        rows: list[list[str]] = []
        read = 0
        for number, row in enumerate(reader, 1):
            if len(row) != len(header):
                raise UsageError(
                    f"{source.name}, row {number} has {len(row)} values, its header {len(header)}"
                )
            rows.append(row)
            read += sum(map(len, row)) + len(row)
            if len(rows) == _BLOCK_ROWS:
                yield _columns(header, rows), min(read / size, 1.0)
                rows = []
        if rows:
            yield _columns(header, rows), 1.0


def _columns(header: list[str], rows: list[list[str]]) -> dict[str, object]:
    """Return columns by name; a column of numbers becomes numbers, an empty cell NaN."""
    columns: dict[str, object] = {}
    for index, name in enumerate(header):
        texts = [row[index] for row in rows]
        try:
            columns[name] = np.array([float(text) if text else np.nan for text in texts])
        except ValueError:
            columns[name] = texts
    return columns


def _json_lines(source: Path) -> Iterator[tuple[Rows, float]]:
    size = max(source.stat().st_size, 1)
    rows: list[object] = []
    read = 0
    with source.open("rb") as file:
        for number, line in enumerate(file, 1):
            read += len(line)
            if not line.strip():
                continue
            try:
                rows.append(json.loads(line))
            except ValueError as error:
                raise UsageError(f"{source.name}, line {number} is no JSON: {error}") from error
            if len(rows) == _BLOCK_ROWS:
                yield rows, read / size
                rows = []
    if rows:
        yield rows, 1.0


def _npz(source: Path) -> Iterator[tuple[Rows, float]]:
    with np.load(source) as archive:
        arrays = {name: archive[name] for name in archive.files}
    count = min((len(array) for array in arrays.values()), default=0)
    for first in range(0, count, _BLOCK_ROWS):
        block = {name: array[first : first + _BLOCK_ROWS] for name, array in arrays.items()}
        rows: Rows = next(iter(block.values())) if len(block) == 1 else block
        yield rows, min((first + _BLOCK_ROWS) / count, 1.0)


def _parquet(source: Path) -> Iterator[tuple[Rows, float]]:
    try:
        from pyarrow import parquet  # type: ignore[import-not-found]
    except ModuleNotFoundError as error:
        raise UsageError("reading Parquet needs pyarrow: pip install pyarrow") from error
    file = parquet.ParquetFile(source)
    total, read = max(file.metadata.num_rows, 1), 0
    for batch in file.iter_batches(_BLOCK_ROWS):
        read += batch.num_rows
        yield batch.to_pydict(), read / total
