"""Join tokens, credentials of devices, and devices that are kept apart."""

from typing import Final

import sqlalchemy as sa
from alembic import op

from cloud_sync.adapters.sql.migrations.types import TEXT, text_column

__all__ = ["upgrade"]

revision: Final = "0003"
down_revision: Final = "0002"


def upgrade() -> None:
    """Make it."""
    op.create_table(
        "admission",
        sa.Column("kind", TEXT, primary_key=True),
        sa.Column("key", TEXT, primary_key=True),
        text_column("document"),
        sqlite_strict=True,
    )
