"""Merged statistics in SQL: written by commits, read by cohort."""

import json
from collections.abc import Collection
from itertools import groupby
from operator import itemgetter
from typing import Final

from cloud_sync.adapters.sql.adding import merged_rows
from cloud_sync.adapters.sql.commits import write_commit
from cloud_sync.adapters.sql.database import SqlDatabase
from cloud_sync.adapters.sql.documents import as_text
from cloud_sync.adapters.sql.fresh import FreshCounts
from cloud_sync.core.facts import CohortStatistics
from cloud_sync.core.increments import Commit, DeviceRole, Life, PackageRole, Tally
from cloud_sync.core.seen import Marks
from cloud_sync.core.shards import CollectorId
from cloud_sync.ports import Totals
from edge_contract.messages import Counters
from edge_contract.stats import ProfileSpec

__all__ = ["SqlStatistics"]

_MARKS: Final = "SELECT floor, ahead FROM seen WHERE device = ? AND boot = ?"
_HEARD: Final = """
SELECT device, MAX(heard_unix_s) FROM seen WHERE heard_unix_s >= ? GROUP BY device
"""
_FLEET: Final = """
SELECT rows, calls, failures, dropped, profile FROM fleet_window
WHERE package = ? AND role = ? AND start_unix_s >= ? AND start_unix_s < ?
"""
_FLEET_DEVICES: Final = """
SELECT COUNT(*) FROM (
    SELECT DISTINCT device FROM device_total WHERE package = ? AND role = ?
) AS known WHERE EXISTS (
    SELECT 1 FROM device_window AS own
    WHERE own.package = ? AND own.role = ? AND own.device = known.device
        AND own.start_unix_s >= ? AND own.start_unix_s < ?
)
"""
_DEVICES: Final = """
SELECT device, rows, calls, failures, dropped, profile FROM device_window
WHERE package = ? AND role = ? AND start_unix_s >= ? AND start_unix_s < ?
ORDER BY device
"""
_DEVICE_COUNTERS: Final = """
SELECT device, CAST(SUM(rows) AS BIGINT), CAST(SUM(calls) AS BIGINT),
    CAST(SUM(failures) AS BIGINT), CAST(SUM(dropped) AS BIGINT)
FROM device_window
WHERE package = ? AND role = ? AND start_unix_s >= ? AND start_unix_s < ?
GROUP BY device ORDER BY device
"""
_SOME_DEVICES: Final = """
SELECT device, rows, calls, failures, dropped, profile FROM device_window
WHERE package = ? AND role = ? AND start_unix_s >= ? AND start_unix_s < ?
    AND device IN (SELECT value FROM json_each(?))
"""
_CELL_DEVICES: Final = """
SELECT CAST(COALESCE(SUM(devices), 0) AS BIGINT) FROM cell_subject
WHERE package = ? AND role = ? AND EXISTS (
    SELECT 1 FROM fleet_window
    WHERE fleet_window.package = cell_subject.package AND fleet_window.role = cell_subject.role
        AND collector = 'cell/' || cell AND start_unix_s >= ? AND start_unix_s < ?
)
"""
_TOTALS_BY_ROLE: Final = """
SELECT role, CAST(SUM(rows) AS BIGINT), CAST(SUM(calls) AS BIGINT),
    CAST(SUM(failures) AS BIGINT), CAST(SUM(dropped) AS BIGINT)
FROM (
    SELECT role, rows, calls, failures, dropped FROM device_total
    UNION ALL SELECT role, rows, calls, failures, dropped FROM cell_subject
) AS counted GROUP BY role
"""
_DEVICE_TOTALS: Final = """
SELECT device, package, role, rows, calls, failures, dropped FROM device_total
"""
_TOTALS_OF: Final = """
SELECT device, package, role, rows, calls, failures, dropped FROM device_total
WHERE device IN (SELECT value FROM json_each(?))
"""
_FOR_EVER_UNIX_S: Final = 2**53


class SqlStatistics:
    """Implements :class:`cloud_sync.ports.StatisticsStore`."""

    _db: SqlDatabase
    _fresh: FreshCounts

    def commit(self, commit: Commit, *, collector: CollectorId | None = None) -> None:
        """Write everything in one transaction; on return it survives loss of power."""
        with self._db.writing() as db:
            pending = write_commit(db, commit, collector=str(collector or ""))
        self._fresh.add(pending)

    def marks(self, life: Life) -> Marks:
        """Return which batches of one life of a device have been merged."""
        with self._db.reading() as db:
            row = db.row(_MARKS, life)
            if row is None:
                return Marks()
            floor, ahead = row
            return Marks(floor, tuple((first, last) for first, last in json.loads(ahead)))

    def heard_since(self, unix_s: float) -> dict[str, float]:
        """Return which devices a batch came of then or later, and when."""
        with self._db.reading() as db:
            return dict(db.rows(_HEARD, (unix_s,)))

    def cohort(
        self,
        subject: PackageRole,
        spec: ProfileSpec,
        *,
        devices: frozenset[str] | None = None,
        since_unix_s: float = 0.0,
        until_unix_s: float | None = None,
    ) -> CohortStatistics:
        """Return what all devices, or some of them, counted in windows of a span of time."""
        until = _FOR_EVER_UNIX_S if until_unix_s is None else until_unix_s
        key = (*subject, since_unix_s, until)
        with self._db.reading() as db:
            if devices is None:
                total = merged_rows(db.rows(_FLEET, key), spec)
                count = (db.row(_FLEET_DEVICES, (*subject, *key)) or (0,))[0]
                count += (db.row(_CELL_DEVICES, key) or (0,))[0]
            else:
                rows = list(db.rows(_SOME_DEVICES, (*key, json.dumps(sorted(devices)))))
                total = merged_rows((row[1:] for row in rows), spec)
                count = len({row[0] for row in rows})
        return CohortStatistics(total.counters, total.profile, count)

    def by_device(
        self,
        subject: PackageRole,
        spec: ProfileSpec,
        *,
        since_unix_s: float = 0.0,
        columns: Collection[int] | None = None,
    ) -> dict[str, CohortStatistics]:
        """Return the same for each device by itself."""
        found: dict[str, CohortStatistics] = {}
        key = (*subject, since_unix_s, _FOR_EVER_UNIX_S)
        with self._db.reading() as db:
            if columns is not None and not columns:  # no profile is looked at, so none is read
                return {
                    device: CohortStatistics(Counters(*counts), spec.empty(), 1)
                    for device, *counts in db.rows(_DEVICE_COUNTERS, key)
                }
            rows = db.rows(_DEVICES, key)
            for device, own in groupby(rows, key=itemgetter(0)):
                total = merged_rows((row[1:] for row in own), spec, columns=columns)
                found[device] = CohortStatistics(total.counters, total.profile, 1)
        return found

    def totals(self) -> Totals:
        """Return everything that was ever merged, in numbers."""
        with self._db.reading() as db:
            return Totals(
                tally=Tally(**dict(db.rows("SELECT name, value FROM tally"))),
                refused=dict(db.rows("SELECT kind, count FROM refusal")),
                by_role={role: Counters(*counts) for role, *counts in db.rows(_TOTALS_BY_ROLE)},
            )

    def device_totals(self, devices: Collection[str] | None = None) -> dict[DeviceRole, Counters]:
        """Return what each device ever counted for each package; of all devices, or only these."""
        with self._db.reading() as db:
            if devices is None:
                rows = db.rows(_DEVICE_TOTALS)
            else:
                rows = db.rows(_TOTALS_OF, (as_text(list(devices)),))
            return {
                DeviceRole(device, PackageRole(package, role)): Counters(*counts)
                for device, package, role, *counts in rows
            }
