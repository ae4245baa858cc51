"""Keeps what is old more coarsely, and forgets what is older still."""

import json
from collections.abc import Mapping
from typing import Final, NamedTuple

from cloud_sync.adapters.sql.adding import merged_rows
from cloud_sync.adapters.sql.database import Row, SqlDatabase, Transaction
from cloud_sync.adapters.sql.profiles import pack, version_of
from cloud_sync.core.increments import PackageRole
from cloud_sync.ports import SpecLookup
from edge_contract.stats import ProfileSpec

__all__ = ["SqlRollUp"]


class _Windows(NamedTuple):
    """One of the two tables of windows, in statements.

    Attributes:
        subjects: Finds packages and roles that there are windows of that are too fine.
        due: Finds new windows of one of them: owner and number.
        pieces: Reads what becomes one new window.
        forget: Forgets it.
        insert: Writes the new window.
        prune: Forgets what began before.
    """

    subjects: str
    due: str
    pieces: str
    forget: str
    insert: str
    prune: str


def _windows(table: str, *, column: str, owner: str) -> _Windows:
    """Return the statements of a table.

    Args:
        table: Its name.
        column: Who counted.
        owner: The same where it is kept apart, or one value for all.
    """
    is_fleet = column == "collector"
    names = {
        "{table}": table,
        "{column}": column,
        "{owner}": owner,
        # windows of other cells are as coarse as they are there
        "{own}": "AND collector NOT LIKE 'cell/%'" if is_fleet else "",
        "{version}": ", version" if is_fleet else "",
        "{value}": ", ?" if is_fleet else "",
    }
    return _Windows(*(_with_names(statement, names) for statement in _STATEMENTS))


def _with_names(statement: str, names: Mapping[str, str]) -> str:
    for place, name in names.items():
        statement = statement.replace(place, name)
    return statement


_STATEMENTS: Final = _Windows(
    subjects="""
SELECT DISTINCT package, role FROM {table}
WHERE start_unix_s >= ? AND start_unix_s < ? AND span_s < ? {own} ORDER BY 1, 2
""",
    due="""
SELECT DISTINCT {owner}, start_unix_s / ? FROM {table}
WHERE package = ? AND role = ? AND start_unix_s >= ? AND start_unix_s < ? AND span_s < ? {own}
ORDER BY 2, 1 LIMIT ?
""",
    pieces="""
SELECT id, rows, calls, failures, dropped, profile FROM {table}
WHERE package = ? AND role = ? AND {owner} = ?
    AND start_unix_s >= ? AND start_unix_s < ? AND span_s <= ? {own}
ORDER BY id -- FOR UPDATE
""",
    forget="""
DELETE FROM {table} WHERE id IN (SELECT CAST(value AS BIGINT) FROM json_each(?))
""",
    insert="""
INSERT INTO {table} (package, role, {column}, start_unix_s, span_s,
    rows, calls, failures, dropped, profile{version})
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?{value})
""",
    prune="DELETE FROM {table} WHERE start_unix_s < ?",
)
_FLEET: Final = _windows("fleet_window", column="collector", owner="''")
_DEVICES: Final = _windows("device_window", column="device", owner="device")


class SqlRollUp:
    """The part of :class:`cloud_sync.ports.Warehouse` that makes room."""

    _db: SqlDatabase

    def roll_up(
        self,
        specs: SpecLookup,
        *,
        before_unix_s: float,
        span_s: int,
        since_unix_s: float = 0.0,
        limit: int = 1000,
    ) -> int:
        """Merge windows that ended before into windows of a greater length."""
        made, span = 0, (since_unix_s, before_unix_s)
        for windows in (_FLEET, _DEVICES):
            with self._db.reading() as db:
                subjects = [PackageRole(*row) for row in db.rows(windows.subjects, (*span, span_s))]
            for subject in subjects:
                if (spec := specs(subject)) is not None and made < limit:
                    made += self._roll_up(
                        windows,
                        subject,
                        spec,
                        span=span,
                        span_s=span_s,
                        limit=limit - made,
                    )
        return made

    def prune(self, *, windows_before_unix_s: float, device_windows_before_unix_s: float) -> int:
        """Forget statistics of windows that began before; return how many windows those were."""
        with self._db.writing() as db:
            return db.run(_FLEET.prune, (windows_before_unix_s,)) + db.run(
                _DEVICES.prune, (device_windows_before_unix_s,)
            )

    def _roll_up(
        self,
        windows: _Windows,
        subject: PackageRole,
        spec: ProfileSpec,
        *,
        span: tuple[float, float],
        span_s: int,
        limit: int,
    ) -> int:
        with self._db.reading() as db:
            key = (span_s, *subject, *span, span_s, limit)
            due = list(db.rows(windows.due, key))
        for owner, number in due:
            with self._db.writing() as db:  # one each: nobody who commits waits long
                start_unix_s = number * span_s
                end_unix_s = start_unix_s + span_s
                where = (*subject, owner, start_unix_s, end_unix_s, span_s)
                pieces = list(db.rows(windows.pieces, where))
                new = (*subject, owner, start_unix_s, span_s)
                _replace(db, windows, new, pieces, spec)
        return len(due)


def _replace(
    db: Transaction,
    windows: _Windows,
    new: tuple[str, str, str, int, int],
    pieces: list[Row],
    spec: ProfileSpec,
) -> None:
    total = merged_rows((piece[1:] for piece in pieces), spec)
    db.run(windows.forget, (json.dumps([piece[0] for piece in pieces]),))
    packed = pack(total.profile.to_state())
    version = (version_of(packed),) if windows is _FLEET else ()
    db.run(windows.insert, (*new, *total.counters, packed, *version))
