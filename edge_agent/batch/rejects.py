"""The side file: rows without a prediction, each with its number and the reason."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from edge_agent.batch.blocks import BadRow
from edge_agent.batch.durable import GrowingFile

__all__ = ["RejectFile", "RejectStream", "Rejects"]


class Rejects(Protocol):
    """Takes rows without a prediction."""

    def write(self, rows: Sequence[BadRow]) -> None:
        """Take some."""
        ...

    def checkpoint(self) -> int:
        """Make durable what was taken; return how many bytes it has."""
        ...

    def finish(self) -> None:
        """Put the complete file in its place."""
        ...

    def close(self) -> None:
        """Let go of the file. Idempotent."""
        ...

    def discard(self) -> None:
        """Remove what was written beside the place."""
        ...


class RejectFile:
    """JSON lines ``{"row": 17, "reason": ..., "values": ...}``.

    Written beside its place and moved there at the end, if there is any such row; otherwise one
    that an earlier run left there is removed.

    Args:
        target: Where it goes.
        kept_bytes: How much to keep of the run that is continued; ``None`` for a new one.

    Raises:
        NothingToContinueError: What that run wrote is gone or cut off.
    """

    def __init__(self, target: Path, kept_bytes: int | None = None) -> None:
        self._target = target
        self._file = GrowingFile(target, kept_bytes)

    def write(self, rows: Sequence[BadRow]) -> None:
        """Append rows."""
        for row in rows:
            self._file.write(_line(row).encode())

    def checkpoint(self) -> int:
        """Sync the file to the disk; return its size in bytes."""
        return self._file.sync()

    def finish(self) -> None:
        """Put the file in its place, or nothing if there is nothing in it."""
        if self._file.sync():
            self._file.finish()
        else:
            self._file.discard()
            self._target.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file; what is not durable yet may be lost."""
        self._file.close()

    def discard(self) -> None:
        """Remove what was written beside the place."""
        self._file.discard()


class RejectStream:
    """The same lines on standard error, where answers go to standard output."""

    def write(self, rows: Sequence[BadRow]) -> None:
        """Print rows."""
        for row in rows:
            sys.stderr.write(_line(row))

    def checkpoint(self) -> int:
        """Return 0: nothing is kept."""
        return 0

    def finish(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""

    def discard(self) -> None:
        """Do nothing."""


def _line(row: BadRow) -> str:
    line = {"row": row.number, "reason": row.text, "values": row.values}
    return f"{json.dumps(line, default=_plain)}\n"


def _plain(value: object) -> object:
    """Return what JSON can hold for a number of numpy's, a time or the like."""
    return value.tolist() if hasattr(value, "tolist") else str(value)
