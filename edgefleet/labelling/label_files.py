"""Reads labels out of files: CSV, Parquet, or JSON lines with a prediction id and a truth."""

import csv
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from edge_contract.errors import UsageError
from edge_contract.reading import JsonObject

__all__ = ["LabelColumns", "LabelLine", "Truth", "labels_in", "portions"]

_SUFFIXES: Final = (".csv", ".parquet", ".jsonl")
_MOST_LABELS: Final = 2_000
_MOST_CHARACTERS: Final = 400_000
_BLOCK_ROWS: Final = 4_096

Truth: TypeAlias = str | int | float | list[str | int | float]


class LabelColumns(NamedTuple):
    """What the columns are called."""

    prediction_id: str = "prediction_id"
    truth: str = "truth"
    device: str = "device"
    reason: str = "reason"


@dataclass(frozen=True, slots=True)
class LabelLine:
    """A row of a file.

    Attributes:
        prediction_id: Whose truth it is.
        truth: ``None`` if nobody has found it out yet.
        device: Empty if the file does not say.
        reasons: Why the row was kept as a sample; empty if it was not, or the file does not say.
    """

    prediction_id: str
    truth: Truth | None
    device: str = ""
    reasons: tuple[str, ...] = ()

    @property
    def is_chosen(self) -> bool:
        """Whether the row was kept for what it is, so that its like are commoner than in truth."""
        return bool(self.reasons) and "random" not in self.reasons

    def to_json(self) -> JsonObject:
        """Return it as the API takes it."""
        return {"prediction_id": self.prediction_id, "truth": self.truth, "device": self.device}


def labels_in(path: Path, columns: LabelColumns) -> Iterator[LabelLine]:
    """Yield the rows of a file, a block of it in memory at a time.

    Raises:
        UsageError: It cannot be read, is of another kind, or lacks a column; or a truth is neither
            text nor number nor a list of these.
    """
    if path.suffix not in _SUFFIXES:
        raise UsageError(
            f"{str(path)!r} holds no labels: give a file that ends in {', '.join(_SUFFIXES)}"
        )
    readers = {".csv": _csv_rows, ".parquet": _parquet_rows, ".jsonl": _json_rows}
    try:
        for number, row in readers[path.suffix](path, columns):
            yield _line(row, columns, where=f"{path.name}, row {number}")
    except OSError as error:
        raise UsageError(f"cannot read {str(path)!r}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{str(path)!r} is not UTF-8: {error}") from error


def portions(lines: Iterator[LabelLine]) -> Iterator[list[LabelLine]]:
    """Yield lines in portions that the cloud takes at once."""
    found: list[LabelLine] = []
    characters = 0
    for line in lines:
        length = len(line.prediction_id) + len(str(line.truth)) + 64
        if found and (len(found) == _MOST_LABELS or characters + length > _MOST_CHARACTERS):
            yield found
            found, characters = [], 0
        found.append(line)
        characters += length
    if found:
        yield found


_Numbered: TypeAlias = Iterator[tuple[int, Mapping[str, object]]]


def _csv_rows(path: Path, columns: LabelColumns) -> _Numbered:
    with path.open(newline="", encoding="utf-8-sig") as file:
        csv.field_size_limit(2**24)
        reader = csv.DictReader(file, restkey="", restval="", strict=True)
        try:
            names = reader.fieldnames or ()
            _require(path, columns, names)
            for number, row in enumerate(reader, 1):
                if "" in row and "" not in names:
                    raise UsageError(
                        f"{path.name}, line {reader.line_num}: it has "
                        f"{len(names) + len(row[''])} fields, the first line has {len(names)}"
                    )
                yield number, row
        except csv.Error as error:
            raise UsageError(f"{path.name}, after line {reader.line_num}: {error}") from error


def _json_rows(path: Path, columns: LabelColumns) -> _Numbered:
    with path.open(encoding="utf-8-sig") as file:
        for number, text in enumerate(file, 1):
            if not text.strip():
                continue
            try:
                row = json.loads(text)
            except (ValueError, RecursionError) as error:
                raise UsageError(f"{path.name}, row {number} is no JSON: {error}") from error
            if not isinstance(row, dict):
                raise UsageError(f"{path.name}, row {number} is no object")
            _require(path, columns, row)
            yield number, row


def _parquet_rows(path: Path, columns: LabelColumns) -> _Numbered:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ModuleNotFoundError as error:
        raise UsageError(
            "Parquet files need pyarrow: pip install 'edgefleet[parquet]', or give a CSV file"
        ) from error
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            _require(path, columns, names)
            wanted = [name for name in columns if name in names]
            number = 0
            for batch in file.iter_batches(_BLOCK_ROWS, columns=wanted):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except (pa.ArrowException, pa.ArrowInvalid) as error:
        raise UsageError(f"{str(path)!r} is no readable Parquet file: {error}") from error


def _require(path: Path, columns: LabelColumns, names: Collection[str]) -> None:
    if not names:
        raise UsageError(f"{path.name} is empty: its first line names the columns")
    for option, name in (("--id-column", columns.prediction_id), ("--truth-column", columns.truth)):
        if name not in names:
            known = ", ".join(map(repr, list(names)[:12]))
            raise UsageError(
                f"{path.name} has no column {name!r} (it has {known}): say which one with {option}"
            )


def _line(row: Mapping[str, object], columns: LabelColumns, *, where: str) -> LabelLine:
    prediction_id, device = row[columns.prediction_id], row.get(columns.device)
    truth = _truth(row[columns.truth], where=where)
    if not isinstance(prediction_id, str):
        prediction_id = "" if prediction_id is None else str(prediction_id)
    reasons = str(row.get(columns.reason) or "").split(",")
    return LabelLine(
        prediction_id.strip(),
        truth,
        str(device or "").strip(),
        tuple(reason.strip() for reason in reasons if reason.strip()),
    )


def _truth(value: object, *, where: str) -> Truth | None:
    match value:
        case None | "":
            return None
        case float() if value != value:  # noqa: PLR0124  NaN is how tables write nothing
            return None
        case str():
            return value.strip() or None
        case bool():
            return str(value)
        case int() | float():
            return value
        case list() if all(isinstance(item, str | int | float) for item in value):
            return value or None
        case _:
            raise UsageError(
                f"{where}: truth {value!r:.60} is neither text nor number nor a list of these"
            )
