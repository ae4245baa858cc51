"""Groups of devices in SQL."""

from typing import Final

from cloud_sync.adapters.sql.database import SqlDatabase
from cloud_sync.adapters.sql.documents import as_reader, as_text
from cloud_sync.core.groups import MOST_MEMBERS, DeviceGroup

__all__ = ["SqlGroups"]

_WRITE: Final = """
INSERT INTO device_group (name, document) VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET document = excluded.document
"""


class SqlGroups:
    """Implements :class:`cloud_sync.ports.GroupStore`."""

    _db: SqlDatabase

    def save_group(self, group: DeviceGroup) -> None:
        """Keep a group, in place of an earlier one of its name."""
        with self._db.writing() as db:
            db.run(_WRITE, (group.name, _document(group)))

    def delete_group(self, name: str) -> bool:
        """Forget a group; return whether there was one."""
        with self._db.writing() as db:
            return db.run("DELETE FROM device_group WHERE name = ?", (name,)) > 0

    def groups(self) -> list[DeviceGroup]:
        """Return all groups by rising name."""
        with self._db.reading() as db:
            rows = db.rows("SELECT name, document FROM device_group")
            found = [_group(name, document) for name, document in rows]
        return sorted(found, key=lambda group: group.name)


def _document(group: DeviceGroup) -> str:
    return as_text(
        {
            "filter": group.filter,
            "devices": list(group.devices),
            "description": group.description,
            "changed_unix_s": group.changed_unix_s,
            "by": group.by,
        }
    )


def _group(name: str, document: str) -> DeviceGroup:
    reader = as_reader(document)
    return DeviceGroup(
        name=name,
        filter=reader["filter"].text(max_length=10_000),
        devices=tuple(item.text() for item in reader["devices"].items(max_length=MOST_MEMBERS)),
        description=reader["description"].text(max_length=10_000),
        changed_unix_s=reader["changed_unix_s"].number(),
        by=reader["by"].text(max_length=1000),
    )
