"""Rows that were labelled at the cloud, and alarms that somebody has acknowledged."""

from typing import Final

import sqlalchemy as sa
from alembic import op

from cloud_sync.adapters.sql.migrations.types import BIG, REAL, TEXT, text_column

__all__ = ["upgrade"]

revision: Final = "0004"
down_revision: Final = "0003"


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "labelled",
        sa.Column("key", BIG, primary_key=True, autoincrement=False),
        sa.Column("at_unix_s", REAL, nullable=False),
        sqlite_strict=True,
    )
    op.create_index("labelled_by_time", "labelled", ["at_unix_s"])
    op.create_table(
        "acknowledgement",
        sa.Column("alarm", TEXT, primary_key=True),
        text_column("document"),
        sqlite_strict=True,
    )
