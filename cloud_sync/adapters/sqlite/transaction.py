"""What the rooms of a warehouse do within one transaction, in SQLite."""

import sqlite3
from collections.abc import Iterable, Sequence

from cloud_sync.adapters.sql.database import Row, Table, Value
from cloud_sync.adapters.sql.statements import insertion

__all__ = ["SqliteTransaction"]


class SqliteTransaction:
    """Implements :class:`cloud_sync.adapters.sql.database.Transaction`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def rows(self, statement: str, values: Sequence[Value] = ()) -> Iterable[Row]:
        """Return the rows of a query; read them before the transaction ends."""
        return self._db.execute(statement, values)

    def row(self, statement: str, values: Sequence[Value] = ()) -> Row | None:
        """Return the only row of a query, or ``None``."""
        found = self._db.execute(statement, values).fetchall()
        return tuple(found[0]) if found else None

    def run(self, statement: str, values: Sequence[Value] = ()) -> int:
        """Run a statement and return how many rows it changed."""
        return self._db.execute(statement, values).rowcount

    def run_many(self, statement: str, rows: Iterable[Sequence[Value]]) -> None:
        """Run a statement once for each row."""
        self._db.executemany(statement, rows)

    def now_unix_s(self) -> float:
        """Return the time by this machine's clock, which is that of all who use the file."""
        (now_unix_s,) = self._db.execute(
            "SELECT (julianday('now') - 2440587.5) * 86400.0"
        ).fetchone()
        return float(now_unix_s)

    def write(self, table: Table, rows: Iterable[Sequence[Value]]) -> None:
        """Insert many rows at once, or change those that are there; keys come once each."""
        self._db.executemany(insertion(table), rows)
