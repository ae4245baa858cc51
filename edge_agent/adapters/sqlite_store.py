"""What must survive a crash, in one SQLite file."""

import json
import secrets
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from edge_contract.errors import MessageError, UnavailableError
from edge_contract.messages import BatchId, TelemetryBatch, decode, encode
from edge_contract.reading import JsonObject

__all__ = ["SqliteBatchStore"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS batch (
    boot INTEGER NOT NULL, seq INTEGER NOT NULL, payload BLOB NOT NULL,
    PRIMARY KEY (boot, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS mark (ring TEXT PRIMARY KEY, counters TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS journal (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""


class SqliteBatchStore:
    """A :class:`edge_agent.ports.BatchStore` in a file; used by one thread at a time.

    Args:
        path: The file; made if missing, in a folder that exists.

    Raises:
        UnavailableError: The file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._errors("open"):
            self._db = sqlite3.connect(
                path, isolation_level=None, timeout=5.0, check_same_thread=False
            )
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")  # save() promises durability
            self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def next_boot(self, at_unix_s: float) -> int:
        """Return a greater number than ever before, also than before the folder was wiped.

        It is the time in its upper 33 bits and chance in its lower 20, or one more than the last.
        """
        with self._transaction("note a start in"):
            row = self._db.execute("SELECT value FROM journal WHERE name = 'boot'").fetchone()
            by_clock = (int(at_unix_s) & 0x1FFFFFFFF) << 20 | secrets.randbits(20)
            boot = max(by_clock, int(row[0]) + 1) if row else by_clock
            self._db.execute("INSERT OR REPLACE INTO journal VALUES ('boot', ?)", (str(boot),))
        return boot

    def save(
        self,
        batches: Sequence[TelemetryBatch],
        marks: Mapping[str, tuple[int, ...]],
        replaces: Sequence[BatchId] = (),
    ) -> None:
        """Keep batches and marks and forget others, in one transaction."""
        with self._transaction("save to"):
            self._delete(replaces)
            self._db.executemany(
                "INSERT OR REPLACE INTO batch VALUES (?, ?, ?)",
                [(batch.batch_id.boot, batch.batch_id.seq, encode(batch)) for batch in batches],
            )
            self._db.executemany(
                "INSERT OR REPLACE INTO mark VALUES (?, ?)",
                [(ring, json.dumps(counters)) for ring, counters in marks.items()],
            )
            self._db.execute(
                "INSERT INTO journal VALUES ('batches', ?1) "
                "ON CONFLICT (name) DO UPDATE SET value = value + ?1",
                (len(batches) - len(replaces),),
            )

    def batches_saved(self) -> int:
        """Return how many batches were ever saved, those less that others replaced."""
        with self._errors("read"):
            row = self._db.execute("SELECT value FROM journal WHERE name = 'batches'").fetchone()
        return int(row[0]) if row else 0

    def delete(self, batch_ids: Sequence[BatchId]) -> None:
        """Forget batches."""
        with self._transaction("delete from"):
            self._delete(batch_ids)

    def batches(self) -> list[TelemetryBatch]:
        """Return all batches, oldest first."""
        with self._errors("read"):
            rows = self._db.execute("SELECT payload FROM batch ORDER BY boot, seq").fetchall()
        batches: list[TelemetryBatch] = []
        for (payload,) in rows:
            message = decode(payload)
            if not isinstance(message, TelemetryBatch):
                raise MessageError(f"batch store {str(self._path)!r} holds {type(message)!r}")
            batches.append(message)
        return batches

    def marks(self) -> Mapping[str, tuple[int, ...]]:
        """Return all ring marks."""
        with self._errors("read"):
            rows = self._db.execute("SELECT ring, counters FROM mark").fetchall()
        return {ring: tuple(json.loads(counters)) for ring, counters in rows}

    def forget_marks(self, rings: Collection[str]) -> None:
        """Forget the marks of rings that are gone."""
        with self._transaction("delete from"):
            self._db.executemany("DELETE FROM mark WHERE ring = ?", [(ring,) for ring in rings])

    def save_state(self, state: JsonObject) -> None:
        """Keep the journal."""
        with self._transaction("save to"):
            self._db.execute(
                "INSERT OR REPLACE INTO journal VALUES ('state', ?)", (json.dumps(state),)
            )

    def state(self) -> "JsonObject | None":
        """Return the journal."""
        with self._errors("read"):
            row = self._db.execute("SELECT value FROM journal WHERE name = 'state'").fetchone()
        state: JsonObject | None = json.loads(row[0]) if row else None
        return state

    def _delete(self, batch_ids: Sequence[BatchId]) -> None:
        self._db.executemany(
            "DELETE FROM batch WHERE boot = ? AND seq = ?",
            [(batch_id.boot, batch_id.seq) for batch_id in batch_ids],
        )

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

    @contextmanager
    def _errors(self, doing: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise UnavailableError(
                f"cannot {doing} batch store {str(self._path)!r}: {error}; "
                "check that its disk has room and can be written"
            ) from error
