"""Rollouts and the record of who did what, in SQL."""

from collections.abc import Mapping, Sequence
from typing import Final

from cloud_sync.adapters.sql.database import SqlDatabase
from cloud_sync.adapters.sql.documents import as_object, as_text
from cloud_sync.core.records import AuditRecord, RolloutEvent, RolloutRecord

__all__ = ["SqlRollouts"]

_WRITE_ROLLOUT: Final = """
INSERT INTO rollout (id, started_unix_s, document) VALUES (?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
    started_unix_s = excluded.started_unix_s, document = excluded.document
"""
_WRITE_EVENT: Final = """
INSERT INTO rollout_event (rollout, at_unix_s, sentence, evidence) VALUES (?, ?, ?, ?)
"""
_WRITE_EXECUTION: Final = """
INSERT INTO execution (rollout, device, state) VALUES (?, ?, ?)
ON CONFLICT (rollout, device) DO UPDATE SET state = excluded.state
"""
_EXECUTIONS: Final = "SELECT device, state FROM execution WHERE rollout = ?"
_ROLLOUTS: Final = """
SELECT id, started_unix_s, document FROM rollout ORDER BY started_unix_s DESC, id DESC
"""
_EVENTS: Final = """
SELECT at_unix_s, sentence, evidence FROM rollout_event WHERE rollout = ? ORDER BY id
"""
_WRITE_AUDIT: Final = """
INSERT INTO audit (at_unix_s, by, action, subject, detail) VALUES (?, ?, ?, ?, ?)
"""
_AUDIT: Final = """
SELECT id, at_unix_s, by, action, subject, detail FROM audit
WHERE id < ? AND (action = ? OR action LIKE ?)
ORDER BY id DESC LIMIT ?
"""
_END: Final = 2**62


class SqlRollouts:
    """Implements :class:`cloud_sync.ports.RolloutStore`."""

    _db: SqlDatabase

    def save_rollout(
        self,
        record: RolloutRecord,
        *,
        events: Sequence[RolloutEvent] = (),
        executions: Mapping[str, str] | None = None,
    ) -> None:
        """Save a rollout, append to its history and change devices' executions, all or nothing."""
        key = record.rollout_id
        with self._db.writing() as db:
            db.run(_WRITE_ROLLOUT, (key, record.started_unix_s, as_text(record.document)))
            db.run_many(
                _WRITE_EVENT,
                [(key, line.at_unix_s, line.sentence, as_text(line.evidence)) for line in events],
            )
            db.run_many(
                _WRITE_EXECUTION,
                [(key, device, state) for device, state in (executions or {}).items()],
            )

    def rollouts(self) -> list[RolloutRecord]:
        """Return all rollouts, newest first."""
        with self._db.reading() as db:
            return [
                RolloutRecord(rollout_id, started_unix_s, as_object(document))
                for rollout_id, started_unix_s, document in db.rows(_ROLLOUTS)
            ]

    def rollout_events(self, rollout_id: str) -> list[RolloutEvent]:
        """Return a rollout's history, oldest first."""
        with self._db.reading() as db:
            return [
                RolloutEvent(at_unix_s, sentence, as_object(evidence))
                for at_unix_s, sentence, evidence in db.rows(_EVENTS, (rollout_id,))
            ]

    def executions(self, rollout_id: str) -> dict[str, str]:
        """Return the state of each device in a rollout."""
        with self._db.reading() as db:
            return dict(db.rows(_EXECUTIONS, (rollout_id,)))

    def add_audit(self, record: AuditRecord) -> None:
        """Append to the record of who did what."""
        with self._db.writing() as db:
            db.run(
                _WRITE_AUDIT,
                (
                    record.at_unix_s,
                    record.by,
                    record.action,
                    record.subject,
                    as_text(record.detail),
                ),
            )

    def audit(
        self, *, limit: int = 100, before: int | None = None, action: str = ""
    ) -> list[AuditRecord]:
        """Return who did what, newest first."""
        like = f"{action}.%" if action else "%"
        values = (_END if before is None else before, action, like, limit)
        with self._db.reading() as db:
            return [
                AuditRecord(at_unix_s, by, action, subject, as_object(detail), number=number)
                for number, at_unix_s, by, action, subject, detail in db.rows(_AUDIT, values)
            ]
