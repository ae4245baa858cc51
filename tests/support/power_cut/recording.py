"""What a real process did to the files of a folder, call by call.

A small library that is preloaded writes it down (``recorder.c``): SQLite's calls, Python's and
onnxruntime's alike.
"""

import enum
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["MARKS", "Kind", "Operation", "can_record", "operations_in", "recorded"]

MARKS: Final = ".marks"
"""What is written into this file of the folder are notes of the process itself."""

_RECORD: Final = struct.Struct("=IiQIIII")
_SOURCE: Final = Path(__file__).with_name("recorder.c")


class Kind(enum.IntEnum):
    """What was called; the numbers are those of ``recorder.c``."""

    OPEN = 1
    WRITE = 2
    TRUNCATE = 3
    SYNC = 4
    RENAME = 5
    UNLINK = 6
    MKDIR = 7
    RMDIR = 8
    CLOSE = 9


@dataclass(frozen=True, slots=True)
class Operation:
    """One call that succeeded.

    Attributes:
        kind: Which.
        fd: The file descriptor; -1 where a path is given instead.
        offset: Where it wrote, or the length it cut a file to.
        flags: Of opening.
        path: Within the folder.
        other: Where that was moved.
        data: What it wrote.
    """

    kind: Kind
    fd: int = -1
    offset: int = 0
    flags: int = 0
    path: str = ""
    other: str = ""
    data: bytes = b""


def can_record() -> bool:
    """Return whether this machine can preload what it compiles."""
    return sys.platform == "linux" and shutil.which("cc") is not None


def recorded(
    module: str, folder: Path, scratch: Path, environment: Mapping[str, str] | None = None
) -> list[Operation]:
    """Run ``python -m MODULE FOLDER`` and return what it did there.

    Args:
        module: It writes notes into :data:`MARKS`.
        folder: Made for it.
        scratch: For the library and the log.
        environment: Beside this process's.
    """
    library, log = scratch / "recorder.so", scratch / "log"
    options = ["-shared", "-fPIC", "-O1", "-ldl", "-lpthread"]
    subprocess.run(["cc", "-o", str(library), str(_SOURCE), *options], check=True)
    folder.mkdir()
    variables = {
        **os.environ,
        **(environment or {}),
        "LD_PRELOAD": str(library),
        "POWER_CUT_ROOT": str(folder),
        "POWER_CUT_LOG": str(log),
    }
    subprocess.run([sys.executable, "-m", module, str(folder)], check=True, env=variables)
    return list(operations_in(log.read_bytes()))


def operations_in(log: bytes) -> Iterator[Operation]:
    """Yield what a log holds."""
    place = 0
    while place < len(log):
        kind, fd, offset, flags, *sizes = _RECORD.unpack_from(log, place)
        place += _RECORD.size
        parts: list[bytes] = []
        for size in sizes:
            parts.append(log[place : place + size])
            place += size
        path, other, data = parts
        yield Operation(Kind(kind), fd, offset, flags, os.fsdecode(path), os.fsdecode(other), data)
