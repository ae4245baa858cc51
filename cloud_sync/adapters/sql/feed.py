"""Windows of single devices in the order in which they were written, so that each is read once."""

import json
from collections.abc import Collection
from typing import Final, NamedTuple

from cloud_sync.adapters.sql.database import Row, SqlDatabase
from cloud_sync.core.increments import PackageRole
from edge_contract.messages import Counters

__all__ = ["SqlFeed", "StoredWindow"]

_AFTER: Final = """
SELECT id, device, package, role, start_unix_s, span_s, rows, calls, failures, dropped, profile
FROM device_window WHERE id > ? ORDER BY id LIMIT ?
"""
_NUMBERED: Final = """
SELECT id, device, package, role, start_unix_s, span_s, rows, calls, failures, dropped, profile
FROM device_window WHERE id IN (SELECT CAST(value AS BIGINT) FROM json_each(?))
"""
_OF: Final = """
SELECT id, device, package, role, start_unix_s, span_s, rows, calls, failures, dropped, profile
FROM device_window
WHERE package = ? AND role = ? AND start_unix_s >= ? AND start_unix_s < ?
    AND device IN (SELECT value FROM json_each(?)) AND id <= ?
"""
_NEWEST: Final = "SELECT MAX(id) FROM device_window"
_NUMBERS: Final = "SELECT id FROM device_window WHERE id > ?"
_WHO: Final = "SELECT DISTINCT device FROM device_window WHERE package = ? AND role = ?"


class StoredWindow(NamedTuple):
    """A window of a device as it lies in the table.

    Attributes:
        number: Rises from window to window; of several collectors those of one may appear late.
        device: Who counted.
        subject: Of which package, in which role.
        start_unix_s: When it began.
        span_s: Its length.
        counters: Rows, calls, failures and drops.
        data: Its profile, packed or as the message that it came in.
    """

    number: int
    device: str
    subject: PackageRole
    start_unix_s: int
    span_s: int
    counters: Counters
    data: bytes


class SqlFeed:
    """Reads windows by number."""

    _db: SqlDatabase

    def newest_window(self) -> int:
        """Return the number of the newest window; 0 where there is none."""
        with self._db.reading() as db:
            row = db.row(_NEWEST)
            return int(row[0] or 0) if row else 0

    def window_numbers(self, *, after: int) -> set[int]:
        """Return the numbers above one."""
        with self._db.reading() as db:
            return {number for (number,) in db.rows(_NUMBERS, (after,))}

    def windows_after(self, number: int, *, limit: int) -> list[StoredWindow]:
        """Return the next windows by rising number."""
        with self._db.reading() as db:
            return [_window(row) for row in db.rows(_AFTER, (number, limit))]

    def windows_numbered(self, numbers: Collection[int]) -> list[StoredWindow]:
        """Return those of some windows that are there."""
        with self._db.reading() as db:
            return [_window(row) for row in db.rows(_NUMBERED, (json.dumps(sorted(numbers)),))]

    def windows_of(
        self,
        subject: PackageRole,
        devices: Collection[str],
        *,
        since_unix_s: float,
        until_unix_s: float,
        up_to: int,
    ) -> list[StoredWindow]:
        """Return what some devices counted in a span of time, up to a number."""
        values = (*subject, since_unix_s, until_unix_s, json.dumps(sorted(devices)), up_to)
        with self._db.reading() as db:
            return [_window(row) for row in db.rows(_OF, values)]

    def devices_of(self, subject: PackageRole) -> list[str]:
        """Return the devices that ever counted for a package in a role, by name."""
        with self._db.reading() as db:
            return sorted(device for (device,) in db.rows(_WHO, subject))


def _window(row: Row) -> StoredWindow:
    number, device, package, role, start_unix_s, span_s, *counts, data = row
    subject = PackageRole(package, role)
    return StoredWindow(number, device, subject, start_unix_s, span_s, Counters(*counts), data)
