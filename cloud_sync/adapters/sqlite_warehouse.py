"""The warehouse in one SQLite file: right for one collector and up to some thousand devices.

WAL and synchronous FULL: readers never wait, and what was committed survives loss of power.
"""

from pathlib import Path

from cloud_sync.adapters.folder_lock import FolderLock
from cloud_sync.adapters.sql.warehouse import SqlWarehouse
from cloud_sync.adapters.sqlite.database import SqliteDatabase

__all__ = ["SqliteWarehouse"]


class SqliteWarehouse(SqlWarehouse):
    """Implements :class:`cloud_sync.ports.Warehouse`.

    Args:
        folder: Holds ``warehouse.sqlite3`` and its lock; made if missing.
        busy_timeout_s: How long to wait for another program, such as a backup, to let go of it.

    Raises:
        UsageError: Another process holds the folder, or a newer edgefleet wrote it.
        UnavailableError: The folder cannot be written, or the file is damaged.
    """

    def __init__(self, folder: Path, *, busy_timeout_s: float = 5.0) -> None:
        self._lock = FolderLock(
            folder,
            "warehouse",
            name="warehouse.lock",
            advice="several collectors need a PostgreSQL database: --store postgresql://...",
        )
        try:
            database = SqliteDatabase(folder / "warehouse.sqlite3", busy_timeout_s=busy_timeout_s)
        except BaseException:
            self._lock.close()
            raise
        super().__init__(database)

    def close(self) -> None:
        """Close the file and let go of the folder. Idempotent."""
        super().close()
        self._lock.close()
