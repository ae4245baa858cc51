"""Where rows come from: a file, a folder of files, or standard input."""

import csv
import io
import shlex
import sys
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from edge_agent.adapters.wording import shortened
from edge_agent.batch.array_files import npz_blocks
from edge_agent.batch.arrow_files import arrow_file_blocks, arrow_stream_blocks, parquet_blocks
from edge_agent.batch.blocks import Block
from edge_agent.batch.text_files import csv_blocks, json_line_blocks
from edge_contract.errors import UsageError
from edge_contract.reading import JsonObject
from edge_contract.records import dataclass

__all__ = ["STDIO", "Source", "kind_of_file", "parts_of", "read_blocks", "source_at"]

STDIO: Final = Path("-")
"""Stands for standard input and output."""

_KINDS: Final = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".npz": "npz",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".arrows": "arrow",
    ".feather": "arrow",
}
_PACKERS: Final = {".gz": "zcat", ".bz2": "bzcat", ".xz": "xzcat", ".zst": "zstdcat"}
_STREAMS: Final = ("csv", "jsonl", "arrow")

_UNREADABLE: Final = (
    ValueError,
    EOFError,
    csv.Error,
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,  # a way of compressing that Python does not know
    RuntimeError,  # a member that says it is encrypted
)


@dataclass(frozen=True, slots=True)
class Source:
    """Rows to be read, once or again.

    Attributes:
        name: For people.
        kind: One of ``csv``, ``jsonl``, ``npz``, ``parquet``, ``arrow``.
        paths: Files, in this order; none for standard input.
    """

    name: str
    kind: str
    paths: tuple[Path, ...] = ()

    @property
    def is_stream(self) -> bool:
        """Whether it can be read only once."""
        return not self.paths

    def fingerprint(self) -> list[JsonObject]:
        """Return what tells that the files are still the same."""
        found = [(path, path.stat()) for path in self.paths]
        return [
            {"name": path.name, "bytes": info.st_size, "mtime_ns": str(info.st_mtime_ns)}
            for path, info in found
        ]

    def blocks(self) -> Iterator[Block]:
        """Yield all rows; blocks are cut in the same places every time.

        Raises:
            UsageError: A file cannot be read or is damaged.
        """
        if self.is_stream:
            yield from _with_clear_errors(self.name, self.kind, _stream_blocks(self.kind))
            return
        sizes = [path.stat().st_size for path in self.paths]
        total, before, rows = max(sum(sizes), 1), 0, 0
        for path, size in zip(self.paths, sizes, strict=True):
            last = 0
            for block in _with_clear_errors(path.name, self.kind, _file_blocks(path)):
                last = max(last, *block.numbers[-1:], *(bad.number for bad in block.bad), 0)
                fraction = (before + block.fraction * size) / total
                if len(self.paths) == 1:
                    yield block
                else:
                    yield _after(block, rows)._replace(fraction=fraction)
            before += size
            rows += last


def source_at(path: Path, *, kind: str | None = None) -> Source:
    """Return the source that a path stands for: a file, a folder of files, or ``-``.

    Args:
        path: Where.
        kind: Of standard input; by default JSON lines.

    Raises:
        UsageError: It is not there, or nothing that can be read.
    """
    if path == STDIO:
        chosen = kind or "jsonl"
        if chosen not in _STREAMS:
            raise UsageError(
                f"cannot read {chosen!r} from standard input: known are {', '.join(_STREAMS)}"
            )
        return Source("standard input", chosen)
    if path.is_dir():
        parts = parts_of(path)
        return Source(path.name or str(path), kind_of_file(parts[0]), parts)
    found = kind_of_file(path)
    if not path.is_file():
        raise UsageError(f"there is no file {str(path)!r}")
    return Source(path.name, found, (path,))


def parts_of(folder: Path) -> tuple[Path, ...]:
    """Return the files of a folder by name, without hidden ones and those like ``_SUCCESS``.

    Raises:
        UsageError: There are none, or of several kinds, or one that cannot be read, or folders
            beside them, whose rows would be left out in silence.
    """
    found = sorted(path for path in folder.iterdir() if path.name[0] not in "._")
    unknown = [p.name for p in found if p.is_dir() or p.suffix.lower() not in _KINDS]
    if unknown:
        raise UsageError(
            f"folder {str(folder)!r} has {shortened(unknown)}, which cannot be read: give one of "
            f"files alone that end in {', '.join(_KINDS)}"
        )
    files = [path for path in found if path.is_file()]
    kinds = {kind_of_file(path) for path in files}
    if len(kinds) != 1:
        what = f"files of several kinds ({', '.join(sorted(kinds))})" if kinds else "no files"
        raise UsageError(f"folder {str(folder)!r} has {what}: give one of files of one kind")
    return tuple(files)


def kind_of_file(path: Path) -> str:
    """Return what a file is by its ending; raises ``UsageError`` for others."""
    ending = path.suffix.lower()
    kind = _KINDS.get(ending)
    if kind is None:
        if ending in _PACKERS:
            raise UsageError(
                f"cannot read {path.name!r}: unpack it on the way, as by {_PACKERS[ending]} "
                f"{shlex.quote(str(path))} | edgefleet agent score --model MODEL --input-format "
                f"{_KINDS.get(Path(path.stem).suffix.lower(), 'csv')} - OUT"
            )
        raise UsageError(f"cannot read {path.name!r}: known endings are {', '.join(_KINDS)}")
    return kind


def read_blocks(source: Path) -> Iterator[Block]:
    """Return the rows of a file, told by its ending; any row that cannot be read is an error.

    ``.csv`` with a header, ``.jsonl`` with one row a line, ``.npz`` with one array of rows or one
    array per input, ``.parquet``, ``.arrow``, ``.arrows`` and ``.feather`` (need pyarrow).

    Raises:
        UsageError: The file cannot be read, or its kind is unknown; also while iterating.
    """
    return _all_good(source_at(source), source.name)


def _all_good(source: Source, name: str) -> Iterator[Block]:
    for block in source.blocks():
        if block.bad:
            raise UsageError(f"{name}, {block.bad[0].text}")
        yield block


def _file_blocks(path: Path) -> Iterator[Block]:
    size_bytes = max(path.stat().st_size, 1)
    match kind_of_file(path):
        case "csv":
            with path.open(newline="", encoding="utf-8-sig") as texts:
                yield from csv_blocks(texts, path.name, size_bytes=size_bytes)
        case "jsonl":
            with path.open("rb") as file:
                yield from json_line_blocks(file, size_bytes=size_bytes)
        case "npz":
            yield from npz_blocks(path)
        case "parquet":
            yield from parquet_blocks(path)
        case _:
            yield from arrow_file_blocks(path)


def _stream_blocks(kind: str) -> Iterator[Block]:
    file: IO[bytes] = sys.stdin.buffer
    match kind:
        case "csv":
            texts = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
            try:
                yield from csv_blocks(texts, "standard input", size_bytes=0)
            finally:
                texts.detach()  # or it would close standard input
        case "jsonl":
            yield from json_line_blocks(file, size_bytes=0)
        case _:
            yield from arrow_stream_blocks(file, "standard input")


def _with_clear_errors(name: str, kind: str, blocks: Iterator[Block]) -> Iterator[Block]:
    try:
        yield from blocks
    except OSError as error:
        raise UsageError(f"cannot read {name!r}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is damaged or no {kind}: {error}: save it as UTF-8") from error
    except _UNREADABLE as error:
        raise UsageError(f"{name} is damaged or no {kind}: {error}") from error


def _after(block: Block, rows: int) -> Block:
    """Return a block whose rows are counted on from those of earlier files."""
    if not rows:
        return block
    return block._replace(
        numbers=[number + rows for number in block.numbers],
        bad=tuple(bad._replace(number=bad.number + rows) for bad in block.bad),
    )
