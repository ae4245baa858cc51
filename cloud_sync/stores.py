"""Opens the warehouse that the operator chose."""

import importlib.util
import secrets
from pathlib import Path

from cloud_sync.adapters.sql.warehouse import SqlWarehouse
from cloud_sync.adapters.sqlite_warehouse import SqliteWarehouse
from cloud_sync.core.shards import CollectorId
from edge_contract.errors import UsageError

__all__ = ["identity_of", "open_store"]


def identity_of(name: str) -> CollectorId:
    """Return who this process is among the collectors of a database."""
    return CollectorId(name, secrets.token_hex(8))


def open_store(store: str, folder: Path) -> SqlWarehouse:
    """Return the PostgreSQL database of a URL, or the file in a folder if there is none.

    Raises:
        UsageError: The URL is of something else, psycopg is not installed, the server refuses us,
            or another process has the folder.
        UnavailableError: The database is out of reach, or damaged.
    """
    if not store:
        return SqliteWarehouse(folder)
    if not store.startswith(("postgresql://", "postgres://")):
        raise UsageError(
            f"the store is given as postgresql://USER:PASSWORD@HOST/DATABASE, got "
            f"{store.split('://', maxsplit=1)[0]!r}; leave it out for a file in the data folder"
        )
    if importlib.util.find_spec("psycopg") is None:
        raise UsageError(
            "a store in PostgreSQL needs psycopg: pip install 'edgefleet[cloud,postgres]'"
        )
    from cloud_sync.adapters.postgres_warehouse import PostgresWarehouse

    return PostgresWarehouse(store)
