"""Reads CSV and JSON lines block by block."""

import csv
import json
from collections.abc import Iterator
from typing import IO, TextIO

from edge_agent.batch.blocks import BLOCK_ROWS, BadRow, Block, check_names
from edge_contract.errors import UsageError

__all__ = ["csv_blocks", "json_line_blocks"]


def csv_blocks(file: TextIO, name: str, *, size_bytes: int) -> Iterator[Block]:
    """Yield the rows below a header, as texts by column: the model knows which are numbers.

    Args:
        file: Opened with ``newline=""``.
        name: For errors.
        size_bytes: Of the whole file; 0 if nobody knows.

    Raises:
        UsageError: There is no header, or it names a column twice.
    """
    reader = csv.reader(file)
    header = next(reader, None)
    if not header:
        raise UsageError(f"{name} is empty: its first line must name the features")
    check_names(header, name)
    rows: list[list[str]] = []
    numbers: list[int] = []
    bad: list[BadRow] = []
    number = read = 0
    for row in reader:
        if not row:  # an empty line
            continue
        number += 1
        read += sum(map(len, row)) + len(row)
        if len(row) == len(header):
            rows.append(row)
            numbers.append(number)
        else:
            text = f"row {number} has {len(row)} values, its header {len(header)}"
            bad.append(BadRow(number, text, row))
        if len(rows) + len(bad) == BLOCK_ROWS:
            fraction = min(read / size_bytes, 1.0) if size_bytes else 0.0
            yield Block(_columns(header, rows), fraction, numbers, tuple(bad))
            rows, numbers, bad = [], [], []
    if rows or bad:
        yield Block(_columns(header, rows), 1.0, numbers, tuple(bad))


def _columns(header: list[str], rows: list[list[str]]) -> dict[str, object]:
    columns = zip(*rows, strict=True) if rows else ((),) * len(header)
    return {name: list(column) for name, column in zip(header, columns, strict=True)}


def json_line_blocks(file: IO[bytes], *, size_bytes: int) -> Iterator[Block]:
    """Yield one row a line: an object by feature name, or a list.

    Args:
        file: Opened for bytes.
        size_bytes: Of the whole file; 0 if nobody knows.
    """
    rows: list[object] = []
    numbers: list[int] = []
    bad: list[BadRow] = []
    number = read = 0
    for line_number, line in enumerate(file, 1):
        read += len(line)
        if not line.strip():
            continue
        number += 1
        try:
            rows.append(json.loads(line))
            numbers.append(number)
        except (ValueError, RecursionError) as error:
            text = f"line {line_number} is no JSON: {error}"
            bad.append(BadRow(number, text, line.decode(errors="replace").rstrip("\n")))
        if len(rows) + len(bad) == BLOCK_ROWS:
            fraction = min(read / size_bytes, 1.0) if size_bytes else 0.0
            yield Block(rows, fraction, numbers, tuple(bad))
            rows, numbers, bad = [], [], []
    if rows or bad:
        yield Block(rows, 1.0, numbers, tuple(bad))
