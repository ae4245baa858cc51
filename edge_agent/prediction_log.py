"""The prediction log: a share of the calls, rows and answers, in a file of the device, for people.

It is off unless somebody asks for it, never leaves the device, and never holds up a call: what
cannot be written soon enough is left out and counted.
"""

import contextlib
import json
import logging
import os
import queue
import threading
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_agent.adapters.inputs import Rows
from edge_contract.errors import UsageError

if TYPE_CHECKING:
    from edge_agent.prediction import Prediction

__all__ = ["PREDICTIONS_NAME", "PredictionLog"]

PREDICTIONS_NAME: Final = "predictions.jsonl"

_MOST_ROWS: Final = 20
_MOST_WAITING: Final = 256
_LEAVE_S: Final = 0.5
_TURN: Final = 1.0 - 1e-6  # ten times 0.1 is a bit less than 1

_log = logging.getLogger("edgefleet.agent")


class PredictionLog:
    """Two files of JSON lines, the older one dropped when the newer one is full.

    Args:
        folder: Where ``predictions.jsonl`` lies, and ``predictions.jsonl.1`` with what came before.
        share: Of the calls, above 0 and at most 1: of ten calls 0.1 logs the tenth.
        most_bytes: Of both files together.

    Raises:
        UsageError: The share is none.
    """

    def __init__(self, folder: Path, share: float, *, most_bytes: int = 32 * 2**20) -> None:
        if not 0 < share <= 1:
            raise UsageError(f"the share of logged predictions must be from 0 to 1, got {share}")
        self._path = folder / PREDICTIONS_NAME
        self._older = folder / f"{PREDICTIONS_NAME}.1"
        self._share = share
        self._file_bytes = most_bytes // 2
        self._due = 0.0
        self._left_out = 0
        self._lines: queue.Queue[bytes | None] = queue.Queue(_MOST_WAITING)
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="edgefleet-predictions", daemon=True)
        self._thread.start()

    def offer(self, rows: Rows, prediction: "Prediction") -> None:
        """Log a call if it is its turn. Never raises, never waits."""
        self._due += self._share  # two threads at once may log one call more or less
        if self._due < _TURN:
            return
        self._due -= 1.0
        try:
            self._lines.put_nowait(_line(rows, prediction))
        except queue.Full:
            self._left_out += 1
        except Exception as error:  # noqa: BLE001  a log must not cost anybody an answer
            self._left_out += 1
            _log.warning("a prediction could not be logged: %s", error)

    def size_bytes(self) -> int:
        """Return the size of both files."""
        return sum(map(_size, (self._path, self._older)))

    def clear(self) -> None:
        """Remove what is logged, because its room is needed."""
        with self._lock:
            for path in (self._path, self._older):
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)

    def close(self) -> None:
        """Write what waits, for half a second at most."""
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait(None)
        self._thread.join(_LEAVE_S)
        if self._left_out:
            _log.info("%d predictions were not logged: too many came at once", self._left_out)

    def _run(self) -> None:
        has_told = False
        while (line := self._lines.get()) is not None:
            try:
                with self._lock:
                    self._append(line)
            except OSError as error:
                self._left_out += 1
                if not has_told:
                    has_told = True
                    _log.warning("cannot log predictions into %s: %s", self._path, error.strerror)

    def _append(self, line: bytes) -> None:
        if _size(self._path) + len(line) > self._file_bytes:
            with contextlib.suppress(FileNotFoundError):
                self._path.replace(self._older)
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with open(handle, "wb") as file:  # noqa: PTH123  made for this user only
            file.write(line)


def _line(rows: Rows, prediction: "Prediction") -> bytes:
    answer: dict[str, object] = {
        "at": datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds"),
        "id": prediction.id,
        "model": prediction.model,
        "count": len(prediction),
        "rows": _first(rows),
    }
    for name in ("labels", "probabilities", "values"):
        column = getattr(prediction, name)
        if column is not None:
            answer[name] = column[:_MOST_ROWS].tolist()
    return json.dumps(answer, default=_plain).encode() + b"\n"


def _first(rows: object) -> object:
    """Return the first rows in a form that JSON has."""
    names = getattr(rows, "columns", None)
    match rows:
        case Mapping():
            return {str(name): _first(column) for name, column in rows.items()}
        case np.ndarray() | list() | tuple():
            return rows[:_MOST_ROWS]
        case _ if isinstance(names, Iterable) and hasattr(rows, "__getitem__"):
            return {str(name): _first(list(rows[name][:_MOST_ROWS])) for name in names}
        case _:
            return rows


def _plain(value: object) -> object:
    if isinstance(value, (bytes, bytearray, memoryview)):  # a picture
        return f"{len(value)} bytes"
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
