"""Where answers go: a file that grows line by line, parts that are joined, or standard output.

A file appears under its name only when it is complete. Until then what is durable of it lies beside
its place, cut back to the last checkpoint when a run goes on.
"""

import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from edge_agent.batch.answers import Answers, flat_columns
from edge_agent.batch.durable import GrowingFile
from edge_contract.reading import JsonObject, Reader

__all__ = ["LineFile", "LineStream", "Sink", "lines_of"]


class Sink(Protocol):
    """Takes answers, and can go on where a checkpoint was."""

    def write(self, answers: Answers) -> None:
        """Take the answers of a block."""
        ...

    def checkpoint(self) -> JsonObject:
        """Make durable what was taken; return what a sink needs to go on from here."""
        ...

    def finish(self) -> None:
        """Put the complete file in its place."""
        ...

    def close(self) -> None:
        """Let go of files; what is durable stays. Idempotent."""
        ...

    def discard(self) -> None:
        """Remove what was written beside the place."""
        ...


class LineFile:
    """A :class:`Sink` of lines, CSV or JSON.

    Args:
        target: Where the complete file goes.
        kind: ``csv`` or ``jsonl``.
        state: What :meth:`checkpoint` returned in the run that is continued; ``None`` for a new
            one.

    Raises:
        NothingToContinueError: The earlier run's file is gone or cut off.
    """

    def __init__(self, target: Path, kind: str, state: Reader | None = None) -> None:
        self._kind = kind
        self._file = GrowingFile(target, None if state is None else state["bytes"].integer())

    def write(self, answers: Answers) -> None:
        """Append lines, and before the first ones a header where the form has one."""
        text = lines_of(answers, self._kind, header=self._file.size_bytes == 0)
        self._file.write(text.encode())

    def checkpoint(self) -> JsonObject:
        """Sync the file to the disk."""
        return {"bytes": self._file.sync()}

    def finish(self) -> None:
        """Put the file in its place."""
        self._file.finish()

    def close(self) -> None:
        """Close the file; what is not durable yet may be lost."""
        self._file.close()

    def discard(self) -> None:
        """Remove the file."""
        self._file.discard()


class LineStream:
    """A :class:`Sink` to standard output; nothing to go on with.

    Args:
        kind: ``csv`` or ``jsonl``.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._begun = False

    def write(self, answers: Answers) -> None:
        """Print lines, at once: another process may wait for them."""
        sys.stdout.write(lines_of(answers, self._kind, header=not self._begun))
        sys.stdout.flush()
        self._begun = True

    def checkpoint(self) -> JsonObject:
        """Return nothing."""
        return {}

    def finish(self) -> None:
        """Do nothing: all is printed."""

    def close(self) -> None:
        """Do nothing."""

    def discard(self) -> None:
        """Do nothing."""


class _Text:
    """What :mod:`csv` writes to."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def write(self, text: str) -> None:
        self.parts.append(text)


def lines_of(answers: Answers, kind: str, *, header: bool) -> str:
    """Return answers as lines; ``header`` puts the names above those of CSV."""
    if kind == "jsonl":
        names = list(answers.columns)
        rows = zip(*answers.columns.values(), strict=True)
        dump = json.JSONEncoder(default=str).encode
        return "".join(f"{dump(dict(zip(names, row, strict=True)))}\n" for row in rows)
    columns: dict[str, Sequence[object]] = flat_columns(answers)
    text = _Text()
    writer = csv.writer(text, lineterminator="\n")
    if header:
        writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return "".join(text.parts)
