"""Devices and their commands in SQL."""

import json
from collections.abc import Iterable
from typing import Final

from cloud_sync.adapters.sql.database import Row, SqlDatabase, Transaction
from cloud_sync.adapters.sql.documents import as_reader, as_text
from cloud_sync.core.records import CommandRecord, CommandTally, DeviceAnswer
from cloud_sync.core.twin import DeviceTwin
from edge_contract.messages import Command, CommandResult

__all__ = ["SqlFleet"]

_WRITE_DEVICE: Final = """
INSERT INTO device (name, twin) VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET twin = excluded.twin
"""
_WRITE_COMMAND: Final = """
INSERT INTO command
    (id, body, devices, created_unix_s, expires_unix_s, by, audience, timeout_s, size)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING
"""
_WRITE_RESULT: Final = """
INSERT INTO command_result (command, device, at_unix_s, ok, detail, final)
SELECT id, ?, ?, ?, ?, ? FROM command WHERE id = ?
ON CONFLICT (command, device) DO UPDATE SET
    at_unix_s = excluded.at_unix_s, ok = excluded.ok, detail = excluded.detail, final = 1
WHERE command_result.final = 0 AND excluded.final = 1
"""
_OPEN: Final = """
SELECT id, body, devices, created_unix_s, by, audience, timeout_s FROM command
WHERE expires_unix_s + timeout_s > ?
ORDER BY created_unix_s DESC, id DESC
"""
_PAGE: Final = """
SELECT id, body, devices, created_unix_s, by, audience, timeout_s FROM command
WHERE (created_unix_s, id) < (?, ?)
ORDER BY created_unix_s DESC, id DESC LIMIT ?
"""
_COMMAND: Final = """
SELECT id, body, devices, created_unix_s, by, audience, timeout_s FROM command WHERE id = ?
"""
_TALLIES: Final = """
SELECT c.body, c.created_unix_s, c.by, c.audience, c.timeout_s, c.size,
    (SELECT COUNT(*) FROM command_result AS r WHERE r.command = c.id AND r.final = 1 AND r.ok = 1),
    (SELECT COUNT(*) FROM command_result AS r WHERE r.command = c.id AND r.final = 1 AND r.ok = 0),
    (SELECT COUNT(*) FROM command_result AS r WHERE r.command = c.id AND r.final = 0)
FROM command AS c
"""
_TALLY_PAGE: Final = f"""
{_TALLIES} WHERE (c.created_unix_s, c.id) < (?, ?)
ORDER BY c.created_unix_s DESC, c.id DESC LIMIT ?
"""
_TALLY: Final = f"{_TALLIES} WHERE c.id = ?"
_ANSWERS: Final = """
SELECT c.body, r.command, r.ok, r.detail, r.final, r.at_unix_s
FROM command_result AS r JOIN command AS c ON c.id = r.command
WHERE r.device = ? ORDER BY r.at_unix_s DESC, r.command DESC LIMIT ?
"""
_MOST_DEVICES: Final = 10_000_000
_END: Final = (1e300, "")
_RESULTS: Final = "SELECT device, ok, detail, final FROM command_result WHERE command = ?"


class SqlFleet:
    """Implements :class:`cloud_sync.ports.FleetStore`."""

    _db: SqlDatabase

    def save_fleet(
        self,
        *,
        twins: Iterable[DeviceTwin] = (),
        commands: Iterable[CommandRecord] = (),
        results: Iterable[tuple[CommandResult, float]] = (),
    ) -> None:
        """Keep twins, new commands and devices' answers, all or nothing."""
        with self._db.writing() as db:
            db.run_many(_WRITE_DEVICE, [(twin.name, as_text(twin.to_json())) for twin in twins])
            db.run_many(_WRITE_COMMAND, [_command_row(record) for record in commands])
            db.run_many(
                _WRITE_RESULT,
                [
                    (
                        result.device,
                        at_unix_s,
                        int(result.ok),
                        result.detail,
                        int(result.final),
                        result.command_id,
                    )
                    for result, at_unix_s in results
                ],
            )

    def devices(self) -> list[DeviceTwin]:
        """Return all twins by rising name."""
        with self._db.reading() as db:
            return [
                DeviceTwin.from_json(json.loads(text))
                for (text,) in db.rows("SELECT twin FROM device ORDER BY name")
            ]

    def command(self, command_id: str) -> CommandRecord | None:
        """Return a command with its results."""
        with self._db.reading() as db:
            row = db.row(_COMMAND, (command_id,))
            return None if row is None else _record(db, row)

    def commands(self, *, limit: int = 100, after: str = "") -> list[CommandRecord]:
        """Return commands, newest first, from the first one past the command ``after``."""
        with self._db.reading() as db:
            place = _place(db, after)
            if place is None:
                return []
            return [_record(db, row) for row in list(db.rows(_PAGE, (*place, limit)))]

    def command_tallies(self, *, limit: int = 100, after: str = "") -> list[CommandTally]:
        """Return commands in numbers, newest first, from the first one past ``after``."""
        with self._db.reading() as db:
            place = _place(db, after)
            if place is None:
                return []
            return [_tally(row) for row in db.rows(_TALLY_PAGE, (*place, limit))]

    def command_tally(self, command_id: str) -> CommandTally | None:
        """Return one command in numbers."""
        with self._db.reading() as db:
            row = db.row(_TALLY, (command_id,))
            return None if row is None else _tally(row)

    def answers_of(self, device: str, *, limit: int = 10) -> list[DeviceAnswer]:
        """Return what a device answered to commands, newest first."""
        with self._db.reading() as db:
            return [
                DeviceAnswer(
                    Command.from_body(as_reader(body)).name,
                    CommandResult(device, command_id, bool(ok), detail, bool(final)),
                    at_unix_s,
                )
                for body, command_id, ok, detail, final, at_unix_s in db.rows(
                    _ANSWERS, (device, limit)
                )
            ]

    def open_commands(self, at_unix_s: float) -> list[CommandRecord]:
        """Return all commands that had not expired then, with the time that results may take."""
        with self._db.reading() as db:
            return [_record(db, row) for row in list(db.rows(_OPEN, (at_unix_s,)))]


def _place(db: Transaction, after: str) -> tuple[float, str] | None:
    """Return where a command stands in time; ``None`` if there is none."""
    if not after:
        return _END
    row = db.row("SELECT created_unix_s, id FROM command WHERE id = ?", (after,))
    return None if row is None else (row[0], row[1])


def _tally(row: Row) -> CommandTally:
    body, *rest = row
    return CommandTally(Command.from_body(as_reader(body)), *rest)


def _command_row(record: CommandRecord) -> tuple[str | float, ...]:
    command = record.command
    return (
        command.command_id,
        as_text(command.to_body()),
        as_text(list(record.devices)),
        record.created_unix_s,
        command.expires_unix_s,
        record.by,
        record.audience,
        record.timeout_s,
        len(record.devices),
    )


def _record(db: Transaction, row: Row) -> CommandRecord:
    command_id, body, devices, created_unix_s, by, audience, timeout_s = row
    return CommandRecord(
        command=Command.from_body(as_reader(body)),
        devices=tuple(item.text() for item in as_reader(devices).items(max_length=_MOST_DEVICES)),
        created_unix_s=created_unix_s,
        by=by,
        audience=audience,
        timeout_s=timeout_s,
        results={
            device: CommandResult(device, command_id, bool(ok), detail, bool(final))
            for device, ok, detail, final in db.rows(_RESULTS, (command_id,))
        },
    )
