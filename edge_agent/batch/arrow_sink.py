"""Answers as Parquet or Arrow: durable parts, joined at the end.

Neither form can be continued after a crash, because each ends with a table of contents. So every
checkpoint writes a part of its own, and the parts are joined when all are there.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_agent.adapters.durable_files import sync_folder
from edge_agent.batch.answers import Answers
from edge_agent.batch.arrow_files import arrow
from edge_agent.batch.durable import NothingToContinueError, beside, replace_durably
from edge_contract.errors import UsageError
from edge_contract.reading import JsonObject, Reader

if TYPE_CHECKING:
    from pyarrow import RecordBatch, RecordBatchFileWriter, Schema
    from pyarrow.parquet import ParquetWriter

__all__ = ["ArrowFile"]

_GROUP_ROWS: Final = 65_536


class ArrowFile:
    """A :class:`edge_agent.batch.sinks.Sink` of columns.

    Args:
        target: Where the complete file goes.
        kind: ``parquet`` or ``arrow``.
        state: What :meth:`checkpoint` returned in the run that is continued; ``None`` for a new
            one.

    Raises:
        UsageError: pyarrow is missing.
        NothingToContinueError: A part of the earlier run is gone.
    """

    def __init__(self, target: Path, kind: str, state: Reader | None = None) -> None:
        self._arrow = arrow(f"writing {target.name}")
        self._target = target
        self._kind = kind
        self._folder = beside(target, "parts")
        self._parts = 0 if state is None else self._found(state["parts"].integer(low=0))
        self._waiting: list[RecordBatch] = []
        if state is None:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(exist_ok=True)
        self._schema: Schema | None = None if self._parts == 0 else self._schema_of(self._path(0))

    def write(self, answers: Answers) -> None:
        """Hold answers; many of them make a part."""
        if not answers:
            return
        try:
            batch = self._arrow.RecordBatch.from_pydict(
                dict(answers.columns), self._schema or self._guessed(answers)
            )
        except self._arrow.ArrowException as error:
            raise UsageError(
                f"answers cannot be one column in {self._target.name!r}: {error}; write .jsonl"
            ) from error
        self._schema = batch.schema
        self._waiting.append(batch)
        if sum(batch.num_rows for batch in self._waiting) >= _GROUP_ROWS:
            self._write_part()

    def checkpoint(self) -> JsonObject:
        """Write what waits as a part, synced to the disk."""
        self._write_part()
        return {"parts": self._parts}

    def finish(self) -> None:
        """Join the parts and put the file in its place; again if that broke off the last time."""
        self._write_part()
        whole = beside(self._target, "part")
        schema = self._schema or self._arrow.schema([("row", self._arrow.int64())])
        with closing(self._writer(whole, schema)) as writer:
            for index in range(self._parts):
                for batch in self._batches(self._path(index)):
                    writer.write_batch(batch)
        _sync(whole)
        replace_durably(whole, self._target)
        shutil.rmtree(self._folder, ignore_errors=True)

    def close(self) -> None:
        """Forget what waits."""
        self._waiting.clear()

    def discard(self) -> None:
        """Remove all parts."""
        shutil.rmtree(self._folder, ignore_errors=True)
        beside(self._target, "part").unlink(missing_ok=True)

    def _write_part(self) -> None:
        if not self._waiting or self._schema is None:
            return
        path = self._path(self._parts)
        table = self._arrow.Table.from_batches(self._waiting, self._schema).combine_chunks()
        with closing(self._writer(path, self._schema)) as writer:
            writer.write_table(table)
        _sync(path)
        sync_folder(self._folder)
        self._parts += 1
        self._waiting.clear()

    def _found(self, parts: int) -> int:
        for index in range(parts):
            if not self._path(index).is_file():
                raise NothingToContinueError
        return parts

    def _guessed(self, answers: Answers) -> "Schema":
        """Return the types of columns by the first answers; texts where nothing is known yet."""
        pa = self._arrow
        known = {"row": pa.int64(), "probabilities": pa.list_(pa.float32()), "value": pa.float32()}
        fields: list[tuple[str, object]] = []
        for name, column in answers.columns.items():
            kind = pa.array(column).type
            if pa.types.is_list(kind) and name == "value":
                kind = pa.list_(pa.float32())
            elif name in known:
                kind = known[name]
            fields.append((name, pa.string() if pa.types.is_null(kind) else kind))
        return pa.schema(fields)

    def _path(self, index: int) -> Path:
        return self._folder / f"part-{index:06d}"

    def _writer(self, path: Path, schema: "Schema") -> "ParquetWriter | RecordBatchFileWriter":
        if self._kind == "parquet":
            from pyarrow import parquet

            return parquet.ParquetWriter(path, schema)
        return self._arrow.ipc.new_file(str(path), schema)

    def _schema_of(self, path: Path) -> "Schema":
        if self._kind == "parquet":
            from pyarrow import parquet

            return parquet.read_schema(path)
        with self._arrow.ipc.open_file(str(path)) as file:
            return file.schema

    def _batches(self, path: Path) -> "Iterator[RecordBatch]":
        if self._kind == "parquet":
            from pyarrow import parquet

            with parquet.ParquetFile(path) as file:
                yield from file.iter_batches(_GROUP_ROWS, use_threads=False)
        else:
            with self._arrow.ipc.open_file(str(path)) as file:
                for index in range(file.num_record_batches):
                    yield file.get_batch(index)


def _sync(path: Path) -> None:
    with path.open("r+b") as file:
        os.fsync(file.fileno())
