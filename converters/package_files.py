"""Packages on disk: the one-file form and the unpacked folder; written whole or not at all."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from edge_contract.errors import EdgeError, PackageError, UnavailableError, UsageError
from edge_contract.package import MANIFEST_NAME, PACKAGE_SUFFIX, Manifest, Package

__all__ = [
    "cannot_write",
    "load_package",
    "require_place",
    "save_package",
    "save_unpacked",
    "whole_folder",
    "write_at_once",
]

_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def save_package(package: Package, target: Path | str) -> Path:
    """Write the one-file form, and return where it is.

    Args:
        package: The package.
        target: A file that ends in ``.modelpkg``, or a folder for ``NAME-VERSION.modelpkg``;
            missing folders are made. A file that is there already is replaced at once.

    Raises:
        UsageError: It cannot be written there.
        UnavailableError: There is no room left.
    """
    path = Path(target)
    if path.is_dir() or path.suffix != PACKAGE_SUFFIX:
        path /= package.file_name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_at_once(path, package.to_archive())
    except OSError as error:
        raise cannot_write(path, error) from error
    return path


def require_place(target: Path | str) -> None:
    """Raise ``UsageError`` if a package can plainly not be written there: long before it is made.

    Args:
        target: As for :func:`save_package`.
    """
    path = Path(target)
    folder = path.parent if path.suffix == PACKAGE_SUFFIX and not path.is_dir() else path
    there = next(it for it in (folder, *folder.absolute().parents) if it.exists())
    if not there.is_dir():
        raise UsageError(
            f"cannot write into {str(folder)!r}: {str(there)!r} is a file; choose another place"
        )
    if not os.access(there, os.W_OK | os.X_OK):
        raise UsageError(
            f"cannot write into {str(there)!r}: permission denied; choose another place"
        )


def save_unpacked(package: Package, folder: Path | str) -> Path:
    """Write every file of a package into a new folder, and return it.

    Raises:
        UsageError: The folder exists already, or cannot be made.
        UnavailableError: There is no room left.
    """
    path = Path(folder)
    if path.exists():
        raise UsageError(f"{str(path)!r} exists already: name a folder that does not")
    try:
        with whole_folder(path) as draft:
            for name, data in {MANIFEST_NAME: package.manifest_bytes, **package.files}.items():
                write_at_once(draft / name, data)
    except OSError as error:
        raise cannot_write(path, error) from error
    return path


def load_package(source: Path | str) -> Package:
    """Read a package from its one-file form or from its folder, and verify every file.

    Raises:
        UsageError: There is nothing to read at ``source``.
        PackageError: What is there is no package, is damaged, or is of a newer schema.
    """
    path = Path(source)
    try:
        if not path.is_dir():
            return Package.from_archive(path.read_bytes())
        manifest_bytes = (path / MANIFEST_NAME).read_bytes()
        listed = Manifest.from_bytes(manifest_bytes).artifacts
        files = {artifact.path: (path / artifact.path).read_bytes() for artifact in listed}
        return Package.verified(manifest_bytes, files)
    except OSError as error:
        raise UsageError(f"cannot read a package from {str(path)!r}: {error.strerror}") from error
    except PackageError as error:
        raise PackageError(f"{str(path)!r}: {error}") from error


def write_at_once(path: Path, data: bytes) -> None:
    """Write a file that is seen by others whole or not at all, even after a power cut.

    Raises:
        OSError: It cannot be written; nothing is left behind, nor after Ctrl-C.
    """
    draft = _draft_of(path)
    try:
        with draft.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder that becomes ``path`` in the end, or goes away if anything fails.

    Raises:
        OSError: It cannot be made, or there is something at ``path``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = _draft_of(path)
    draft.mkdir()
    try:
        yield draft
        draft.rename(path)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def _draft_of(path: Path) -> Path:
    """Return the name under which a file or folder is written until it is whole."""
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def cannot_write(path: Path, error: OSError) -> EdgeError:
    """Return the error that says where nothing could be written, and why."""
    if error.errno in _FULL:
        return UnavailableError(
            f"cannot write {str(path)!r}: {error.strerror}; make room, or choose another place"
        )
    return UsageError(
        f"cannot write {str(path)!r}: {error.strerror or error}; choose another place"
    )
