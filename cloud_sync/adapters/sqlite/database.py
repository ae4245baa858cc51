"""One SQLite file: a connection that writes, some that read, and errors that say what to do."""

import json
import sqlite3
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cloud_sync.adapters.sql.schema import NEWEST, READ_VERSION, VERSION_TABLE
from cloud_sync.adapters.sqlite.transaction import SqliteTransaction
from edge_contract.errors import MessageError, UnavailableError, UsageError

__all__ = ["SqliteDatabase"]

_ADVICE: Final = {
    "SQLITE_BUSY": "another program is writing to it: end that one",
    "SQLITE_LOCKED": "another program is writing to it: end that one",
    "SQLITE_FULL": "make room on the disk; devices keep what was not acknowledged",
    "SQLITE_CORRUPT": "it is damaged: restore it from a backup, or move it away to start afresh",
    "SQLITE_NOTADB": "it is no database: restore it from a backup, or move it away to start afresh",
    "SQLITE_READONLY": "give this user the right to write there",
    "SQLITE_CANTOPEN": "give this user the right to write there",
    "SQLITE_PERM": "give this user the right to write there",
    "SQLITE_IOERR": "check the disk and the system's log",
}

_SMALL_BYTES: Final = 64_000_000
_MOST_CHECKED_BYTES: Final = 4_000_000_000  # a few seconds


class SqliteDatabase:
    """A file with the newest schema. Thread-safe: one transaction writes at a time, readers go on.

    Args:
        path: The file; made if missing, in a folder that exists.
        busy_timeout_s: How long to wait for another program, such as a backup, to let go of it.

    Raises:
        UnavailableError: It cannot be opened, or is damaged.
        UsageError: A newer edgefleet has written it.
    """

    def __init__(self, path: Path, *, busy_timeout_s: float) -> None:
        self._path = path
        self._busy_timeout_s = busy_timeout_s
        self._writing = threading.Lock()
        self._pooling = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._is_closed = False
        with self._told():
            self._writer = self._connected()
            try:
                self._writer.execute("PRAGMA journal_mode = WAL")
                self._writer.execute("PRAGMA synchronous = FULL")  # a commit promises durability
                self._upgrade()
                self._require_sound()
            except BaseException:
                self._writer.close()
                raise

    @contextmanager
    def writing(self) -> Iterator[SqliteTransaction]:
        """Run one transaction: durable at the end of the block, or undone by an exception."""
        with self._writing, self._told():
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield SqliteTransaction(self._writer)
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Iterator[SqliteTransaction]:
        """Read one consistent state, whatever is written meanwhile."""
        with self._told():
            db = self._borrow()
            try:
                db.execute("BEGIN")
                yield SqliteTransaction(db)
            finally:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                self._give_back(db)

    def lead(self) -> None:
        """Nobody else can: the folder is ours alone."""

    def close(self) -> None:
        """Close the file when the present transaction is over. Idempotent."""
        with self._writing, self._pooling:
            self._is_closed = True
            while self._idle:
                self._idle.pop().close()
            self._writer.close()

    def _borrow(self) -> sqlite3.Connection:
        with self._pooling:
            return self._idle.pop() if self._idle else self._connected(query_only=True)

    def _give_back(self, db: sqlite3.Connection) -> None:
        with self._pooling:
            if self._is_closed:
                db.close()
            else:
                self._idle.append(db)

    def _connected(self, *, query_only: bool = False) -> sqlite3.Connection:
        if self._is_closed:
            raise UnavailableError(f"the warehouse {str(self._path)!r} is closed")
        db = sqlite3.connect(
            self._path, timeout=self._busy_timeout_s, isolation_level=None, check_same_thread=False
        )
        db.execute("PRAGMA foreign_keys = ON")
        if query_only:
            db.execute("PRAGMA query_only = ON")
        return db

    def _require_sound(self) -> None:
        """Refuse a file with pages that are damaged, which reading might not notice for long."""
        size_bytes = self._path.stat().st_size
        how = "integrity_check" if size_bytes <= _SMALL_BYTES else "quick_check"
        if size_bytes > _MOST_CHECKED_BYTES:
            return
        (found,) = self._writer.execute(f"PRAGMA {how}(1)").fetchone()
        if found != "ok":
            raise UnavailableError(
                f"the warehouse {str(self._path)!r} is not whole: {' '.join(found.split())}; "
                f"{_ADVICE['SQLITE_CORRUPT']}"
            )

    def _upgrade(self) -> None:
        db = self._writer
        named = "SELECT COUNT(*) FROM sqlite_master WHERE name = ?"
        if db.execute(named, (VERSION_TABLE,)).fetchone() == (1,):
            if db.execute(READ_VERSION).fetchone() == (NEWEST,):
                return
        elif db.execute("SELECT COUNT(*) FROM sqlite_master").fetchone() != (0,):
            raise UsageError(
                f"the warehouse {str(self._path)!r} was written before there were releases of "
                "edgefleet: move it away to start afresh"
            )
        import sqlalchemy as sa  # a quarter of a second that most starts can do without

        from cloud_sync.adapters.sql.migrations import upgrade

        engine = sa.create_engine("sqlite://", creator=lambda: db, poolclass=sa.StaticPool)
        with engine.connect() as connection:
            db.execute("BEGIN IMMEDIATE")  # the driver's own begins later, and locks less
            upgrade(connection, repr(str(self._path)))
            connection.commit()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Tell people what is wrong with the file, and what to do about it."""
        try:
            yield
        except sqlite3.ProgrammingError as error:
            if not self._is_closed:
                raise
            raise UnavailableError(f"the warehouse {str(self._path)!r} is closed") from error
        except sqlite3.DatabaseError as error:
            name: str = getattr(error, "sqlite_errorname", "")
            code = "_".join(name.split("_")[:2])  # SQLITE_IOERR_FSYNC is an SQLITE_IOERR
            if code not in _ADVICE:  # a mistake of ours
                raise
            raise UnavailableError(
                f"cannot use the warehouse {str(self._path)!r}: {error}; {_ADVICE[code]}"
            ) from error
        except (zlib.error, json.JSONDecodeError, UnicodeDecodeError, MessageError) as error:
            raise UnavailableError(
                f"the warehouse {str(self._path)!r} holds unreadable data: {error}; "
                f"{_ADVICE['SQLITE_CORRUPT']}"
            ) from error
