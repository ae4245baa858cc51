"""What can still be read of a batch store that is damaged, and where the rest is kept."""

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Final

from edge_contract.errors import MessageError, UnavailableError
from edge_contract.messages.codec import require_intact
from edge_contract.reading import JsonObject
from edge_contract.records import dataclass, field

__all__ = ["Salvage", "put_aside", "salvaged"]

_KEPT: Final = ".damaged"
_COMPANIONS: Final = ("", "-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True)
class Salvage:
    """What could be read.

    Attributes:
        batches: Boot, number and payload of batches that are whole.
        state: The journal; ``None`` if it cannot be read, or there is none.
        is_complete: Whether everything could be read.
    """

    batches: tuple[tuple[int, int, bytes], ...] = field(default_factory=tuple)
    state: "JsonObject | None" = None
    is_complete: bool = False


def put_aside(path: Path) -> Path:
    """Rename a store with all that belongs to it, in place of one that was put aside before.

    Raises:
        UnavailableError: The folder cannot be written.
    """
    kept = path.with_name(path.name + _KEPT)
    try:
        for companion in _COMPANIONS:
            old = path.with_name(path.name + companion)
            new = kept.with_name(kept.name + companion)
            new.unlink(missing_ok=True)
            if old.exists():
                old.replace(new)
    except OSError as error:
        raise UnavailableError(
            f"cannot move the damaged batch store {str(path)!r} away: {error}; check that its "
            "folder can be written"
        ) from error
    return kept


def salvaged(path: Path) -> Salvage:
    """Return what can be read of a damaged store; nothing of it is ever counted twice.

    A batch that had been acknowledged and forgotten, and comes back so, is known to the collector
    by its number.
    """
    batches: list[tuple[int, int, bytes]] = []
    state: JsonObject | None = None
    is_complete = True
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        try:
            for boot, seq, payload in db.execute("SELECT boot, seq, payload FROM batch"):
                try:
                    require_intact(payload)
                except (MessageError, TypeError):
                    is_complete = False
                else:
                    batches.append((boot, seq, payload))
        except sqlite3.Error:
            is_complete = False
        try:
            row = db.execute("SELECT value FROM journal WHERE name = 'state'").fetchone()
            state = None if row is None else json.loads(row[0])
        except (sqlite3.Error, ValueError, TypeError):
            is_complete = False
    return Salvage(tuple(batches), state, is_complete)
