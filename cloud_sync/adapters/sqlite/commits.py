"""Writes a collector's commit: counts are added to what is there, profiles merged with it."""

import json
import sqlite3
from typing import Final

from cloud_sync.adapters.sqlite.fresh import PendingRow
from cloud_sync.adapters.sqlite.profiles import pack, unpack
from cloud_sync.core.increments import (
    Commit,
    DeviceIncrement,
    DeviceWindow,
    FleetWindow,
    Increment,
    PendingKey,
)

__all__ = ["write_commit"]

_READ_FLEET_WINDOW: Final = """
SELECT profile FROM fleet_window WHERE package = ? AND role = ? AND start_unix_s = ?
"""
_WRITE_FLEET_WINDOW: Final = """
INSERT INTO fleet_window
    (package, role, start_unix_s, rows, calls, failures, dropped, profile)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET
    rows = rows + excluded.rows, calls = calls + excluded.calls,
    failures = failures + excluded.failures, dropped = dropped + excluded.dropped,
    profile = excluded.profile
"""
_READ_DEVICE_WINDOW: Final = """
SELECT profile FROM device_window
WHERE device = ? AND package = ? AND role = ? AND start_unix_s = ?
"""
_WRITE_DEVICE_WINDOW: Final = """
INSERT INTO device_window
    (device, package, role, start_unix_s, rows, calls, failures, dropped, profile)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET
    rows = rows + excluded.rows, calls = calls + excluded.calls,
    failures = failures + excluded.failures, dropped = dropped + excluded.dropped,
    profile = excluded.profile
"""
_WRITE_PENDING: Final = """
INSERT INTO pending
    (package, role, segments, stratum, rows, calls, failures, dropped, profile)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_WRITE_DEVICE_TOTAL: Final = """
INSERT INTO device_total (device, package, role, rows, calls, failures, dropped)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET
    rows = rows + excluded.rows, calls = calls + excluded.calls,
    failures = failures + excluded.failures, dropped = dropped + excluded.dropped
"""
_WRITE_SEEN: Final = """
INSERT INTO seen (device, boot, floor, ahead) VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET floor = excluded.floor, ahead = excluded.ahead
"""
_WRITE_TALLY: Final = """
INSERT INTO tally (name, value) VALUES (?, ?)
ON CONFLICT DO UPDATE SET value = value + excluded.value
"""
_WRITE_REFUSAL: Final = """
INSERT INTO refusal (kind, count) VALUES (?, ?)
ON CONFLICT DO UPDATE SET count = count + excluded.count
"""


def write_commit(db: sqlite3.Connection, commit: Commit) -> list[PendingRow]:
    """Write everything of a commit inside the present transaction; return its pending rows."""
    for window, increment in commit.windows.items():
        _add_fleet_window(db, window, increment)
    for own, piece in commit.device_windows.items():
        _add_device_window(db, own, piece)
    pending = [_add_pending(db, key, increment) for key, increment in commit.pending.items()]
    db.executemany(
        _WRITE_DEVICE_TOTAL,
        [(key.device, *key.subject, *counters) for key, counters in commit.totals.items()],
    )
    db.executemany(
        _WRITE_SEEN,
        [(*life, marks.floor, json.dumps(marks.ahead)) for life, marks in commit.marks.items()],
    )
    db.executemany(_WRITE_TALLY, commit.tally._asdict().items())
    db.executemany(_WRITE_REFUSAL, commit.refused.items())
    return pending


def _add_pending(db: sqlite3.Connection, key: PendingKey, increment: Increment) -> PendingRow:
    cursor = db.execute(
        _WRITE_PENDING,
        (
            *key.subject,
            json.dumps([segment.key for segment in key.segments]),
            key.stratum,
            *increment.counters,
            pack(increment.profile.to_state()),
        ),
    )
    return PendingRow(cursor.lastrowid or 0, key, increment)


def _add_fleet_window(db: sqlite3.Connection, window: FleetWindow, increment: Increment) -> None:
    key = (*window.subject, window.start_unix_s)
    row = db.execute(_READ_FLEET_WINDOW, key).fetchone()
    profile = increment.profile
    if row is not None:
        profile = unpack(row[0], profile.spec).merged(profile)
    db.execute(_WRITE_FLEET_WINDOW, (*key, *increment.counters, pack(profile.to_state())))


def _add_device_window(
    db: sqlite3.Connection, window: DeviceWindow, increment: DeviceIncrement
) -> None:
    key = (window.device, *window.subject, window.start_unix_s)
    row = db.execute(_READ_DEVICE_WINDOW, key).fetchone()
    packed = _packed(increment, None if row is None else row[0])
    db.execute(_WRITE_DEVICE_WINDOW, (*key, *increment.counters, packed))


def _packed(increment: DeviceIncrement, stored: bytes | None) -> bytes:
    if stored is None and len(increment.states) == 1:
        return pack(increment.states[0])
    spec = increment.spec
    profile = spec.empty() if stored is None else unpack(stored, spec)
    for state in increment.states:
        profile = profile.merged(spec.decode(state))
    return pack(profile.to_state())
