"""Windows of other cells, and by what a store is told from others."""

from typing import Final

import sqlalchemy as sa
from alembic import op

from cloud_sync.adapters.sql.migrations.types import BIG, REAL, TEXT, counters, text_column

__all__ = ["upgrade"]

revision: Final = "0005"
down_revision: Final = "0004"


def upgrade() -> None:
    """Make them."""
    op.add_column("fleet_window", sa.Column("version", TEXT, nullable=False, server_default=""))
    op.create_table("store_identity", sa.Column("id", TEXT, primary_key=True), sqlite_strict=True)
    op.create_table(
        "cell",
        sa.Column("id", TEXT, primary_key=True),
        text_column("name"),
        text_column("url"),
        sa.Column("merged_unix_s", REAL, nullable=False),
        sa.UniqueConstraint("name"),
        sqlite_strict=True,
    )
    op.create_table(
        "cell_subject",
        sa.Column("cell", TEXT, primary_key=True),
        sa.Column("package", TEXT, primary_key=True),
        sa.Column("role", TEXT, primary_key=True),
        sa.Column("revision", BIG, nullable=False),
        text_column("digest"),
        sa.Column("devices", BIG, nullable=False),
        *counters(),
        sqlite_strict=True,
    )
