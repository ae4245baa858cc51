"""A database as the rooms of a warehouse see it.

Statements are written once, in what SQLite and PostgreSQL have in common:

* values are ``?``; a list of values is the JSON text of one ``?``, read by
  ``SELECT value FROM json_each(?)``, with ``CAST(value AS BIGINT)`` around ``value`` for numbers;
* ``-- FOR UPDATE`` at the end keeps rows from changing until the transaction ends, ``-- FOR SHARE``
  keeps others from changing them; where one transaction writes at a time both are only a comment;
* ``ON CONFLICT`` names its columns, and what is there is named with its table: ``tally.value``;
* sums are cast back to ``BIGINT``, and a ``SELECT`` inside ``FROM`` has a name.
"""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol, TypeAlias

__all__ = ["Row", "SqlDatabase", "Table", "Transaction", "Value"]

Value: TypeAlias = str | int | float | bytes | None
"""What a column holds."""

Row: TypeAlias = tuple[Any, ...]
"""A row of an answer; only the statement knows what is in it."""


class Table(NamedTuple):
    """Columns of a table that are written together.

    Attributes:
        name: Of the table.
        key: Columns that find a row; empty if rows are only ever added.
        added: Columns whose values are added to what is there.
        replaced: Columns whose values replace what is there.
    """

    name: str
    key: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """In the order in which rows hold them."""
        return self.key + self.added + self.replaced

    @property
    def on_conflict(self) -> str:
        """What an insertion does with rows that are there."""
        if not self.key:
            return ""
        changes = [f"{name} = {self.name}.{name} + excluded.{name}" for name in self.added]
        changes += [f"{name} = excluded.{name}" for name in self.replaced]
        return f"ON CONFLICT ({', '.join(self.key)}) DO UPDATE SET {', '.join(changes)}"


class Transaction(Protocol):
    """What can be done within one transaction."""

    def rows(self, statement: str, values: Sequence[Value] = ()) -> Iterable[Row]:
        """Return the rows of a query; read them before the transaction ends."""
        ...

    def row(self, statement: str, values: Sequence[Value] = ()) -> Row | None:
        """Return the only row of a query, or ``None``."""
        ...

    def run(self, statement: str, values: Sequence[Value] = ()) -> int:
        """Run a statement and return how many rows it changed."""
        ...

    def run_many(self, statement: str, rows: Iterable[Sequence[Value]]) -> None:
        """Run a statement once for each row."""
        ...

    def now_unix_s(self) -> float:
        """Return the time by the clock of the database, which is the same for all who use it."""
        ...

    def write(self, table: Table, rows: Iterable[Sequence[Value]]) -> None:
        """Insert many rows at once, or change those that are there; keys come once each."""
        ...


class SqlDatabase(Protocol):
    """A database with the newest schema. Thread-safe.

    Everything raises ``UnavailableError`` while the database is out of reach or damaged.
    """

    def writing(self) -> AbstractContextManager[Transaction]:
        """Run one transaction: durable at the end of the block, or undone by an exception."""
        ...

    def reading(self) -> AbstractContextManager[Transaction]:
        """Read one consistent state, whatever is written meanwhile."""
        ...

    def lead(self) -> None:
        """Become the only one who leads; raises ``UsageError`` if another process does.

        It ends when the database is closed, however that comes about.
        """
        ...

    def close(self) -> None:
        """Let go of the database. Idempotent."""
        ...
