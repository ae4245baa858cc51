"""Backups of a data folder: one tar file, consistent while the cloud runs, checked when it returns.

The database is copied with SQLite's own backup, as it stood at one moment; packages, which are
files that never change once they are there, are copied after it. So whatever the database speaks
of is in the backup. Left out is what a cloud makes anew: deltas, the broker's files, locks.
"""

import hashlib
import io
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from edge_contract.errors import PackageError, UnavailableError, UsageError
from edge_contract.reading import JsonObject, Reader

__all__ = ["BackupSummary", "restore_backup", "write_backup"]

_INDEX: Final = "backup.json"
_FORMAT: Final = 1
_LEFT_OUT: Final = frozenset({"deltas", "broker"})
_DATABASE: Final = "warehouse.sqlite3"
_MOST_FILES: Final = 10_000_000

Progress = Callable[[int], None]
"""Called with the bytes that were written since the last call."""


@dataclass(frozen=True, slots=True)
class BackupSummary:
    """What is in a backup."""

    files: int
    size_bytes: int
    at_unix_s: float
    has_database: bool


def write_backup(
    data: Path, target: Path, *, on_progress: Progress = lambda _bytes: None
) -> BackupSummary:
    """Write everything in a data folder into a tar file; the cloud may run meanwhile.

    Args:
        data: The data folder.
        target: The tar file; must not exist.
        on_progress: Told how it goes.

    Raises:
        UsageError: The folder is no data folder, or the file exists.
        UnavailableError: Something cannot be read or written; no file is left behind.
    """
    if not (data / "packages.json").is_file() and not (data / _DATABASE).is_file():
        raise UsageError(f"{str(data)!r} is no data folder of a cloud: it has no {_DATABASE}")
    if target.exists():
        raise UsageError(f"{str(target)!r} exists: name a new file, or remove that one")
    try:
        with tempfile.TemporaryDirectory(prefix=".backup-", dir=target.absolute().parent) as room:
            unfinished = Path(room) / "backup.tar"
            summary = _write(data, unfinished, Path(room), on_progress)
            with unfinished.open("rb") as file:
                os.fsync(file.fileno())
            unfinished.rename(target)
    except OSError as error:
        raise UnavailableError(
            f"cannot write the backup {str(target)!r}: {error}; make room on the disk, and give "
            "this user the right to read the data folder"
        ) from error
    except sqlite3.DatabaseError as error:
        raise UnavailableError(f"cannot copy {str(data / _DATABASE)!r}: {error}") from error
    return summary


def restore_backup(
    source: Path, data: Path, *, on_progress: Progress = lambda _bytes: None
) -> BackupSummary:
    """Make a data folder of a backup, whole or not at all.

    Args:
        source: The tar file.
        data: The folder; must be missing or empty.
        on_progress: Told how it goes.

    Raises:
        UsageError: The folder holds something.
        PackageError: The file is no backup, or damaged.
        UnavailableError: Something cannot be read or written; the folder is as it was.
    """
    if data.exists() and (not data.is_dir() or any(data.iterdir())):
        raise UsageError(
            f"{str(data)!r} holds something: move it away first, so that nothing gets lost"
        )
    data = data.absolute()
    try:
        data.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".restore-", dir=data.parent) as room:
            made = Path(room) / "data"
            made.mkdir(mode=0o700)
            summary = _read(source, made, on_progress)
            _check_database(made / _DATABASE)
            if data.exists():
                data.rmdir()
            made.rename(data)
    except OSError as error:
        raise UnavailableError(
            f"cannot restore {str(source)!r} into {str(data)!r}: {error}"
        ) from error
    except (tarfile.TarError, EOFError) as error:
        raise PackageError(f"{str(source)!r} is no backup, or damaged: {error}") from error
    return summary


def _write(data: Path, target: Path, room: Path, on_progress: Progress) -> BackupSummary:
    at_unix_s = time.time()
    listed: dict[str, JsonObject] = {}
    total = 0
    with tarfile.open(target, "w") as tar:
        copy = room / _DATABASE
        if (data / _DATABASE).is_file():
            _copy_database(data / _DATABASE, copy)
            total += _add(tar, copy, _DATABASE, listed)
            on_progress(total)
            copy.unlink()
        for path in _files_in(data):
            added = _add(tar, path, path.relative_to(data).as_posix(), listed)
            total += added
            on_progress(added)
        index = json.dumps({"format": _FORMAT, "at_unix_s": at_unix_s, "files": listed}).encode()
        entry = tarfile.TarInfo(_INDEX)
        entry.size = len(index)
        tar.addfile(entry, io.BytesIO(index))
    return BackupSummary(len(listed), total, at_unix_s, _DATABASE in listed)


def _files_in(data: Path) -> Iterator[Path]:
    """Yield what is copied as it stands: a file that appears later is in the next backup."""
    for folder, folders, names in os.walk(data):
        here = Path(folder)
        if here == data:
            folders[:] = [name for name in folders if name not in _LEFT_OUT]
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            is_whole = not name.startswith((".", _DATABASE)) and not name.endswith("lock")
            if is_whole and (here / name).is_file() and not (here / name).is_symlink():
                yield here / name


def _copy_database(source: Path, target: Path) -> None:
    origin = sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=30.0)
    copy = sqlite3.connect(target)
    try:
        origin.backup(copy)
    finally:
        copy.close()
        origin.close()


def _add(tar: tarfile.TarFile, path: Path, name: str, listed: dict[str, JsonObject]) -> int:
    """Add a file as it is now and list it; one that is gone meanwhile is left out."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return 0
    with file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = file.tell()
        file.seek(0)
        entry = tarfile.TarInfo(name)
        entry.size, entry.mtime = size, int(path.stat().st_mtime)
        tar.addfile(entry, file)
    listed[name] = {"sha256": digest, "size": size}
    return size


def _read(source: Path, target: Path, on_progress: Progress) -> BackupSummary:
    """Unpack a backup and compare it with its list."""
    found: dict[str, tuple[str, int]] = {}
    index: bytes | None = None
    with tarfile.open(source, "r:") as tar:
        for entry in tar:
            file = tar.extractfile(entry) if entry.isreg() else None
            if file is None:
                raise PackageError(f"{str(source)!r} holds {entry.name!r}, which is no plain file")
            if entry.name == _INDEX:
                index = file.read()
                continue
            path = target / _safe(source, entry.name)
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as made:
                shutil.copyfileobj(file, made, 2**20)
                made.flush()
                os.fsync(made.fileno())
            with path.open("rb") as made:
                found[entry.name] = hashlib.file_digest(made, "sha256").hexdigest(), entry.size
            on_progress(entry.size)
    return _compared(source, index, found)


def _safe(source: Path, name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
        raise PackageError(f"{str(source)!r} holds {name!r}, which leads out of the data folder")
    return path


def _compared(
    source: Path, index: bytes | None, found: dict[str, tuple[str, int]]
) -> BackupSummary:
    if index is None:
        raise PackageError(
            f"{str(source)!r} is no backup, or not all of one: it has no {_INDEX} at its end"
        )
    try:
        reader = Reader(json.loads(index), _INDEX, PackageError)
    except ValueError as error:
        raise PackageError(f"{str(source)!r} is damaged: {_INDEX} is no JSON") from error
    if reader["format"].integer() != _FORMAT:
        raise PackageError(f"{str(source)!r} was written by a newer edgefleet: upgrade first")
    listed = {
        name: (item["sha256"].text(), item["size"].integer())
        for name, item in reader["files"].fields(max_length=_MOST_FILES).items()
    }
    for name in sorted({*listed, *found}):
        if listed.get(name) != found.get(name):
            raise PackageError(f"{str(source)!r} is damaged: {name!r} is not what its list says")
    size = sum(size for _, size in found.values())
    return BackupSummary(len(found), size, reader["at_unix_s"].number(), _DATABASE in found)


def _check_database(path: Path) -> None:
    if not path.is_file():
        return
    db = sqlite3.connect(path)
    try:
        (answer,) = db.execute("PRAGMA integrity_check").fetchone()
        db.execute("PRAGMA journal_mode = WAL")
    except sqlite3.DatabaseError as error:
        raise PackageError(f"the database in the backup is damaged: {error}") from error
    finally:
        db.close()
    if answer != "ok":
        raise PackageError(f"the database in the backup is damaged: {answer}")
