"""What must survive a crash, in one SQLite file."""

import json
import os
import sqlite3
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from edge_agent.core.kept_batches import StoredBatch
from edge_contract.errors import EdgeError, MessageError, UnavailableError, UsageError
from edge_contract.messages import BatchId, TelemetryBatch, decode, encode
from edge_contract.messages.codec import require_intact
from edge_contract.reading import JsonObject

__all__ = ["LABELLED_DAYS", "LABELLED_ROWS", "DamagedStoreError", "SqliteBatchStore"]

LABELLED_ROWS: Final = 100_000
LABELLED_DAYS: Final = 30

_DAY_S: Final = 86_400
_DAMAGED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS batch (
    boot INTEGER NOT NULL, seq INTEGER NOT NULL, payload BLOB NOT NULL,
    PRIMARY KEY (boot, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS mark (ring TEXT PRIMARY KEY, counters TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS labelled (
    place INTEGER PRIMARY KEY, key INTEGER NOT NULL UNIQUE, day INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS journal (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""


_FORGET_PAST_BOUND: Final = (
    "DELETE FROM labelled WHERE place <= (SELECT max(place) FROM labelled) - ?"
)


class DamagedStoreError(UnavailableError):
    """The file is no whole database any more; what can be read of it can be moved to a new one."""


class SqliteBatchStore:
    """A :class:`edge_agent.ports.BatchStore` and ``LabelStore`` in a file.

    Holds the file for itself, so that no two agents keep their state in one place; the lock ends
    with the process, however that ends.

    Args:
        path: The file; made if missing, in a folder that exists.
        wait_s: For another agent that is about to leave.
        is_durable: Whether what was saved is to survive a power cut.
        labelled_rows: How many labelled rows to remember; each takes about 40 bytes.
        labelled_days: For how many days.

    Raises:
        UsageError: Another agent uses the file.
        DamagedStoreError: It is damaged.
        UnavailableError: The file cannot be opened.

    Reading raises ``EdgeError`` if what is in the file is damaged.
    """

    def __init__(
        self,
        path: Path,
        *,
        wait_s: float = 5.0,
        is_durable: bool = True,
        labelled_rows: int = LABELLED_ROWS,
        labelled_days: int = LABELLED_DAYS,
    ) -> None:
        self._path = path
        self._labelled_rows = labelled_rows
        self._labelled_days = labelled_days
        self._swept_before: int | None = None
        self._lock = threading.RLock()
        with self._errors("open"):
            self._db = sqlite3.connect(
                path, isolation_level=None, timeout=wait_s, check_same_thread=False
            )
        try:
            with self._errors("open"):
                self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
                # save() promises durability, where anything is to last
                self._db.execute(f"PRAGMA journal_mode = {'WAL' if is_durable else 'MEMORY'}")
                self._db.execute(f"PRAGMA synchronous = {'FULL' if is_durable else 'OFF'}")
                self._db.executescript(_SCHEMA)
            with self._transaction("open"):  # from here on the file is locked
                self._db.execute(
                    "INSERT OR IGNORE INTO journal VALUES ('identity', ?)",
                    (str(_chance(64)),),
                )
        except EdgeError:
            self._db.close()
            raise

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def require_sound(self) -> None:
        """Look the whole file over; raises ``DamagedStoreError`` for what is not as it was saved.

        Without this a page that is damaged would be found when it is needed, or never.
        """
        with self._errors("look over"):
            (found,) = self._db.execute("PRAGMA integrity_check(1)").fetchone()
        if found != "ok":
            raise self._damaged(" ".join(str(found).split()))
        try:
            self.messages("")
            self.marks()
            self.state()
        except UnavailableError:
            raise
        except EdgeError as error:
            raise self._damaged(str(error.__cause__ or error)) from error

    def take_over(
        self, batches: Sequence[tuple[int, int, bytes]], state: "JsonObject | None"
    ) -> None:
        """Keep what could be read of a store that was damaged, in place of this new one's.

        Args:
            batches: Boot, number and payload.
            state: The journal; ``None`` if it could not be read.
        """
        with self._transaction("save to"):
            self._many("INSERT OR REPLACE INTO batch VALUES (?, ?, ?)", list(batches))
            if state is not None:
                self._db.execute(
                    "INSERT OR REPLACE INTO journal VALUES ('state', ?)", (json.dumps(state),)
                )

    def identity(self) -> int:
        """Return a number that no other store has, below 2**64."""
        return int(self._value("identity") or 0)

    def next_boot(self, at_unix_s: float) -> int:
        """Return a greater number than ever before, also than before the folder was wiped.

        It is the time in its upper 33 bits and chance in its lower 20, or one more than the last.
        """
        by_clock = (int(at_unix_s) & 0x1FFFFFFFF) << 20 | _chance(20)
        with self._transaction("note a start in"):
            boot = max(by_clock, int(self._value("boot") or -1) + 1)
            self._db.execute("INSERT OR REPLACE INTO journal VALUES ('boot', ?)", (str(boot),))
        return boot

    def save(
        self,
        batches: Sequence[TelemetryBatch],
        marks: Mapping[str, tuple[int, ...]],
        replaces: Sequence[BatchId] = (),
    ) -> None:
        """Keep batches and marks and forget others, in one transaction."""
        rows = [(batch.batch_id.boot, batch.batch_id.seq, encode(batch)) for batch in batches]
        with self._transaction("save to"):
            forgotten = self._delete(replaces)
            new = self._many("INSERT OR IGNORE INTO batch VALUES (?, ?, ?)", rows)
            if new < len(rows):  # saved before
                self._many("INSERT OR REPLACE INTO batch VALUES (?, ?, ?)", rows)
            self._many(
                "INSERT OR REPLACE INTO mark VALUES (?, ?)",
                [(ring, json.dumps(counters)) for ring, counters in marks.items()],
            )
            self._db.execute(
                "INSERT INTO journal VALUES ('batches', ?1) "
                "ON CONFLICT (name) DO UPDATE SET value = value + ?1",
                (new - forgotten,),
            )

    def batches_saved(self) -> int:
        """Return how many batches were ever saved, those less that others replaced."""
        return int(self._value("batches") or 0)

    def delete(self, batch_ids: Sequence[BatchId]) -> None:
        """Forget batches."""
        with self._transaction("delete from"):
            self._delete(batch_ids)

    def batches(self) -> list[TelemetryBatch]:
        """Return all batches, oldest first."""
        with self._errors("read"):
            rows = self._db.execute("SELECT payload FROM batch ORDER BY boot, seq").fetchall()
            return [_batch(payload) for (payload,) in rows]

    def messages(self, device: str) -> list[StoredBatch]:
        """Return all batches as they are sent, oldest first; far quicker than to read them."""
        found: list[StoredBatch] = []
        with self._errors("read"):
            # Read at once: a cursor that an error leaves open would keep the file locked.
            rows = self._db.execute("SELECT boot, seq, payload FROM batch ORDER BY boot, seq")
            for boot, seq, payload in rows.fetchall():
                require_intact(payload)
                found.append(StoredBatch(BatchId(device, boot, seq), payload))
        return found

    def marks(self) -> Mapping[str, tuple[int, ...]]:
        """Return all ring marks."""
        with self._errors("read"):
            rows = self._db.execute("SELECT ring, counters FROM mark").fetchall()
            return {ring: tuple(json.loads(counters)) for ring, counters in rows}

    def forget_marks(self, rings: Collection[str]) -> None:
        """Forget the marks of rings that are gone."""
        with self._transaction("delete from"):
            self._db.executemany("DELETE FROM mark WHERE ring = ?", [(ring,) for ring in rings])

    def note_labelled(self, keys: Sequence[int], at_unix_s: float) -> list[bool]:
        """Note rows as labelled; return of each whether it was not before."""
        day = int(at_unix_s // _DAY_S)
        with self._errors("save to"):
            # The next save() syncs the log, and what stands in it before: no need to wait here.
            self._db.execute("PRAGMA synchronous = NORMAL")
            try:
                with self._transaction("save to"):
                    self._forget_labelled(before_day=day - self._labelled_days)
                    is_new = [self._note(key, day) for key in keys]
                    self._db.execute(_FORGET_PAST_BOUND, (self._labelled_rows,))
            finally:
                self._db.execute("PRAGMA synchronous = FULL")
        self._swept_before = day - self._labelled_days
        return is_new

    def _note(self, key: int, day: int) -> bool:
        statement = "INSERT OR IGNORE INTO labelled (key, day) VALUES (?, ?)"
        return self._db.execute(statement, (key, day)).rowcount > 0

    def _forget_labelled(self, *, before_day: int) -> None:
        """Forget the rows that are too old; only once a day, for it reads all."""
        if self._swept_before != before_day:
            self._db.execute("DELETE FROM labelled WHERE day < ?", (before_day,))

    def save_state(self, state: JsonObject) -> None:
        """Keep the journal."""
        with self._transaction("save to"):
            self._db.execute(
                "INSERT OR REPLACE INTO journal VALUES ('state', ?)", (json.dumps(state),)
            )

    def state(self) -> "JsonObject | None":
        """Return the journal."""
        text = self._value("state")
        with self._errors("read"):
            state: JsonObject | None = None if text is None else json.loads(text)
        return state

    def _value(self, name: str) -> str | None:
        with self._errors("read"):
            row = self._db.execute("SELECT value FROM journal WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def _delete(self, batch_ids: Sequence[BatchId]) -> int:
        keys = [(batch_id.boot, batch_id.seq) for batch_id in batch_ids]
        return self._many("DELETE FROM batch WHERE boot = ? AND seq = ?", keys)

    def _many(self, statement: str, rows: Sequence[tuple[str | int | bytes, ...]]) -> int:
        """Carry out a statement for each row; return how many rows of the table it changed."""
        return max(self._db.executemany(statement, rows).rowcount, 0) if rows else 0

    @contextmanager
    def _transaction(self, doing: str) -> Iterator[None]:
        with self._errors(doing):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _damaged(self, what: str) -> DamagedStoreError:
        return DamagedStoreError(
            f"batch store {str(self._path)!r} is damaged ({what}); the next start puts it aside "
            "and begins a new one with what can be read"
        )

    @contextmanager
    def _errors(self, doing: str) -> Iterator[None]:
        """Keep other threads out, and say which file it is about."""
        where = f"batch store {str(self._path)!r}"
        try:
            with self._lock:
                yield
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
                raise UsageError(
                    f"cannot {doing} {where}: another agent runs in folder "
                    f"{str(self._path.parent)!r}; stop it, or give this one a state folder of its "
                    "own"
                ) from error
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED:
                raise self._damaged(str(error)) from error
            raise UnavailableError(
                f"cannot {doing} {where}: {error}; check that its disk has room and can be written"
            ) from error
        except (MessageError, ValueError) as error:
            raise EdgeError(
                f"cannot {doing} {where}: it is damaged ({error}); move it away to start anew"
            ) from error


def _batch(payload: bytes) -> TelemetryBatch:
    message = decode(payload)
    if not isinstance(message, TelemetryBatch):
        raise MessageError(f"it holds a {type(message).__name__} as a batch")
    return message


def _chance(bits: int) -> int:
    """Return a number of so many bits that nobody can guess."""
    return int.from_bytes(os.urandom(8), "big") >> (64 - bits)
