"""Forgetting what is known of one device, in SQL."""

from cloud_sync.adapters.sql.database import SqlDatabase
from cloud_sync.ports.erasure import Erased

__all__ = ["SqlErasure"]


class SqlErasure:
    """Implements :class:`cloud_sync.ports.ErasureStore`."""

    _db: SqlDatabase

    def erase_device(self, device: str) -> Erased:
        """Forget the device's own statistics, totals, facts, tags and answers."""
        with self._db.writing() as db:
            windows = db.run("DELETE FROM device_window WHERE device = ?", (device,))
            db.run("DELETE FROM device_total WHERE device = ?", (device,))
            answers = db.run("DELETE FROM command_result WHERE device = ?", (device,))
            db.run("DELETE FROM device WHERE name = ?", (device,))
        return Erased(windows, answers)
