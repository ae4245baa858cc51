"""The last lines of the agent's log, kept in memory for who asks from far away."""

import logging
from collections import deque
from datetime import UTC, datetime
from typing import Final

__all__ = ["MOST_LINES", "LogTail"]

MOST_LINES: Final = 500
_LONGEST_LINE: Final = 500


class LogTail(logging.Handler):
    """Listens to the agent's log until it is closed."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: deque[str] = deque(maxlen=MOST_LINES)
        self._logger = logging.getLogger("edgefleet")
        self._logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line; a traceback is cut to its last line."""
        at = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        text = f"{at} {record.levelname} {record.name}: {record.getMessage()}"
        if record.exc_info and record.exc_info[1] is not None:
            text = f"{text} ({type(record.exc_info[1]).__name__}: {record.exc_info[1]})"
        self._lines.append(text[:_LONGEST_LINE])

    def close(self) -> None:
        """Listen no more. Idempotent."""
        self._logger.removeHandler(self)
        super().close()

    def last(self, lines: int, *, most_characters: int) -> str:
        """Return the last lines, oldest first; older ones are left out where they are too long."""
        found: list[str] = []
        room = most_characters
        for line in reversed([*self._lines][-lines:]):
            room -= len(line) + 1
            if room < 0:
                break
            found.append(line)
        return "\n".join(reversed(found))
