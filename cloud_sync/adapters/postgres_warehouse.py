"""The warehouse in a PostgreSQL database: for several collectors and large fleets."""

from cloud_sync.adapters.postgres.database import PostgresDatabase
from cloud_sync.adapters.sql.warehouse import SqlWarehouse

__all__ = ["PostgresWarehouse"]


class PostgresWarehouse(SqlWarehouse):
    """Implements :class:`cloud_sync.ports.Warehouse`.

    Args:
        url: ``postgresql://USER:PASSWORD@HOST:PORT/DATABASE``; the tables are made if missing.
        connect_timeout_s: How long to wait for the server to answer.

    Raises:
        UsageError: The URL is wrong, the server refuses it, or a newer edgefleet has written it.
        UnavailableError: The server is out of reach.
    """

    def __init__(self, url: str, *, connect_timeout_s: float = 10.0) -> None:
        super().__init__(PostgresDatabase(url, connect_timeout_s=connect_timeout_s))
