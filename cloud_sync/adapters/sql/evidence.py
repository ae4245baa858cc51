"""Where detectors stood over time, in SQL: by the minute, later by the hour."""

from collections.abc import Mapping
from typing import Final

from cloud_sync.adapters.sql.database import SqlDatabase, Transaction
from cloud_sync.adapters.sql.documents import packed, unpacked
from cloud_sync.core.increments import AnalysisSubject, PackageRole
from cloud_sync.core.records import EvidencePoint, SubjectReading
from cloud_sync.core.segments import Segment
from edge_contract.errors import MessageError
from edge_contract.reading import Reader

__all__ = ["SqlEvidence", "write_points"]

_MINUTE_S: Final = 60
_MINUTES_OF_AN_HOUR: Final = 60
_ALL_KEPT_S: Final = 2 * 86_400.0
_HOURS_KEPT_S: Final = 90 * 86_400.0

_WRITE: Final = """
INSERT INTO evidence (package, role, segment, minute, at_unix_s, peak, readings)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (package, role, segment, minute) DO UPDATE SET
    at_unix_s = excluded.at_unix_s, peak = excluded.peak, readings = excluded.readings
"""
_READ: Final = """
SELECT at_unix_s, readings FROM evidence
WHERE package = ? AND role = ? AND segment = ? AND at_unix_s >= ? ORDER BY minute
"""
_FORGET_OLD: Final = "DELETE FROM evidence WHERE minute < ?"
_THIN_OUT: Final = """
DELETE FROM evidence WHERE id IN (
    SELECT id FROM (
        SELECT id, ROW_NUMBER() OVER (
            PARTITION BY package, role, segment, minute / ? ORDER BY peak DESC, minute
        ) AS place
        FROM evidence WHERE minute < ?
    ) AS placed WHERE place > 1
)
"""


class SqlEvidence:
    """The part of :class:`cloud_sync.ports.AnalysisStore` that looks back."""

    _db: SqlDatabase

    def evidence_history(
        self, subject: AnalysisSubject, *, since_unix_s: float = 0.0
    ) -> list[EvidencePoint]:
        """Return where the detectors of a segment stood, oldest first."""
        key = (subject.package, subject.role, subject.segment.key, since_unix_s)
        with self._db.reading() as db:
            return [
                EvidencePoint(at_unix_s, _readings(data)) for at_unix_s, data in db.rows(_READ, key)
            ]

    def thin_evidence(self, now_unix_s: float) -> int:
        """Forget points of evidence that are too many or older than 90 days; return how many."""
        with self._db.writing() as db:
            old = db.run(_FORGET_OLD, (_minute(now_unix_s - _HOURS_KEPT_S),))
            minute = _minute(now_unix_s - _ALL_KEPT_S)
            whole_hours = minute - minute % _MINUTES_OF_AN_HOUR
            many = db.run(_THIN_OUT, (_MINUTES_OF_AN_HOUR, whole_hours))
            return old + many


def write_points(
    db: Transaction, subject: PackageRole, points: Mapping[Segment, EvidencePoint]
) -> None:
    """Keep one point of each segment inside the present transaction, the last of its minute."""
    db.run_many(
        _WRITE,
        [
            (
                *subject,
                segment.key,
                _minute(point.at_unix_s),
                point.at_unix_s,
                point.peak,
                packed({name: list(reading) for name, reading in point.readings.items()}),
            )
            for segment, point in points.items()
        ],
    )


def _minute(at_unix_s: float) -> int:
    return int(at_unix_s // _MINUTE_S)


def _readings(data: bytes) -> dict[str, SubjectReading]:
    reader = Reader(unpacked(data), "evidence", MessageError)
    return {
        name: SubjectReading(
            item[0].number(), item[1].integer(low=0), item[2].number(), item[3].number()
        )
        for name, item in reader.fields().items()
    }
