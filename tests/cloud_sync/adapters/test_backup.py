"""Backups come back whole or not at all."""

import tarfile
import threading
from contextlib import closing
from pathlib import Path

import pytest

from cloud_sync.adapters.backup import restore_backup, write_backup
from cloud_sync.adapters.folder_registry import FolderRegistry
from cloud_sync.adapters.sqlite_warehouse import SqliteWarehouse
from cloud_sync.core.records import AuditRecord
from edge_contract.errors import PackageError, UsageError
from tests.support.telemetry import counting_package


def lived_in(folder: Path) -> None:
    with closing(SqliteWarehouse(folder)) as warehouse, closing(FolderRegistry(folder)) as packages:
        warehouse.add_audit(AuditRecord(1.0, "anna", "push", "digits@1.0.0"))
        packages.put(counting_package(), at_unix_s=1.0)
    (folder / "deltas").mkdir()
    (folder / "deltas" / "large").write_bytes(b"x" * 1000)


def test_a_data_folder_comes_back_as_it_was(tmp_path: Path) -> None:
    lived_in(tmp_path / "cloud")

    written = write_backup(tmp_path / "cloud", tmp_path / "backup.tar")
    restored = restore_backup(tmp_path / "backup.tar", tmp_path / "again")

    assert restored == written
    assert written.has_database
    with (
        closing(SqliteWarehouse(tmp_path / "again")) as warehouse,
        closing(FolderRegistry(tmp_path / "again")) as packages,
    ):
        assert [record.by for record in warehouse.audit()] == ["anna"]
        assert packages.models() == ["digits"]
        assert packages.blob_path(packages.version("digits", "1.0.0").digest).is_file()
    assert not (tmp_path / "again" / "deltas").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again", "backup.tar", "cloud"]


def test_a_backup_of_a_running_cloud_is_one_moment_of_it(tmp_path: Path) -> None:
    lived_in(tmp_path / "cloud")
    is_over = threading.Event()
    with closing(SqliteWarehouse(tmp_path / "cloud")) as warehouse:

        def write() -> None:
            number = 0
            while not is_over.is_set():
                number += 1
                warehouse.add_audit(AuditRecord(float(number), "bob", "ping", "x" * 500))

        writer = threading.Thread(target=write)
        writer.start()
        try:
            write_backup(tmp_path / "cloud", tmp_path / "backup.tar")
        finally:
            is_over.set()
            writer.join()
        kept = len(warehouse.audit(limit=10**6))

    restore_backup(tmp_path / "backup.tar", tmp_path / "again")

    with closing(SqliteWarehouse(tmp_path / "again")) as again:
        found = [record.number for record in again.audit(limit=10**6)]
    assert found == list(range(len(found), 0, -1))
    assert 0 < len(found) <= kept


@pytest.mark.parametrize("needle", [b"CREATE TABLE", b"weights", b'"sha256": "'])
def test_a_damaged_backup_is_refused_and_nothing_is_left(tmp_path: Path, needle: bytes) -> None:
    lived_in(tmp_path / "cloud")
    write_backup(tmp_path / "cloud", tmp_path / "backup.tar")
    data = bytearray((tmp_path / "backup.tar").read_bytes())
    data[data.index(needle) + len(needle)] ^= 1
    (tmp_path / "backup.tar").write_bytes(data)

    with pytest.raises(PackageError, match=r"damaged|no backup"):
        restore_backup(tmp_path / "backup.tar", tmp_path / "again")

    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup.tar", "cloud"]


def test_half_a_backup_is_refused(tmp_path: Path) -> None:
    lived_in(tmp_path / "cloud")
    write_backup(tmp_path / "cloud", tmp_path / "backup.tar")
    data = (tmp_path / "backup.tar").read_bytes()
    (tmp_path / "backup.tar").write_bytes(data[: len(data) // 2])

    with pytest.raises(PackageError, match=r"damaged|not all of one"):
        restore_backup(tmp_path / "backup.tar", tmp_path / "again")


def test_a_backup_leads_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "evil").write_bytes(b"evil")
    with tarfile.open(tmp_path / "backup.tar", "w") as tar:
        tar.add(tmp_path / "evil", "../outside")

    with pytest.raises(PackageError, match="leads out of the data folder"):
        restore_backup(tmp_path / "backup.tar", tmp_path / "again")

    assert not (tmp_path / "outside").exists()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    lived_in(tmp_path / "cloud")
    write_backup(tmp_path / "cloud", tmp_path / "backup.tar")

    with pytest.raises(UsageError, match="exists"):
        write_backup(tmp_path / "cloud", tmp_path / "backup.tar")
    with pytest.raises(UsageError, match="holds something"):
        restore_backup(tmp_path / "backup.tar", tmp_path / "cloud")
    with pytest.raises(UsageError, match="is no data folder"):
        write_backup(tmp_path / "nowhere", tmp_path / "other.tar")
