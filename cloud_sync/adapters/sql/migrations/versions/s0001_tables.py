"""All tables."""

from typing import Final

import sqlalchemy as sa
from alembic import op

from cloud_sync.adapters.sql.migrations.types import (
    BIG,
    BYTES,
    REAL,
    TEXT,
    counters,
    identity,
    text_column,
)
from edge_contract.messages.topics import SHARDS

__all__ = ["upgrade"]

revision: Final = "0001"
down_revision: Final = None

_HOT: Final = {"fillfactor": 70}  # rows that change all the time find room beside themselves


def upgrade() -> None:
    """Make them."""
    _statistics()
    _collectors()
    _analysis()
    _fleet()
    _rollouts()


def _statistics() -> None:
    op.create_table(
        "fleet_window",
        identity(),
        text_column("package"),
        text_column("role"),
        sa.Column("start_unix_s", BIG, nullable=False),
        sa.Column("span_s", BIG, nullable=False),
        text_column("collector"),
        *counters(),
        sa.Column("profile", BYTES, nullable=False),
        sa.UniqueConstraint("package", "role", "start_unix_s", "span_s", "collector"),
        sqlite_strict=True,
    )
    op.create_index("fleet_window_by_start", "fleet_window", ["start_unix_s"])
    op.create_table(
        "device_window",
        identity(),
        text_column("device"),
        text_column("package"),
        text_column("role"),
        sa.Column("start_unix_s", BIG, nullable=False),
        sa.Column("span_s", BIG, nullable=False),
        *counters(),
        sa.Column("profile", BYTES, nullable=False),
        sqlite_strict=True,
    )
    op.create_index(
        "device_window_by_device", "device_window", ["package", "role", "device", "start_unix_s"]
    )
    op.create_index("device_window_by_start", "device_window", ["start_unix_s"])
    op.create_table(
        "device_total",
        sa.Column("device", TEXT, primary_key=True),
        sa.Column("package", TEXT, primary_key=True),
        sa.Column("role", TEXT, primary_key=True),
        *counters(),
        sqlite_strict=True,
        sqlite_with_rowid=False,
        postgresql_with=_HOT,
    )
    op.create_table(
        "seen",
        sa.Column("device", TEXT, primary_key=True),
        sa.Column("boot", BIG, primary_key=True, autoincrement=False),
        sa.Column("floor", BIG, nullable=False),
        text_column("ahead"),
        sa.Column("heard_unix_s", REAL, nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
        postgresql_with=_HOT,
    )
    for name, key, value in (("tally", "name", "value"), ("refusal", "kind", "count")):
        op.create_table(
            name,
            sa.Column(key, TEXT, primary_key=True),
            sa.Column(value, BIG, nullable=False),
            sqlite_strict=True,
            sqlite_with_rowid=False,
        )


def _collectors() -> None:
    op.create_table(
        "collector",
        sa.Column("id", TEXT, primary_key=True),
        text_column("name"),
        sa.Column("seen_unix_s", REAL, nullable=False),
        sqlite_strict=True,
    )
    shard = op.create_table(
        "shard",
        sa.Column("number", BIG, primary_key=True, autoincrement=False),
        text_column("holder"),
        sa.Column("lease", BIG, nullable=False),
        sqlite_strict=True,
    )
    op.bulk_insert(shard, [{"number": n, "holder": "", "lease": 0} for n in range(SHARDS)])


def _analysis() -> None:
    op.create_table(
        "pending",
        identity(),
        text_column("package"),
        text_column("role"),
        text_column("segments"),
        text_column("stratum"),
        *counters(),
        sa.Column("profile", BYTES, nullable=False),
        sqlite_strict=True,
        sqlite_autoincrement=True,
    )
    op.create_index("pending_by_subject", "pending", ["package", "role"])
    op.create_table(
        "detector",
        sa.Column("package", TEXT, primary_key=True),
        sa.Column("role", TEXT, primary_key=True),
        sa.Column("segment", TEXT, primary_key=True),
        sa.Column("seen_unix_s", REAL, nullable=False),
        sa.Column("state", BYTES, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "evidence",
        identity(),
        text_column("package"),
        text_column("role"),
        text_column("segment"),
        sa.Column("minute", BIG, nullable=False),
        sa.Column("at_unix_s", REAL, nullable=False),
        sa.Column("peak", REAL, nullable=False),
        sa.Column("readings", BYTES, nullable=False),
        sa.UniqueConstraint("package", "role", "segment", "minute"),
        sqlite_strict=True,
    )
    op.create_index("evidence_by_time", "evidence", ["minute"])
    op.create_table(
        "alarm",
        sa.Column("id", TEXT, primary_key=True),
        text_column("model"),
        sa.Column("raised_unix_s", REAL, nullable=False),
        text_column("document"),
        sqlite_strict=True,
    )
    op.create_index("alarm_by_time", "alarm", ["raised_unix_s"])


def _fleet() -> None:
    op.create_table(
        "device", sa.Column("name", TEXT, primary_key=True), text_column("twin"), sqlite_strict=True
    )
    op.create_table(
        "command",
        sa.Column("id", TEXT, primary_key=True),
        text_column("body"),
        text_column("devices"),
        sa.Column("created_unix_s", REAL, nullable=False),
        sa.Column("expires_unix_s", REAL, nullable=False),
        text_column("by"),
        sqlite_strict=True,
    )
    op.create_table(
        "command_result",
        sa.Column("command", TEXT, sa.ForeignKey("command.id"), primary_key=True),
        sa.Column("device", TEXT, primary_key=True),
        sa.Column("at_unix_s", REAL, nullable=False),
        sa.Column("ok", BIG, nullable=False),
        text_column("detail"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def _rollouts() -> None:
    op.create_table(
        "rollout",
        sa.Column("id", TEXT, primary_key=True),
        sa.Column("started_unix_s", REAL, nullable=False),
        text_column("document"),
        sqlite_strict=True,
    )
    op.create_table(
        "rollout_event",
        identity(),
        sa.Column("rollout", TEXT, sa.ForeignKey("rollout.id"), nullable=False),
        sa.Column("at_unix_s", REAL, nullable=False),
        text_column("sentence"),
        text_column("evidence"),
        sqlite_strict=True,
    )
    op.create_index("rollout_event_by_rollout", "rollout_event", ["rollout"])
    op.create_table(
        "execution",
        sa.Column("rollout", TEXT, sa.ForeignKey("rollout.id"), primary_key=True),
        sa.Column("device", TEXT, primary_key=True),
        text_column("state"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "audit",
        identity(),
        sa.Column("at_unix_s", REAL, nullable=False),
        text_column("by"),
        text_column("action"),
        text_column("subject"),
        text_column("detail"),
        sqlite_strict=True,
    )
