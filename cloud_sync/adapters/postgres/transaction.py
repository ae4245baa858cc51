"""What the rooms of a warehouse do within one transaction, in PostgreSQL."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeAlias

import psycopg

from cloud_sync.adapters.sql.database import Row, Table, Value
from cloud_sync.adapters.sql.statements import insertion, postgres_text

__all__ = ["Connection", "PostgresTransaction"]

Connection: TypeAlias = "psycopg.Connection[tuple[Any, ...]]"

_FEW: Final = 20
"""Rows up to which single statements, sent together, are quicker than a temporary table."""


class PostgresTransaction:
    """Implements :class:`cloud_sync.adapters.sql.database.Transaction`."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection
        self._made: set[str] = set()

    def rows(self, statement: str, values: Sequence[Value] = ()) -> Iterable[Row]:
        """Return the rows of a query; read them before the transaction ends."""
        return self._db.execute(_query(statement), values)

    def row(self, statement: str, values: Sequence[Value] = ()) -> Row | None:
        """Return the only row of a query, or ``None``."""
        return self._db.execute(_query(statement), values).fetchone()

    def run(self, statement: str, values: Sequence[Value] = ()) -> int:
        """Run a statement and return how many rows it changed."""
        return self._db.execute(_query(statement), values).rowcount

    def run_many(self, statement: str, rows: Iterable[Sequence[Value]]) -> None:
        """Run a statement once for each row."""
        with self._db.cursor() as cursor:
            cursor.executemany(_query(statement), rows)

    def now_unix_s(self) -> float:
        """Return the time by the server's clock."""
        row = self.row("SELECT EXTRACT(EPOCH FROM clock_timestamp())::double precision")
        return float(row[0]) if row else 0.0

    def write(self, table: Table, rows: Iterable[Sequence[Value]]) -> None:
        """Insert many rows at once, or change those that are there; keys come once each.

        Rows with a key go through a temporary table, in the order of their keys: two transactions
        that write the same ones wait for each other and never in a circle.
        """
        found = list(rows)
        if not found:
            return
        if not table.key:
            self._copy(table.name, table.columns, found)
        elif len(found) <= _FEW:
            places = [table.columns.index(name) for name in table.key]
            found.sort(key=lambda row: [str(row[place]) for place in places])
            self.run_many(insertion(table), found)
        else:
            self._merge(table, found)

    def _merge(self, table: Table, rows: list[Sequence[Value]]) -> None:
        names, new = ", ".join(table.columns), f"new_{table.name}"
        if table.name in self._made:
            self.run(f"TRUNCATE {new}")
        else:
            self._made.add(table.name)
            parts = ["CREATE TEMPORARY TABLE", new, "ON COMMIT DROP AS SELECT", names]
            self.run(" ".join([*parts, "FROM", table.name, "WITH NO DATA"]))
        self._copy(new, table.columns, rows)
        keys = ", ".join(table.key)
        parts = ["INSERT INTO", table.name, f"({names}) SELECT", names, "FROM", new]
        self.run(" ".join([*parts, "ORDER BY", keys, table.on_conflict]))

    def _copy(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[Value]]) -> None:
        statement = " ".join(["COPY", name, f"({', '.join(columns)})", "FROM STDIN"])
        with self._db.cursor() as cursor, cursor.copy(_query(statement)) as copy:
            for row in rows:
                copy.write_row(row)


def _query(statement: str) -> bytes:
    """Return a statement of ours; none of it comes from outside."""
    return postgres_text(statement).encode()
