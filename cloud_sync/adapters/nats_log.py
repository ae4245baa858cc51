"""What a nats-server has written to its log: what is new, and what it said last."""

import os
from pathlib import Path
from typing import Final

__all__ = ["NatsLog"]

_MOST_BYTES: Final = 1_000_000


class NatsLog:
    """One log file, read from where the last reading ended.

    Attributes:
        path: Where the server writes it; it need not be there yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read_bytes = 0

    def news(self) -> bytes:
        """Return what was logged since the last time, or the end of that; nothing without a log."""
        try:
            with self.path.open("rb") as log:
                size = log.seek(0, os.SEEK_END)
                begin = self._read_bytes if self._read_bytes <= size else 0  # it began a new file
                self._read_bytes = size
                log.seek(max(begin, size - _MOST_BYTES))
                return log.read(_MOST_BYTES)
        except OSError:
            return b""  # it has not begun a log yet

    def last_errors(self) -> list[str]:
        """Return the last two lines that tell of errors."""
        lines = self.path.read_text(errors="replace").splitlines() if self.path.exists() else []
        return [line for line in lines if "[FTL]" in line or "[ERR]" in line][-2:]
