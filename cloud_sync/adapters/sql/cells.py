"""Windows of cells in SQL.

A window of a cell is a row of ``fleet_window`` like those of our own collectors, under the cell's
name, so that whoever reads windows reads those of cells as well. It is replaced, never added to:
bringing it to the cell's state twice changes nothing.
"""

import hashlib
import json
import secrets
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from cloud_sync.adapters.sql.adding import merged_rows
from cloud_sync.adapters.sql.database import Row, SqlDatabase, Table, Transaction
from cloud_sync.adapters.sql.profiles import pack
from cloud_sync.core.increments import PackageRole
from cloud_sync.ports.cells import (
    CellRecord,
    CellState,
    CellWindow,
    Mirrored,
    WindowPlace,
)
from edge_contract.errors import UsageError
from edge_contract.messages import Counters
from edge_contract.stats import ProfileSpec

__all__ = ["SqlCells"]

_NAME_IDENTITY: Final = """
INSERT INTO store_identity (id) SELECT CAST(? AS TEXT)
WHERE NOT EXISTS (SELECT 1 FROM store_identity)
"""
_IDENTITY: Final = "SELECT MIN(id) FROM store_identity"
_ROWS: Final = """
SELECT package, role, start_unix_s, span_s, collector, rows, calls, failures, dropped, version
FROM fleet_window {where} ORDER BY package, role, start_unix_s, span_s, collector
"""
_ALL_ROWS: Final = _ROWS.replace("{where}", "")
_ROWS_OF: Final = _ROWS.replace("{where}", "WHERE package = ? AND role = ?")
_OWN_TOTALS: Final = """
SELECT package, role, CAST(COUNT(*) AS BIGINT), CAST(SUM(rows) AS BIGINT),
    CAST(SUM(calls) AS BIGINT), CAST(SUM(failures) AS BIGINT), CAST(SUM(dropped) AS BIGINT)
FROM device_total GROUP BY package, role
"""
_CELL_TOTALS: Final = """
SELECT package, role, devices, rows, calls, failures, dropped FROM cell_subject
"""
_CONTENT: Final = """
SELECT rows, calls, failures, dropped, profile, collector, version FROM fleet_window
WHERE package = ? AND role = ? AND start_unix_s = ? AND span_s = ? ORDER BY collector
"""
_MIRRORED: Final = """
SELECT start_unix_s, span_s, version FROM fleet_window
WHERE package = ? AND role = ? AND collector = ?
"""
_CLAIM: Final = """
UPDATE cell_subject SET revision = revision + 1
WHERE cell = ? AND package = ? AND role = ? AND revision = ?
"""
_BEGIN: Final = """
INSERT INTO cell_subject
    (cell, package, role, revision, digest, devices, rows, calls, failures, dropped)
VALUES (?, ?, ?, 0, '', 0, 0, 0, 0, 0) ON CONFLICT (cell, package, role) DO NOTHING
"""
_TOLD: Final = """
UPDATE cell_subject SET digest = ?, devices = ?, rows = ?, calls = ?, failures = ?, dropped = ?
WHERE cell = ? AND package = ? AND role = ?
"""
_FORGET: Final = """
DELETE FROM fleet_window WHERE package = ? AND role = ? AND collector = ?
    AND start_unix_s = ? AND span_s = ?
"""
_SAVE_CELL: Final = """
INSERT INTO cell (id, name, url, merged_unix_s) VALUES (?, ?, ?, ?) ON CONFLICT (id)
DO UPDATE SET name = excluded.name, url = excluded.url, merged_unix_s = excluded.merged_unix_s
"""
_CELLS: Final = """
SELECT cell.id, cell.name, cell.url, cell.merged_unix_s,
    CAST(COALESCE(SUM(CASE WHEN role = 'primary' THEN rows ELSE 0 END), 0) AS BIGINT),
    CAST(COALESCE(MAX(devices), 0) AS BIGINT)
FROM cell LEFT JOIN cell_subject ON cell_subject.cell = cell.id
GROUP BY cell.id, cell.name, cell.url, cell.merged_unix_s ORDER BY cell.name
"""
_WINDOW: Final = Table(
    "fleet_window",
    key=("package", "role", "start_unix_s", "span_s", "collector"),
    replaced=("rows", "calls", "failures", "dropped", "profile", "version"),
)


class SqlCells:
    """Implements :class:`cloud_sync.ports.cells.CellStore`."""

    _db: SqlDatabase

    def identity(self) -> str:
        """Return what tells this store from every other; a copy or backup has the same."""
        with self._db.reading() as db:
            found = db.row(_IDENTITY)
        if found is None or found[0] is None:
            with self._db.writing() as db:
                db.run(_NAME_IDENTITY, (secrets.token_hex(8),))
                found = db.row(_IDENTITY)
        return str(found[0]) if found else ""

    def cell_states(self) -> dict[PackageRole, str]:
        """Return the digest of the state of each package and role, at one moment."""
        with self._db.reading() as db:
            totals = _totals(db)
            rows: dict[PackageRole, list[Row]] = {subject: [] for subject in totals}
            for package, role, *row in db.rows(_ALL_ROWS):
                rows.setdefault(PackageRole(package, role), []).append(tuple(row))
        return {
            subject: _digest(totals.get(subject, _NOTHING), found)
            for subject, found in rows.items()
        }

    def cell_state(self, subject: PackageRole) -> CellState:
        """Return the state of one of them, at one moment."""
        with self._db.reading() as db:
            devices, counters = _totals(db).get(subject, _NOTHING)
            rows = [tuple(row) for _, _, *row in db.rows(_ROWS_OF, subject)]
        parts: dict[WindowPlace, list[Row]] = {}
        for start_unix_s, span_s, collector, *rest in rows:
            parts.setdefault(WindowPlace(start_unix_s, span_s), []).append((collector, *rest))
        return CellState(
            _digest((devices, counters), rows),
            counters,
            devices,
            {place: _hashed(found) for place, found in parts.items()},
        )

    def cell_windows(
        self, subject: PackageRole, spec: ProfileSpec, places: Collection[WindowPlace]
    ) -> list[CellWindow]:
        """Return windows as they are now; those that are gone are left out."""
        found: list[CellWindow] = []
        with self._db.reading() as db:
            for place in places:
                rows = list(db.rows(_CONTENT, (*subject, *place)))
                if rows:
                    total = merged_rows((row[:5] for row in rows), spec)
                    version = _hashed((row[5], *row[:4], row[6]) for row in rows)
                    packed = pack(total.profile.to_state())
                    found.append(CellWindow(place, version, total.counters, packed))
        return found

    def cells(self) -> list[CellRecord]:
        """Return the cells whose windows are here, by name."""
        with self._db.reading() as db:
            return [CellRecord(*row) for row in db.rows(_CELLS)]

    def save_cell(self, record: CellRecord) -> None:
        """Note a cell, or when it was merged; raises ``UsageError`` for a name that is taken."""
        with self._db.writing() as db:
            named = db.row("SELECT id FROM cell WHERE name = ?", (record.name,))
            if named is not None and named[0] != record.cell_id:
                raise UsageError(
                    f"cell {record.name!r} was another store before: if it was made anew, forget "
                    f"the old one's windows with --forget {record.name}, or give the new one "
                    "another name"
                )
            db.run(_SAVE_CELL, (record.cell_id, record.name, record.url, record.merged_unix_s))

    def forget_cell(self, cell_id: str) -> int:
        """Forget all windows of a cell; return how many those were."""
        with self._db.writing() as db:
            windows = db.run("DELETE FROM fleet_window WHERE collector = ?", (_owner(cell_id),))
            db.run("DELETE FROM cell_subject WHERE cell = ?", (cell_id,))
            db.run("DELETE FROM cell WHERE id = ?", (cell_id,))
            return windows

    def mirrored_states(self, cell_id: str) -> dict[PackageRole, str]:
        """Return the digests of what is here of a cell."""
        statement = "SELECT package, role, digest FROM cell_subject WHERE cell = ?"
        with self._db.reading() as db:
            return {PackageRole(p, r): digest for p, r, digest in db.rows(statement, (cell_id,))}

    def mirrored(self, cell_id: str, subject: PackageRole) -> Mirrored:
        """Return what is here of one package and role of a cell."""
        statement = (
            "SELECT revision, digest FROM cell_subject WHERE cell = ? AND package = ? AND role = ?"
        )
        with self._db.reading() as db:
            revision, digest = db.row(statement, (cell_id, *subject)) or (0, "")
            windows = {
                WindowPlace(start_unix_s, span_s): version
                for start_unix_s, span_s, version in db.rows(_MIRRORED, (*subject, _owner(cell_id)))
            }
        return Mirrored(revision, digest, windows)

    def mirror(
        self,
        cell_id: str,
        subject: PackageRole,
        state: CellState,
        *,
        revision: int,
        gone: Collection[WindowPlace],
        fresh: Sequence[CellWindow],
    ) -> bool:
        """Bring what is here to a state, in one transaction."""
        owner = _owner(cell_id)
        with self._db.writing() as db:
            db.run(_BEGIN, (cell_id, *subject))
            if not db.run(_CLAIM, (cell_id, *subject, revision)):
                return False
            for place in gone:
                db.run(_FORGET, (*subject, owner, *place))
            db.write(
                _WINDOW,
                [(*subject, *w.place, owner, *w.counters, w.profile, w.version) for w in fresh],
            )
            db.run(_TOLD, (state.digest, state.devices, *state.totals, cell_id, *subject))
        return True


_NOTHING: Final = (0, Counters())


def _owner(cell_id: str) -> str:
    return f"cell/{cell_id}"


def _totals(db: Transaction) -> dict[PackageRole, tuple[int, Counters]]:
    """Return devices and counts of each package and role, those of cells below us included."""
    found: dict[PackageRole, tuple[int, Counters]] = {}
    for statement in (_OWN_TOTALS, _CELL_TOTALS):
        for package, role, devices, *counts in db.rows(statement):
            subject = PackageRole(package, role)
            known, counters = found.get(subject, _NOTHING)
            found[subject] = (known + devices, counters.plus(Counters(*counts)))
    return found


def _digest(totals: tuple[int, Counters], rows: Iterable[Row]) -> str:
    devices, counters = totals
    return _hashed([(devices, *counters), *rows])


def _hashed(rows: Iterable[Row]) -> str:
    text = json.dumps([list(row) for row in rows], separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
