"""Files that survive loss of power, and where they lie until they are complete."""

import contextlib
import json
import os
from pathlib import Path
from typing import IO, Final

from edge_agent.adapters.durable_files import sync_folder, write_durably
from edge_contract.reading import JsonObject

__all__ = [
    "GrowingFile",
    "NothingToContinueError",
    "beside",
    "replace_durably",
    "write_json_durably",
]


_BUFFER_BYTES: Final = 2**20


class NothingToContinueError(Exception):
    """What an earlier run left is not whole; a new one begins from the start."""


class GrowingFile:
    """A file that grows beside its place, and is moved there when it is complete.

    Args:
        target: Its place.
        kept_bytes: How much to keep of what an earlier run had made durable; ``None`` for a new
            one.

    Raises:
        NothingToContinueError: What that run wrote is gone or shorter.
    """

    def __init__(self, target: Path, kept_bytes: int | None = None) -> None:
        self._target = target
        self._partial = beside(target, "part")
        if kept_bytes is None:
            self._file: IO[bytes] = self._partial.open("wb", _BUFFER_BYTES)
            return
        if not self._partial.is_file() or self._partial.stat().st_size < kept_bytes:
            raise NothingToContinueError
        self._file = self._partial.open("r+b", _BUFFER_BYTES)
        self._file.truncate(kept_bytes)
        self._file.seek(kept_bytes)

    @property
    def size_bytes(self) -> int:
        """How much there is by now."""
        return self._file.tell()

    def write(self, data: bytes) -> None:
        """Append data."""
        self._file.write(data)

    def sync(self) -> int:
        """Bring everything to the disk; return how many bytes that are."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._file.tell()

    def finish(self) -> None:
        """Put the file in its place, in the place of one that is there."""
        self.sync()
        self._file.close()
        replace_durably(self._partial, self._target)

    def close(self) -> None:
        """Close the file; what is not durable yet may be lost."""
        with contextlib.suppress(OSError):  # the disk was full before, and that was told
            self._file.close()

    def discard(self) -> None:
        """Remove the file."""
        self.close()
        self._partial.unlink(missing_ok=True)


def beside(target: Path, ending: str) -> Path:
    """Return the hidden neighbour of a file: ``.answers.csv.part``."""
    return target.with_name(f".{target.name}.{ending}")


def replace_durably(new: Path, target: Path) -> None:
    """Move a file that is on the disk to another place, so that the move is on it too."""
    new.replace(target)
    sync_folder(target.parent)


def write_json_durably(path: Path, value: JsonObject) -> None:
    """Write a small file wholly or not at all."""
    new = path.with_name(f"{path.name}.new")
    write_durably(new, json.dumps(value).encode())
    replace_durably(new, path)
