"""Groups of devices, tokens, answers to orders that may come twice, and commands in two steps."""

from typing import Final

import sqlalchemy as sa
from alembic import op

from cloud_sync.adapters.sql.migrations.types import BIG, BYTES, REAL, TEXT, text_column

__all__ = ["upgrade"]

revision: Final = "0002"
down_revision: Final = "0001"


def upgrade() -> None:
    """Make them."""
    for name in ("device_group", "token"):
        key = "name" if name == "device_group" else "id"
        op.create_table(
            name,
            sa.Column(key, TEXT, primary_key=True),
            text_column("document"),
            sqlite_strict=True,
        )
    op.create_table(
        "kept_answer",
        sa.Column("scope", TEXT, primary_key=True),
        sa.Column("key", TEXT, primary_key=True),
        text_column("fingerprint"),
        sa.Column("at_unix_s", REAL, nullable=False),
        sa.Column("status", BIG, nullable=False),
        text_column("headers"),
        sa.Column("body", BYTES, nullable=False),
        sqlite_strict=True,
    )
    op.create_index("kept_answer_by_time", "kept_answer", ["at_unix_s"])
    op.add_column("command", sa.Column("audience", TEXT, nullable=False, server_default=""))
    op.add_column("command", sa.Column("timeout_s", REAL, nullable=False, server_default="0"))
    op.add_column("command", sa.Column("size", BIG, nullable=False, server_default="0"))
    op.create_index("command_by_time", "command", ["created_unix_s", "id"])
    op.create_index("command_result_by_device", "command_result", ["device", "at_unix_s"])
    op.add_column("command_result", sa.Column("final", BIG, nullable=False, server_default="1"))
