"""Reads Parquet and Arrow files and streams block by block, with pyarrow."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import IO, TYPE_CHECKING, Final

from edge_agent.batch.blocks import BLOCK_ROWS, Block, check_names
from edge_contract.errors import UsageError

if TYPE_CHECKING:
    from pyarrow import Array, RecordBatch, RecordBatchFileReader

__all__ = ["arrow", "arrow_file_blocks", "arrow_stream_blocks", "blocks_of", "parquet_blocks"]

_FILE_MAGIC: Final = b"ARROW1"


def arrow(what: str) -> ModuleType:
    """Return pyarrow; raises ``UsageError`` if ``what`` needs it and it is not installed."""
    try:
        import pyarrow
    except ModuleNotFoundError as error:
        raise UsageError(f"{what} needs pyarrow: pip install 'edgefleet[parquet]'") from error
    found: ModuleType = pyarrow
    return found


def parquet_blocks(source: Path) -> Iterator[Block]:
    """Yield the rows of a Parquet file.

    Raises:
        UsageError: pyarrow is missing, or two columns have one name.
        ValueError: It is none.
    """
    pyarrow = arrow("reading Parquet")
    from pyarrow import parquet

    try:
        # pre_buffer would hold whole row groups; without it a column chunk is read as it is needed.
        with parquet.ParquetFile(source, pre_buffer=False, buffer_size=2**16) as file:
            check_names(file.schema_arrow.names, source.name)
            batches = file.iter_batches(BLOCK_ROWS, use_threads=False)
            yield from _blocks(batches, total=lambda: file.metadata.num_rows)
    except pyarrow.ArrowException as error:
        raise ValueError(str(error)) from error


def arrow_file_blocks(source: Path) -> Iterator[Block]:
    """Yield the rows of an Arrow file (Feather is one), or of a stream in a file.

    Raises:
        UsageError: pyarrow is missing, or two columns have one name.
        ValueError: It is neither.
    """
    pyarrow = arrow("reading Arrow")
    with source.open("rb") as file:
        if file.read(len(_FILE_MAGIC)) != _FILE_MAGIC:
            file.seek(0)
            yield from arrow_stream_blocks(file, source.name)
            return
    try:
        with pyarrow.memory_map(str(source)) as mapped, pyarrow.ipc.open_file(mapped) as file:
            check_names(file.schema.names, source.name)
            batches = (file.get_batch(i) for i in range(file.num_record_batches))
            yield from _blocks(batches, total=lambda: _rows_of(file))
    except pyarrow.ArrowException as error:
        raise ValueError(str(error)) from error


def arrow_stream_blocks(file: IO[bytes], name: str) -> Iterator[Block]:
    """Yield the rows of an Arrow stream, such as another process pipes.

    Raises:
        UsageError: pyarrow is missing, or two columns have one name.
        ValueError: It is none.
    """
    pyarrow = arrow("reading Arrow")
    try:
        with pyarrow.ipc.open_stream(file) as reader:
            check_names(reader.schema.names, name)
            yield from blocks_of(reader)
    except pyarrow.ArrowException as error:
        raise ValueError(str(error)) from error


def blocks_of(batches: "Iterable[RecordBatch]") -> Iterator[Block]:
    """Yield the rows of batches whose end is not known yet."""
    return _blocks(batches, total=lambda: 0)


def _blocks(batches: "Iterable[RecordBatch]", *, total: Callable[[], int]) -> Iterator[Block]:
    """Cut batches into blocks; a block never spans two, so that memory stays bounded."""
    rows = total()
    done = 0
    for whole in batches:
        for first in range(0, whole.num_rows, BLOCK_ROWS):
            batch = whole.slice(first, BLOCK_ROWS)
            numbers = range(done + 1, done + batch.num_rows + 1)
            done += batch.num_rows
            names = batch.schema.names
            columns = {
                name: _column(column) for name, column in zip(names, batch.columns, strict=True)
            }
            yield Block(columns, done / rows if rows else 0.0, numbers)


def _rows_of(file: "RecordBatchFileReader") -> int:
    return sum(file.get_batch(index).num_rows for index in range(file.num_record_batches))


def _column(column: "Array") -> object:
    """Return numbers as an array, missing ones as NaN; texts, times and nested values as a list."""
    from pyarrow import types

    kind = column.type
    if types.is_integer(kind) or types.is_floating(kind):
        return column.to_numpy(zero_copy_only=False)
    return column.to_pylist()
