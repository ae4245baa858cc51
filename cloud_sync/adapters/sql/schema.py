"""Which schema the rooms of a warehouse expect."""

from typing import Final

__all__ = ["NEWEST", "READ_VERSION", "VERSION_TABLE"]

NEWEST: Final = "0005"
"""Name of the last step in ``migrations/versions``; a database that has seen it needs none."""

VERSION_TABLE: Final = "schema_version"

READ_VERSION: Final = "SELECT version_num FROM schema_version"
