"""Reads files of rows block by block, in memory bounded by a block."""

import contextlib
import csv
import json
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, NamedTuple

import numpy as np

from edge_agent.adapters.inputs import Rows
from edge_contract.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pyarrow import Array

__all__ = ["Block", "read_blocks"]

_BLOCK_ROWS: Final = 2048

_UNREADABLE: Final = (
    ValueError,
    EOFError,
    csv.Error,
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,  # a way of compressing that Python does not know
    RuntimeError,  # a member that says it is encrypted
)


class Block(NamedTuple):
    """Some rows, and which fraction of the file is read after them."""

    rows: Rows
    fraction: float


def read_blocks(source: Path) -> Iterator[Block]:
    """Return the rows of a file, told by its ending.

    ``.csv`` with a header, ``.jsonl`` with one row a line, ``.npz`` with one array of rows or one
    array per input, ``.parquet`` (needs pyarrow).

    Raises:
        UsageError: The file cannot be read, or its kind is unknown; also while iterating.
    """
    readers: dict[str, Callable[[Path], Iterator[Block]]] = {
        ".csv": _csv,
        ".jsonl": _json_lines,
        ".npz": _npz,
        ".parquet": _parquet,
    }
    if source.suffix not in readers:
        raise UsageError(
            f"cannot read {source.name!r}: known endings are {', '.join(sorted(readers))}"
        )
    if not source.is_file():
        raise UsageError(f"there is no file {str(source)!r}")
    return _with_clear_errors(source, readers[source.suffix](source))


def _with_clear_errors(source: Path, blocks: Iterator[Block]) -> Iterator[Block]:
    try:
        yield from blocks
    except OSError as error:
        raise UsageError(f"cannot read {str(source)!r}: {error.strerror or error}") from error
    except _UNREADABLE as error:
        raise UsageError(f"{source.name} is damaged or no {source.suffix}: {error}") from error


def _csv(source: Path) -> Iterator[Block]:
    size = max(source.stat().st_size, 1)
    with source.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file)
        header = next(reader, None)
        if not header:
            raise UsageError(f"{source.name} is empty: its first line must name the features")
        if len(set(header)) < len(header):
            raise UsageError(f"{source.name} has several columns of the same name: {header}")
        rows: list[list[str]] = []
        number, read = 0, 0
        for row in reader:
            if not row:  # an empty line
                continue
            number += 1
            if len(row) != len(header):
                raise UsageError(
                    f"{source.name}, row {number} has {len(row)} values, its header {len(header)}"
                )
            rows.append(row)
            read += sum(map(len, row)) + len(row)
            if len(rows) == _BLOCK_ROWS:
                yield Block(_columns(header, rows), min(read / size, 1.0))
                rows = []
        if rows:
            yield Block(_columns(header, rows), 1.0)


def _columns(header: list[str], rows: list[list[str]]) -> dict[str, object]:
    """Return columns as texts: which of them are numbers is known to the model."""
    return {
        name: list(column) for name, column in zip(header, zip(*rows, strict=True), strict=True)
    }


def _json_lines(source: Path) -> Iterator[Block]:
    size = max(source.stat().st_size, 1)
    rows: list[object] = []
    read = 0
    with source.open("rb") as file:
        for number, line in enumerate(file, 1):
            read += len(line)
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise UsageError(f"{source.name}, line {number} is no JSON: {error}") from error
            rows.append(row)
            if len(rows) == _BLOCK_ROWS:
                yield Block(rows, read / size)
                rows = []
    if rows:
        yield Block(rows, 1.0)


def _npz(source: Path) -> Iterator[Block]:
    with contextlib.ExitStack() as stack:
        archive = stack.enter_context(zipfile.ZipFile(source))
        names = [name for name in archive.namelist() if name.endswith(".npy")]
        arrays = {
            name.removesuffix(".npy"): _NpyRows(stack.enter_context(archive.open(name)), name)
            for name in names
        }
        lengths = {name: array.left for name, array in arrays.items()}
        if len(set(lengths.values())) != 1:
            raise UsageError(f"{source.name} must hold arrays of one length, got {lengths}")
        total = next(iter(lengths.values()))
        for first in range(0, total, _BLOCK_ROWS):
            block = {name: array.read(_BLOCK_ROWS) for name, array in arrays.items()}
            rows: Rows = next(iter(block.values())) if len(block) == 1 else block
            yield Block(rows, min((first + _BLOCK_ROWS) / total, 1.0))


class _NpyRows:
    """One array of an archive, read row by row; as a whole if it was saved column by column.

    Attributes:
        left: Rows that were not read yet.
    """

    def __init__(self, file: IO[bytes], name: str) -> None:
        self._file = file
        version = np.lib.format.read_magic(file)
        read_header = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        shape, by_columns, self._dtype = read_header(file)
        if not shape or self._dtype.hasobject:
            raise ValueError(
                f"{name} has type {self._dtype} and shape {shape}: save rows of plain numbers or "
                "texts"
            )
        self.left = shape[0]
        self._row_shape = shape[1:]
        self._whole: NDArray[np.generic] | None = None
        if by_columns:
            self._whole = self._next(shape[0]).reshape(shape[::-1]).T

    def read(self, rows: int) -> "NDArray[np.generic]":
        """Return the next rows, at most so many."""
        count = min(rows, self.left)
        self.left -= count
        if self._whole is not None:
            first = len(self._whole) - self.left - count
            return self._whole[first : first + count]
        return self._next(count)

    def _next(self, rows: int) -> "NDArray[np.generic]":
        values = rows * int(np.prod(self._row_shape, dtype=np.int64))
        data = self._file.read(values * self._dtype.itemsize)
        if len(data) < values * self._dtype.itemsize:
            raise EOFError("the file is cut off")
        return np.frombuffer(data, self._dtype).reshape(rows, *self._row_shape)


def _parquet(source: Path) -> Iterator[Block]:
    try:
        from pyarrow import ArrowException, parquet
    except ModuleNotFoundError as error:
        raise UsageError(
            "reading Parquet needs pyarrow: pip install 'edgefleet[parquet]'"
        ) from error
    try:
        with parquet.ParquetFile(source) as file:
            names = file.schema_arrow.names
            if len(set(names)) < len(names):
                raise UsageError(f"{source.name} has several columns of the same name: {names}")
            total, read = max(file.metadata.num_rows, 1), 0
            for batch in file.iter_batches(_BLOCK_ROWS):
                read += batch.num_rows
                columns = zip(names, batch.columns, strict=True)
                yield Block({name: _arrow_column(column) for name, column in columns}, read / total)
    except ArrowException as error:
        raise ValueError(str(error)) from error


def _arrow_column(column: "Array") -> object:
    """Return numbers as an array, missing ones as NaN; texts, times and nested values as a list."""
    from pyarrow import types

    kind = column.type
    if types.is_integer(kind) or types.is_floating(kind):
        return column.to_numpy(zero_copy_only=False)
    return column.to_pylist()
