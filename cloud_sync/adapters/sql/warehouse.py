"""Every room of a warehouse, around one database."""

from cloud_sync.adapters.sql.access import SqlAccess
from cloud_sync.adapters.sql.admission import SqlAdmission
from cloud_sync.adapters.sql.analysis import SqlAnalysis
from cloud_sync.adapters.sql.cells import SqlCells
from cloud_sync.adapters.sql.database import SqlDatabase
from cloud_sync.adapters.sql.erasure import SqlErasure
from cloud_sync.adapters.sql.feed import SqlFeed
from cloud_sync.adapters.sql.fleet import SqlFleet
from cloud_sync.adapters.sql.fresh import FreshCounts
from cloud_sync.adapters.sql.groups import SqlGroups
from cloud_sync.adapters.sql.labels import SqlLabels
from cloud_sync.adapters.sql.leases import SqlLeases
from cloud_sync.adapters.sql.rollouts import SqlRollouts
from cloud_sync.adapters.sql.rollup import SqlRollUp
from cloud_sync.adapters.sql.statistics import SqlStatistics

__all__ = ["SqlWarehouse"]


class SqlWarehouse(
    SqlStatistics,
    SqlAnalysis,
    SqlFleet,
    SqlRollouts,
    SqlLeases,
    SqlRollUp,
    SqlCells,
    SqlGroups,
    SqlAccess,
    SqlAdmission,
    SqlErasure,
    SqlLabels,
    SqlFeed,
):
    """Implements :class:`cloud_sync.ports.Warehouse`.

    Args:
        database: Where everything is; closed with the warehouse.
    """

    def __init__(self, database: SqlDatabase) -> None:
        self._db = database
        self._fresh = FreshCounts()

    def lead(self) -> None:
        """Become the only cloud that steers the fleet out of this database.

        Raises:
            UsageError: Another one does.
        """
        self._db.lead()

    def close(self) -> None:
        """Close the database. Idempotent."""
        self._db.close()
