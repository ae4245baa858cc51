"""Writes a collector's commit.

What single devices counted is only ever added, as it came; it is merged when it is read, or rolled
up. Counts of all devices together are few and read often: they are merged with what this collector
has written before, one row of each collector and window.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Final

from cloud_sync.adapters.sql.database import Table, Transaction, Value
from cloud_sync.adapters.sql.fresh import PendingRow
from cloud_sync.adapters.sql.leases import require_leases
from cloud_sync.adapters.sql.profiles import as_stored, pack, unpack, version_of
from cloud_sync.core.increments import (
    Commit,
    DeviceIncrement,
    DeviceWindow,
    FleetWindow,
    Increment,
    PendingKey,
)
from edge_contract.messages import Counters

__all__ = ["write_commit"]

_COUNTERS: Final = ("rows", "calls", "failures", "dropped")
_FLEET_WINDOW: Final = Table(
    "fleet_window",
    key=("package", "role", "start_unix_s", "span_s", "collector"),
    added=_COUNTERS,
    replaced=("profile", "version"),
)
_DEVICE_WINDOW: Final = Table(
    "device_window",
    replaced=("device", "package", "role", "start_unix_s", "span_s", *_COUNTERS, "profile"),
)
_DEVICE_TOTAL: Final = Table("device_total", key=("device", "package", "role"), added=_COUNTERS)
_SEEN: Final = Table("seen", key=("device", "boot"), replaced=("floor", "ahead", "heard_unix_s"))
_TALLY: Final = Table("tally", key=("name",), added=("value",))
_REFUSAL: Final = Table("refusal", key=("kind",), added=("count",))
_READ_FLEET_WINDOW: Final = """
SELECT profile FROM fleet_window
WHERE package = ? AND role = ? AND start_unix_s = ? AND span_s = ? AND collector = ?
-- FOR UPDATE
"""
_WRITE_PENDING: Final = """
INSERT INTO pending
    (package, role, segments, stratum, rows, calls, failures, dropped, profile)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id
"""
_NOTHING: Final = Counters()


def write_commit(db: Transaction, commit: Commit, *, collector: str) -> list[PendingRow]:
    """Write everything of a commit inside the present transaction; return its pending rows.

    Raises:
        LeaseLostError: Another collector has taken over a shard of it.
    """
    require_leases(db, collector, commit.leases)
    db.write(
        _FLEET_WINDOW,
        [
            _fleet_row(db, window, increment, collector=collector, span_s=commit.window_s)
            for window, increment in sorted(commit.windows.items(), key=lambda item: item[0])
        ],
    )
    db.write(_DEVICE_WINDOW, _device_rows(commit.device_windows.items(), commit.device_window_s))
    pending = [_add_pending(db, key, increment) for key, increment in commit.pending.items()]
    db.write(
        _DEVICE_TOTAL,
        [(key.device, *key.subject, *counters) for key, counters in commit.totals.items()],
    )
    db.write(
        _SEEN,
        [
            (*life, marks.floor, json.dumps(marks.ahead), commit.at_unix_s)
            for life, marks in commit.marks.items()
        ],
    )
    db.write(_TALLY, [(name, count) for name, count in commit.tally._asdict().items() if count])
    db.write(_REFUSAL, list(commit.refused.items()))
    return pending


def _fleet_row(
    db: Transaction, window: FleetWindow, increment: Increment, *, collector: str, span_s: int
) -> tuple[Value, ...]:
    key = (*window.subject, window.start_unix_s, span_s, collector)
    row = db.row(_READ_FLEET_WINDOW, key)
    profile = increment.profile
    if row is not None:
        profile = unpack(row[0], profile.spec).merged(profile)
    packed = pack(profile.to_state())
    return (*key, *increment.counters, packed, version_of(packed))


def _device_rows(
    windows: Iterable[tuple[DeviceWindow, DeviceIncrement]], span_s: int
) -> Iterator[tuple[Value, ...]]:
    for window, increment in windows:
        key = (window.device, *window.subject, window.start_unix_s, span_s)
        counters = increment.counters
        for piece in increment.pieces:
            yield (*key, *counters, as_stored(piece))
            counters = _NOTHING  # they are those of all pieces


def _add_pending(db: Transaction, key: PendingKey, increment: Increment) -> PendingRow:
    segments = json.dumps([segment.key for segment in key.segments])
    packed = pack(increment.profile.to_state())
    row = db.row(_WRITE_PENDING, (*key.subject, segments, key.stratum, *increment.counters, packed))
    return PendingRow(row[0] if row else 0, key, increment)
