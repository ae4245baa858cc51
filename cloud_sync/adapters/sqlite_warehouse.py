"""The warehouse in one SQLite file: right for one collector and up to some thousand devices.

WAL and synchronous FULL: readers never wait, and what was committed survives loss of power.
"""

from pathlib import Path

from cloud_sync.adapters.folder_lock import FolderLock
from cloud_sync.adapters.sqlite.analysis import SqliteAnalysis
from cloud_sync.adapters.sqlite.database import SqliteDatabase
from cloud_sync.adapters.sqlite.fleet import SqliteFleet
from cloud_sync.adapters.sqlite.fresh import FreshCounts
from cloud_sync.adapters.sqlite.rollouts import SqliteRollouts
from cloud_sync.adapters.sqlite.statistics import SqliteStatistics

__all__ = ["SqliteWarehouse"]


class SqliteWarehouse(SqliteStatistics, SqliteAnalysis, SqliteFleet, SqliteRollouts):
    """Implements :class:`cloud_sync.ports.Warehouse`.

    Args:
        folder: Holds ``warehouse.sqlite3`` and its lock; made if missing.
        busy_timeout_s: How long to wait for another program, such as a backup, to let go of it.

    Raises:
        UsageError: Another process holds the folder, or a newer edgefleet wrote it.
        UnavailableError: The folder cannot be written, or the file is damaged.
    """

    def __init__(self, folder: Path, *, busy_timeout_s: float = 5.0) -> None:
        self._fresh = FreshCounts()
        self._lock = FolderLock(folder, "warehouse", name="warehouse.lock")
        try:
            self._db = SqliteDatabase(folder / "warehouse.sqlite3", busy_timeout_s=busy_timeout_s)
        except BaseException:
            self._lock.close()
            raise

    def prune(self, *, windows_before_unix_s: float, device_windows_before_unix_s: float) -> int:
        """Forget statistics of windows that began before; return how many windows those were."""
        with self._db.writing() as db:
            fleet = db.execute(
                "DELETE FROM fleet_window WHERE start_unix_s < ?", (windows_before_unix_s,)
            )
            own = db.execute(
                "DELETE FROM device_window WHERE start_unix_s < ?", (device_windows_before_unix_s,)
            )
            return fleet.rowcount + own.rowcount

    def close(self) -> None:
        """Close the file and let go of the folder. Idempotent."""
        self._db.close()
        self._lock.close()
