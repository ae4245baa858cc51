"""How the programs log: a line per fact, for people or as JSON, on standard error or in a file."""

import json
import logging
import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final

from edge_contract.errors import UnavailableError, UsageError

__all__ = ["LogOptions", "log_to_stderr", "start_logging"]

_LEVELS: Final = ("debug", "info", "warning", "error")
_FORMATS: Final = ("console", "json")
_TEXT: Final = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogOptions:
    """What is logged, and where.

    Attributes:
        form: ``console`` for people, ``json`` for programs: one object a line.
        level: Of our own facts; of others' always ``warning``.
        file: Instead of standard error; moved aside when it is full.
        file_bytes: When it is full.
        files: How many full ones stay.

    Raises:
        UsageError: A value is not allowed.
    """

    form: str = "console"
    level: str = "info"
    file: Path | None = None
    file_bytes: int = 10 * 2**20
    files: int = 5

    def __post_init__(self) -> None:
        if self.form not in _FORMATS:
            raise UsageError(f"log format {self.form!r} is unknown: choose console or json")
        if self.level.lower() not in _LEVELS:
            raise UsageError(f"log level {self.level!r} is unknown: choose {', '.join(_LEVELS)}")
        if self.file_bytes < 2**10 or self.files < 0:
            raise UsageError(
                f"log files must hold at least 1 KiB, and their number must be 0 or more; got "
                f"{self.file_bytes} bytes and {self.files} files"
            )


def start_logging(options: LogOptions) -> None:
    """Log from now on as the options say.

    Raises:
        UnavailableError: The file cannot be written.
    """
    handler = _handler(options)
    handler.setFormatter(_JsonLines() if options.form == "json" else logging.Formatter(_TEXT))
    root = logging.getLogger()
    for other in root.handlers[:]:
        root.removeHandler(other)
    root.addHandler(handler)
    root.setLevel("WARNING")
    logging.getLogger("edgefleet").setLevel(options.level.upper())


def log_to_stderr() -> None:
    """Log our own facts from ``EDGEFLEET_LOG`` (by default ``info``) on, others' warnings.

    Raises:
        UsageError: There is no such level.
    """
    options = LogOptions(level=os.environ.get("EDGEFLEET_LOG", "info"))
    logging.basicConfig(format=_TEXT, level="WARNING")
    logging.getLogger("edgefleet").setLevel(options.level.upper())


def _handler(options: LogOptions) -> logging.Handler:
    if options.file is None:
        return logging.StreamHandler()
    try:
        options.file.parent.mkdir(parents=True, exist_ok=True)
        return _FullDiskSafe(
            options.file,
            maxBytes=options.file_bytes,
            backupCount=options.files,
            encoding="utf-8",
        )
    except OSError as error:
        raise UnavailableError(
            f"cannot log into {str(options.file)!r}: {error.strerror}; make it writable or choose "
            "another file"
        ) from error


class _FullDiskSafe(RotatingFileHandler):
    """Says once on standard error that it cannot write, and tries every line again."""

    _has_told = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  its name in logging
        """Tell of a line that could not be written."""
        if not self._has_told:
            self._has_told = True
            error = sys.exc_info()[1]
            sys.stderr.write(f"cannot log into {self.baseFilename!r}: {error}\n")


class _JsonLines(logging.Formatter):
    """One object a line: ``at`` (UTC), ``level``, ``logger``, ``text``, and a traceback if any."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as JSON."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {
            "at": at.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "text": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)
