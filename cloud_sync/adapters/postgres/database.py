"""One PostgreSQL database: connections that come back, and errors that say what to do."""

import json
import re
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict

from cloud_sync.adapters.postgres.transaction import Connection, PostgresTransaction
from cloud_sync.adapters.sql.schema import NEWEST, READ_VERSION, VERSION_TABLE
from edge_contract.errors import MessageError, UnavailableError, UsageError

__all__ = ["PostgresDatabase"]

_ONE_AT_A_TIME: Final = "SELECT pg_advisory_xact_lock(4206942)"  # any number that nobody else takes
_LEAD: Final = "SELECT pg_try_advisory_lock(4206943)"
_IS_MADE: Final = """
SELECT COUNT(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename = %s
"""
_MOST_IDLE: Final = 8
_OF_THE_SERVER: Final = (
    errors.OperationalError,  # gone, starting, stopping, too many connections, full, out of memory
    errors.InterfaceError,  # the connection is closed
    errors.InternalError,  # damaged
    errors.SerializationFailure,
    errors.DeadlockDetected,
    errors.LockNotAvailable,
)


class PostgresDatabase:
    """A database with the newest schema. Thread-safe.

    A connection that breaks is thrown away; the next call makes a new one, so that a server that
    comes back is used again without more ado.

    Args:
        url: As libpq reads it: ``postgresql://user@host/database``.
        connect_timeout_s: How long to wait for the server to answer.

    Raises:
        UsageError: The URL is wrong, the server refuses this user or has no such database, or a
            newer edgefleet has written it.
        UnavailableError: The server is out of reach.
    """

    def __init__(self, url: str, *, connect_timeout_s: float = 10.0) -> None:
        self.where = _without_password(url)
        self._url = url
        self._connect_timeout_s = connect_timeout_s
        self._pooling = threading.Lock()
        self._idle: list[Connection] = []
        self._is_ready = self._is_closed = False
        self._leader: Connection | None = None
        try:
            with self._told():
                self._upgrade()
            self._is_ready = True
        except BaseException:
            self.close()
            raise

    @contextmanager
    def writing(self) -> Iterator[PostgresTransaction]:
        """Run one transaction: durable at the end of the block, or undone by an exception."""
        with self._told(), self._borrowed() as db, db.transaction():
            yield PostgresTransaction(db)

    @contextmanager
    def reading(self) -> Iterator[PostgresTransaction]:
        """Read one consistent state, whatever is written meanwhile."""
        with self._told(), self._borrowed() as db, db.transaction():
            db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield PostgresTransaction(db)

    def lead(self) -> None:
        """Become the only one who leads; raises ``UsageError`` if another process does."""
        with self._told():
            leader = self._connected()
            if leader.execute(_LEAD).fetchone() != (True,):
                leader.close()
                raise UsageError(
                    f"another cloud leads the fleet in {self.where!r}: stop that one, or share its "
                    "work with 'edgefleet cloud collect'"
                )
            self._leader = leader

    def close(self) -> None:
        """Close connections that nobody uses, and the others when they are given back."""
        with self._pooling:
            self._is_closed = True
            if self._leader is not None:
                self._leader.close()
            while self._idle:
                self._idle.pop().close()

    @contextmanager
    def _borrowed(self) -> Iterator[Connection]:
        db = self._borrow()
        try:
            yield db
        finally:
            with self._pooling:
                if db.broken or db.closed or self._is_closed or len(self._idle) >= _MOST_IDLE:
                    db.close()
                else:
                    self._idle.append(db)

    def _borrow(self) -> Connection:
        """Return a connection that answers; one that lay idle may have died with the server."""
        while True:
            with self._pooling:
                if self._is_closed:
                    raise UnavailableError(f"the warehouse {self.where!r} is closed")
                db = self._idle.pop() if self._idle else None
            if db is None:
                return self._connected()
            with suppress(psycopg.Error):
                db.execute("SELECT 1")
                return db
            db.close()

    def _connected(self) -> Connection:
        return psycopg.connect(
            self._url,
            autocommit=True,  # transactions begin and end where we say
            connect_timeout=max(round(self._connect_timeout_s), 2),
            application_name="edgefleet",
            options=_options(self._url),
        )

    def _upgrade(self) -> None:
        with self._borrowed() as db:
            is_made = db.execute(_IS_MADE, (VERSION_TABLE,)).fetchone() == (1,)
            if is_made and db.execute(READ_VERSION).fetchone() == (NEWEST,):
                return
        import sqlalchemy as sa  # a quarter of a second that most starts can do without

        from cloud_sync.adapters.sql.migrations import upgrade

        engine = sa.create_engine(
            "postgresql+psycopg://",
            creator=lambda: psycopg.connect(self._url),
            poolclass=sa.NullPool,
        )
        try:
            with engine.begin() as connection:
                connection.exec_driver_sql(_ONE_AT_A_TIME)
                upgrade(connection, repr(self.where))
        except sa.exc.DBAPIError as error:
            raise (error.orig or error) from error

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Tell people what is wrong with the database, and what to do about it."""
        try:
            yield
        except _OF_THE_SERVER as error:
            raise self._explained(error) from error
        except (zlib.error, json.JSONDecodeError, UnicodeDecodeError, MessageError) as error:
            raise UnavailableError(
                f"the warehouse {self.where!r} holds unreadable data: {error}; restore it from a "
                "backup"
            ) from error

    def _explained(self, error: psycopg.Error) -> UnavailableError | UsageError:
        text = " ".join(str(error).split())
        cannot = f"cannot use the warehouse {self.where!r}: {text}"
        if _is_refusal(error, text):
            return UsageError(f"{cannot}; check user, password, address and database in --store")
        advice = "start the server, or correct the address in --store"
        if self._is_ready:
            advice = "devices keep what was not acknowledged, and it is tried again"
        return UnavailableError(f"{cannot}; {advice}")


def _is_refusal(error: psycopg.Error, text: str) -> bool:
    """Whether the server is there and will not let us in, now or later.

    libpq tells what went wrong while connecting in words alone.
    """
    if isinstance(error, errors.InvalidPassword | errors.InvalidCatalogName):
        return True
    reasons = ("authentication failed", "does not exist", "no pg_hba.conf entry", "no password")
    return error.sqlstate is None and any(reason in text for reason in reasons)


def _options(url: str) -> str:
    """Return settings of each connection: whoever stops within a transaction loses its locks."""
    given = conninfo_to_dict(url).get("options") or ""
    return f"{given} -c idle_in_transaction_session_timeout=20s -c lock_timeout=15s".strip()


def _without_password(url: str) -> str:
    try:
        parts = conninfo_to_dict(url)
        if not re.fullmatch("[0-9,]*", str(parts.get("port", ""))):
            raise psycopg.ProgrammingError(f"port {parts['port']!r} is no number")  # noqa: TRY301
    except psycopg.ProgrammingError as error:
        raise UsageError(
            f"cannot read the store's URL: {' '.join(str(error).split())}; write it as "
            "postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
        ) from error
    host = str(parts.get("host") or parts.get("hostaddr") or "localhost")
    port = f":{parts['port']}" if "port" in parts else ""
    user = f"{parts['user']}@" if "user" in parts else ""
    return f"postgresql://{user}{host}{port}/{parts.get('dbname', '')}"
