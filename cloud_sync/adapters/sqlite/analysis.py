"""What the alarm analysis has not seen, what it remembers, and its alarms, in SQLite."""

from collections.abc import Sequence
from typing import Final

from cloud_sync.adapters.sqlite.database import SqliteDatabase
from cloud_sync.adapters.sqlite.documents import as_object, as_text
from cloud_sync.adapters.sqlite.profiles import merged_rows
from cloud_sync.core.increments import PackageRole
from cloud_sync.core.records import AlarmRecord
from cloud_sync.ports import Pending
from edge_contract.reading import JsonObject
from edge_contract.stats import ProfileSpec

__all__ = ["SqliteAnalysis"]

_PENDING: Final = """
SELECT id, rows, calls, failures, dropped, profile FROM pending
WHERE package = ? AND role = ? ORDER BY id
"""
_WRITE_DETECTOR: Final = """
INSERT INTO detector (package, role, state) VALUES (?, ?, ?)
ON CONFLICT DO UPDATE SET state = excluded.state
"""
_WRITE_ALARM: Final = """
INSERT INTO alarm (id, model, raised_unix_s, document) VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET
    model = excluded.model, raised_unix_s = excluded.raised_unix_s, document = excluded.document
"""
_ALARMS: Final = """
SELECT id, model, raised_unix_s, document FROM alarm
WHERE ?1 IN ('', model) ORDER BY raised_unix_s DESC, id DESC LIMIT ?2
"""


class SqliteAnalysis:
    """Implements :class:`cloud_sync.ports.AnalysisStore`."""

    _db: SqliteDatabase

    def pending_subjects(self) -> list[PackageRole]:
        """Return what there are unseen counts of."""
        with self._db.reading() as db:
            return [
                PackageRole(*row)
                for row in db.execute("SELECT DISTINCT package, role FROM pending ORDER BY 1, 2")
            ]

    def pending(self, subject: PackageRole, spec: ProfileSpec) -> Pending | None:
        """Return the counts that came since the last :meth:`commit_analysis`, if any."""
        with self._db.reading() as db:
            rows = db.execute(_PENDING, subject).fetchall()
            if not rows:
                return None
            return Pending(merged_rows((row[1:] for row in rows), spec), token=rows[-1][0])

    def detector(self, subject: PackageRole) -> "JsonObject | None":
        """Return the detector's state as it was saved last."""
        with self._db.reading() as db:
            row = db.execute(
                "SELECT state FROM detector WHERE package = ? AND role = ?", subject
            ).fetchone()
            return None if row is None else as_object(row[0])

    def commit_analysis(
        self,
        subject: PackageRole,
        token: int | None,
        *,
        detector: JsonObject,
        alarms: Sequence[AlarmRecord] = (),
    ) -> None:
        """Save the detector and its alarms and forget what it has seen, in one transaction."""
        with self._db.writing() as db:
            db.execute(_WRITE_DETECTOR, (*subject, as_text(detector)))
            db.executemany(
                _WRITE_ALARM,
                [
                    (alarm.alarm_id, alarm.model, alarm.raised_unix_s, as_text(alarm.document))
                    for alarm in alarms
                ],
            )
            if token is not None:
                db.execute(
                    "DELETE FROM pending WHERE package = ? AND role = ? AND id <= ?",
                    (*subject, token),
                )

    def alarms(self, *, model: str = "", limit: int = 100) -> list[AlarmRecord]:
        """Return alarms, newest first."""
        with self._db.reading() as db:
            return [
                AlarmRecord(alarm_id, of_model, raised_unix_s, as_object(document))
                for alarm_id, of_model, raised_unix_s, document in db.execute(
                    _ALARMS, (model, limit)
                )
            ]
