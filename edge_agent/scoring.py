"""Batch scoring: every row of a file through an agent, in bounded memory."""

import csv
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from edge_agent.adapters.values import RowError
from edge_agent.table_files import Block, read_blocks
from edge_contract.errors import UnavailableError, UsageError

if TYPE_CHECKING:
    from io import TextIOBase

    from edge_agent.agent import Agent
    from edge_agent.prediction import Prediction

__all__ = ["score_file"]


def score_file(agent: "Agent", source: Path, target: Path, *, console: Console) -> int:
    """Predict every row of ``source`` into ``target`` and return how many there were.

    See :func:`edge_agent.table_files.read_blocks` for what can be read. ``target`` is ``.csv`` or
    ``.jsonl``; it is written beside its place and moved there when it is complete.

    Raises:
        UsageError: A file cannot be read or its kind is unknown, or a row does not fit the model;
            the message names the row, from 1.
        UnavailableError: ``target`` cannot be written, or the model failed.
    """
    if target.suffix not in (".csv", ".jsonl"):
        raise UsageError(f"cannot write {target.name!r}: name it .csv or .jsonl")
    blocks = read_blocks(source)
    if target.exists() and target.samefile(source):
        raise UsageError(f"{target.name!r} is to be read and written: name another file")
    partial = target.with_name(f".{target.name}.part")
    try:
        with partial.open("w", newline="", encoding="utf-8") as out:
            done = _score(agent, blocks, _Writer(out, target.suffix), source, console)
        partial.replace(target)
    except OSError as error:
        raise UnavailableError(f"cannot write {str(target)!r}: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)
    return done


def _score(
    agent: "Agent", blocks: Iterator[Block], writer: "_Writer", source: Path, console: Console
) -> int:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    done = 0
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(source.name, total=1.0)
        for rows, fraction in blocks:
            try:
                prediction = agent.predict(rows)
            except RowError as error:
                number = done + error.row + 1
                raise UsageError(f"{source.name}, row {number}: {error.text}") from error
            except UsageError as error:
                raise UsageError(f"{source.name}, from row {done + 1} on: {error}") from error
            writer.write(prediction)
            done += len(prediction)
            progress.update(task, completed=fraction, description=f"{done} rows")
    return done


class _Writer:
    """Writes predictions as lines."""

    def __init__(self, out: "TextIOBase", suffix: str) -> None:
        self._out = out
        self._csv = csv.writer(out, lineterminator="\n") if suffix == ".csv" else None
        self._header_written = False

    def write(self, prediction: "Prediction") -> None:
        for record in _records(prediction):
            if self._csv is None:
                self._out.write(json.dumps(record) + "\n")
                continue
            flat = _flat(record)
            if not self._header_written:
                self._csv.writerow(flat)
                self._header_written = True
            self._csv.writerow(flat.values())


def _records(prediction: "Prediction") -> Iterator[dict[str, object]]:
    columns: dict[str, list[object]] = {}
    if prediction.labels is not None:
        columns["label"] = prediction.labels.tolist()
    if prediction.probabilities is not None:
        columns["probabilities"] = prediction.probabilities.tolist()
    if prediction.values is not None:
        columns["value"] = [_finite(value) for value in prediction.values.tolist()]
    for row in zip(*columns.values(), strict=True):
        yield dict(zip(columns, row, strict=True))


def _finite(value: object) -> object:
    """Return a number that JSON has; it has neither NaN nor infinities."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _flat(record: Mapping[str, object]) -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in record.items():
        if isinstance(value, list):
            single = "probability" if name == "probabilities" else name
            flat |= {f"{single}_{index}": item for index, item in enumerate(value)}
        else:
            flat[name] = value
    return flat
