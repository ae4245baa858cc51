import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from cloud_sync.adapters.sql.fresh import FreshCounts, PendingRow
from cloud_sync.adapters.sql.migrations import newest_step
from cloud_sync.adapters.sql.schema import NEWEST
from cloud_sync.adapters.sqlite_warehouse import SqliteWarehouse
from cloud_sync.core.increments import Commit, Increment, PendingKey, Tally
from cloud_sync.core.pending import Analysis
from cloud_sync.core.records import AuditRecord
from cloud_sync.core.segments import Segment
from cloud_sync.ports import Totals
from edge_contract.errors import UnavailableError, UsageError
from edge_contract.messages import Counters
from edge_contract.package import Role
from tests.support.disks import files_of_at_most
from tests.support.telemetry import DIGITS, DIGITS_ROLE, profile_of

SPEC = DIGITS.specs[Role.PRIMARY]
ONE = Commit(tally=Tally(batches=1))
FILE = "warehouse.sqlite3"


def test_what_was_committed_is_there_after_a_restart(tmp_path: Path) -> None:
    with closing(SqliteWarehouse(tmp_path)) as before:
        before.commit(ONE)

    with closing(SqliteWarehouse(tmp_path)) as after:
        assert after.totals() == Totals(Tally(batches=1))


def test_a_process_that_is_killed_loses_nothing_committed_and_nothing_half_done(
    tmp_path: Path,
) -> None:
    script = f"""
import os, pathlib
from cloud_sync.adapters.sqlite.database import SqliteDatabase
from cloud_sync.adapters.sqlite_warehouse import SqliteWarehouse
from cloud_sync.core.increments import Commit, Tally
warehouse = SqliteWarehouse(pathlib.Path({str(tmp_path)!r}))
warehouse.commit(Commit(tally=Tally(batches=1)))
database = SqliteDatabase(pathlib.Path({str(tmp_path / FILE)!r}), busy_timeout_s=1.0)
with database.writing() as db:
    db.run("UPDATE tally SET value = 99")
    os.kill(os.getpid(), 9)
"""

    killed = subprocess.run([sys.executable, "-c", script], check=False)

    assert killed.returncode == -9
    with closing(SqliteWarehouse(tmp_path)) as warehouse:
        assert warehouse.totals() == Totals(Tally(batches=1))


def test_a_commit_that_fails_half_way_leaves_nothing_behind(tmp_path: Path) -> None:
    with closing(SqliteWarehouse(tmp_path)) as warehouse:
        too_large = Commit(tally=Tally(batches=1), refused={"busy": 2**63})

        with pytest.raises(OverflowError):
            warehouse.commit(too_large)

        assert warehouse.totals() == Totals()
        warehouse.commit(ONE)
        assert warehouse.totals() == Totals(Tally(batches=1))


def test_a_second_warehouse_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    in_use = r"warehouse folder '.*' is in use .*; several collectors need .* --store postgresql"

    with closing(SqliteWarehouse(tmp_path)), pytest.raises(UsageError, match=in_use):
        SqliteWarehouse(tmp_path)

    SqliteWarehouse(tmp_path).close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(UnavailableError, match=r"cannot use the warehouse folder '.*file/data'"):
        SqliteWarehouse(tmp_path / "file" / "data")


def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"my holiday pictures " * 100)

    with pytest.raises(UnavailableError, match=r"file is not a database; .* restore it"):
        SqliteWarehouse(tmp_path)

    assert (tmp_path / FILE).read_bytes().startswith(b"my holiday pictures")


def test_a_damaged_page_is_told_and_not_served(tmp_path: Path) -> None:
    with closing(SqliteWarehouse(tmp_path)) as warehouse:
        for number in range(200):
            warehouse.add_audit(AuditRecord(float(number), "alice", "push", "x" * 100))
    data = bytearray((tmp_path / FILE).read_bytes())
    data[len(data) // 2 :] = b"\xff" * (len(data) - len(data) // 2)
    (tmp_path / FILE).write_bytes(data)

    with pytest.raises(UnavailableError, match=r"damaged: restore it from a backup"):
        SqliteWarehouse(tmp_path)


def test_one_damaged_page_is_found_before_anything_is_merged(tmp_path: Path) -> None:
    with closing(SqliteWarehouse(tmp_path)) as warehouse:
        for number in range(200):
            warehouse.add_audit(AuditRecord(float(number), "alice", "push", "x" * 100))
    with closing(sqlite3.connect(tmp_path / FILE)) as db:
        (pages,) = db.execute("PRAGMA page_count").fetchone()
    with (tmp_path / FILE).open("r+b") as file:
        file.seek((pages - 1) * 4096)
        file.write(bytes(4096))

    with pytest.raises(UnavailableError, match=r"damaged: restore it from a backup"):
        SqliteWarehouse(tmp_path)


def test_a_damaged_document_is_told(tmp_path: Path) -> None:
    with closing(SqliteWarehouse(tmp_path)) as warehouse:
        with closing(sqlite3.connect(tmp_path / FILE)) as other:
            other.execute("INSERT INTO device VALUES ('cam-1', '{\"name\": 7')")
            other.commit()

        with pytest.raises(UnavailableError, match="holds unreadable data"):
            warehouse.devices()


def test_a_file_of_a_newer_edgefleet_is_refused(tmp_path: Path) -> None:
    SqliteWarehouse(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / FILE)) as other:
        other.execute("UPDATE schema_version SET version_num = '0099'")
        other.commit()

    with pytest.raises(
        UsageError, match=rf"has schema 0099, this edgefleet knows up to {NEWEST}: upgrade"
    ):
        SqliteWarehouse(tmp_path)


def test_a_file_from_before_there_were_releases_is_refused(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE)) as other:
        other.execute("CREATE TABLE tally (name TEXT, value INTEGER)")

    with pytest.raises(UsageError, match=r"before there were releases .*: move it away"):
        SqliteWarehouse(tmp_path)


def test_the_newest_schema_is_the_last_step() -> None:
    assert newest_step() == NEWEST


def test_a_database_that_another_program_holds_is_unavailable_and_works_later(
    tmp_path: Path,
) -> None:
    with closing(SqliteWarehouse(tmp_path, busy_timeout_s=0.01)) as warehouse:
        with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")

            with pytest.raises(UnavailableError, match="locked; another program is writing to it"):
                warehouse.commit(ONE)

        warehouse.commit(ONE)
        assert warehouse.totals() == Totals(Tally(batches=1))


def test_a_disk_that_takes_no_more_is_unavailable_and_nothing_is_half_written(
    tmp_path: Path,
) -> None:
    with closing(SqliteWarehouse(tmp_path)) as warehouse:
        warehouse.commit(ONE)

        def write_for_ever() -> None:
            while True:
                warehouse.add_audit(AuditRecord(0.0, "alice", "push", "x" * 2000))

        cannot = r"cannot use the warehouse .*sqlite3"
        with files_of_at_most(500_000), pytest.raises(UnavailableError, match=cannot):
            write_for_ever()
        written = len(warehouse.audit(limit=1000))

        warehouse.commit(ONE)

        assert 0 < written < 500
        assert len(warehouse.audit(limit=1000)) == written
        assert warehouse.totals() == Totals(Tally(batches=2))


def pending_commit(value: float, *segments: Segment) -> Commit:
    counted = Increment(Counters(rows=1), profile_of([(value, value)]))
    return Commit(pending={PendingKey(DIGITS_ROLE, segments): counted})


def pending_rows(warehouse: SqliteWarehouse) -> dict[PendingKey, int]:
    """Rows of each group, which must be in its profile as well."""
    pending = warehouse.pending(DIGITS_ROLE, SPEC)
    groups = {} if pending is None else pending.groups
    for increment in groups.values():
        assert increment.profile[0].count == increment.counters.rows
    return {key: increment.counters.rows for key, increment in groups.items()}


def test_pending_counts_of_this_process_and_of_an_earlier_one_add_up(tmp_path: Path) -> None:
    oslo = Segment("tag:site", "oslo")
    with closing(SqliteWarehouse(tmp_path)) as earlier:
        earlier.commit(pending_commit(1.0))
        earlier.commit(pending_commit(2.0, oslo))

    with closing(SqliteWarehouse(tmp_path)) as warehouse:
        for value in (3.0, 4.0):
            warehouse.commit(pending_commit(value))
        assert pending_rows(warehouse) == {
            PendingKey(DIGITS_ROLE): 3,
            PendingKey(DIGITS_ROLE, (oslo,)): 1,
        }

        warehouse.commit_analysis(DIGITS_ROLE, Analysis(at_unix_s=1.0, token=frozenset({1, 2, 3})))

        assert pending_rows(warehouse) == {PendingKey(DIGITS_ROLE): 1}
        warehouse.commit(pending_commit(5.0))
        assert pending_rows(warehouse) == {PendingKey(DIGITS_ROLE): 2}


def test_pending_counts_of_a_commit_that_failed_are_nowhere(tmp_path: Path) -> None:
    with closing(SqliteWarehouse(tmp_path)) as warehouse:
        warehouse.commit(pending_commit(1.0))
        with pytest.raises(OverflowError):
            warehouse.commit(replace(pending_commit(2.0), refused={"busy": 2**63}))

        assert pending_rows(warehouse) == {PendingKey(DIGITS_ROLE): 1}


def test_sums_that_hold_more_rows_than_are_asked_for_are_not_used() -> None:
    fresh = FreshCounts()
    key = PendingKey(DIGITS_ROLE)
    (increment,) = pending_commit(1.0).pending.values()
    fresh.add([PendingRow(4, key, increment), PendingRow(5, key, increment)])

    assert fresh.find(key, {4}) is None
    assert fresh.find(PendingKey(DIGITS_ROLE, stratum="03"), {4, 5}) is None
    found = fresh.find(key, {3, 4, 5})
    assert found is not None
    assert (found[0].counters.rows, found[1]) == (2, {4, 5})


def test_sums_that_nobody_asks_for_do_not_fill_the_memory() -> None:
    fresh = FreshCounts()
    (increment,) = pending_commit(1.0).pending.values()
    keys = [PendingKey(DIGITS_ROLE, stratum=str(number)) for number in range(2_001)]

    fresh.add(PendingRow(number, key, increment) for number, key in enumerate(keys))

    assert fresh.find(keys[0], {0}) is None
