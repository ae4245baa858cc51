"""What the alarm analysis has not seen, what it remembers, and its alarms, in SQL."""

import json
from collections.abc import Set
from itertools import groupby
from operator import itemgetter
from typing import Final

from cloud_sync.adapters.sql.adding import merged_rows
from cloud_sync.adapters.sql.database import SqlDatabase, Transaction
from cloud_sync.adapters.sql.documents import as_object, as_text, packed, unpacked
from cloud_sync.adapters.sql.evidence import SqlEvidence, write_points
from cloud_sync.adapters.sql.fresh import FreshCounts
from cloud_sync.core.increments import Increment, PackageRole, PendingKey
from cloud_sync.core.pending import Analysis, Pending
from cloud_sync.core.records import AlarmRecord, DetectorRecord
from cloud_sync.core.segments import Segment
from edge_contract.stats import ProfileSpec

__all__ = ["SqlAnalysis"]

_SUBJECTS: Final = "SELECT DISTINCT package, role FROM pending ORDER BY 1, 2"
_PENDING_ROWS: Final = """
SELECT segments, stratum, id FROM pending WHERE package = ? AND role = ? ORDER BY segments, stratum
"""
_PENDING: Final = """
SELECT rows, calls, failures, dropped, profile FROM pending
WHERE id IN (SELECT CAST(value AS BIGINT) FROM json_each(?))
"""
_FORGET_PENDING: Final = """
DELETE FROM pending WHERE package = ? AND role = ?
    AND id IN (SELECT CAST(value AS BIGINT) FROM json_each(?))
"""
_DETECTORS: Final = """
SELECT segment, seen_unix_s, state FROM detector WHERE package = ? AND role = ? ORDER BY segment
"""
_WRITE_DETECTOR: Final = """
INSERT INTO detector (package, role, segment, seen_unix_s, state) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (package, role, segment) DO UPDATE SET
    seen_unix_s = excluded.seen_unix_s, state = excluded.state
"""
_FORGET_DETECTOR: Final = "DELETE FROM detector WHERE package = ? AND role = ? AND segment = ?"
_WRITE_ALARM: Final = """
INSERT INTO alarm (id, model, raised_unix_s, document) VALUES (?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
    model = excluded.model, raised_unix_s = excluded.raised_unix_s, document = excluded.document
"""
_ALARMS: Final = """
SELECT id, model, raised_unix_s, document FROM alarm
WHERE ? IN ('', model) ORDER BY raised_unix_s DESC, id DESC LIMIT ?
"""


class SqlAnalysis(SqlEvidence):
    """Implements :class:`cloud_sync.ports.AnalysisStore`."""

    _db: SqlDatabase
    _fresh: FreshCounts

    def pending_subjects(self) -> list[PackageRole]:
        """Return what there are unseen counts of."""
        with self._db.reading() as db:
            return [PackageRole(*row) for row in db.rows(_SUBJECTS)]

    def pending(self, subject: PackageRole, spec: ProfileSpec) -> Pending | None:
        """Return the counts that came since the last :meth:`commit_analysis`, if any."""
        with self._db.reading() as db:
            rows = list(db.rows(_PENDING_ROWS, subject))
            if not rows:
                return None
            groups: dict[PendingKey, Increment] = {}
            for (segments, stratum), own in groupby(rows, key=itemgetter(0, 1)):
                key = PendingKey(subject, _segments(segments), stratum)
                groups[key] = self._sum(db, key, {row[2] for row in own}, spec=spec)
            return Pending(groups, token=frozenset(row[2] for row in rows))

    def detectors(self, subject: PackageRole) -> dict[Segment, DetectorRecord]:
        """Return what the detectors of a package in a role remember, by segment."""
        with self._db.reading() as db:
            return {
                Segment.from_key(segment): DetectorRecord(unpacked(state), seen_unix_s)
                for segment, seen_unix_s, state in db.rows(_DETECTORS, subject)
            }

    def commit_analysis(self, subject: PackageRole, analysis: Analysis) -> None:
        """Keep what a look came to and forget the counts it was at, in one transaction."""
        with self._db.writing() as db:
            db.run_many(
                _WRITE_DETECTOR,
                [
                    (*subject, segment.key, analysis.at_unix_s, packed(state))
                    for segment, state in analysis.detectors.items()
                ],
            )
            db.run_many(_FORGET_DETECTOR, [(*subject, segment.key) for segment in analysis.retired])
            db.run_many(
                _WRITE_ALARM,
                [
                    (alarm.alarm_id, alarm.model, alarm.raised_unix_s, as_text(alarm.document))
                    for alarm in analysis.alarms
                ],
            )
            write_points(db, subject, analysis.points)
            if analysis.token:
                db.run(_FORGET_PENDING, (*subject, json.dumps(sorted(analysis.token))))
        if analysis.token:
            self._fresh.forget(subject, analysis.token)

    def alarms(self, *, model: str = "", limit: int = 100) -> list[AlarmRecord]:
        """Return alarms, newest first."""
        with self._db.reading() as db:
            return [
                AlarmRecord(alarm_id, of_model, raised_unix_s, as_object(document))
                for alarm_id, of_model, raised_unix_s, document in db.rows(_ALARMS, (model, limit))
            ]

    def _sum(
        self, db: Transaction, key: PendingKey, row_ids: Set[int], *, spec: ProfileSpec
    ) -> Increment:
        """Return the sum of rows of a key, of which most may be known without reading them."""
        fresh = self._fresh.find(key, row_ids)
        if fresh is None:
            return merged_rows(db.rows(_PENDING, (json.dumps(sorted(row_ids)),)), spec)
        known, ids = fresh
        unread = sorted(row_ids - ids)
        if not unread:
            return known
        return known.merged(merged_rows(db.rows(_PENDING, (json.dumps(unread),)), spec))


def _segments(keys: str) -> tuple[Segment, ...]:
    return tuple(Segment.from_key(key) for key in json.loads(keys))
