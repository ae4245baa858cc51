"""Labelled rows and acknowledged alarms in SQL."""

from collections.abc import Callable, Sequence
from typing import Final

from cloud_sync.adapters.sql.commits import write_commit
from cloud_sync.adapters.sql.database import SqlDatabase
from cloud_sync.adapters.sql.documents import as_reader, as_text
from cloud_sync.adapters.sql.fresh import FreshCounts
from cloud_sync.core.increments import Commit
from cloud_sync.core.records import AcknowledgementRecord
from edge_contract.reading import JsonObject

__all__ = ["SqlLabels"]

_KNOWN: Final = """
SELECT key FROM labelled WHERE key IN (SELECT CAST(value AS BIGINT) FROM json_each(?))
"""
_NOTE: Final = "INSERT INTO labelled (key, at_unix_s) VALUES (?, ?)"
_ACKNOWLEDGE: Final = """
INSERT INTO acknowledgement (alarm, document) VALUES (?, ?)
ON CONFLICT (alarm) DO UPDATE SET document = excluded.document
"""
_COLLECTOR: Final = "labels"
"""Under which their windows stand, apart from those of collectors that write at the same time."""


class SqlLabels:
    """Implements :class:`cloud_sync.ports.LabelLedger`."""

    _db: SqlDatabase
    _fresh: FreshCounts

    def count_labels(
        self,
        keys: Sequence[int],
        commit_of: Callable[[Sequence[bool]], Commit],
        *,
        at_unix_s: float,
    ) -> list[bool]:
        """Note rows as labelled and write what the new ones come to, in one transaction."""
        with self._db.writing() as db:
            known = {key for (key,) in db.rows(_KNOWN, (as_text(list(keys)),))}
            new: list[bool] = []
            for key in keys:
                new.append(key not in known)
                known.add(key)
            fresh = [key for key, is_new in zip(keys, new, strict=True) if is_new]
            if not fresh:
                return new
            db.run_many(_NOTE, ((key, at_unix_s) for key in fresh))
            pending = write_commit(db, commit_of(new), collector=_COLLECTOR)
        self._fresh.add(pending)
        return new

    def prune_labels(self, before_unix_s: float) -> int:
        """Forget which rows were labelled before; return how many those were."""
        with self._db.writing() as db:
            return db.run("DELETE FROM labelled WHERE at_unix_s < ?", (before_unix_s,))

    def acknowledge(self, record: AcknowledgementRecord) -> None:
        """Keep that somebody looks after an alarm, in place of who did before."""
        document: JsonObject = {"by": record.by, "at_unix_s": record.at_unix_s, "note": record.note}
        with self._db.writing() as db:
            db.run(_ACKNOWLEDGE, (record.alarm_id, as_text(document)))

    def acknowledgements(self) -> dict[str, AcknowledgementRecord]:
        """Return who looks after which alarm, by its identifier."""
        with self._db.reading() as db:
            rows = list(db.rows("SELECT alarm, document FROM acknowledgement"))
        found: dict[str, AcknowledgementRecord] = {}
        for alarm_id, text in rows:
            document = as_reader(text)
            found[alarm_id] = AcknowledgementRecord(
                alarm_id,
                by=document["by"].text(max_length=1000),
                at_unix_s=document["at_unix_s"].number(),
                note=document["note"].text(max_length=10_000),
            )
        return found
