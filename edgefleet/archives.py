"""Model packages as people name them: files on disk."""

from pathlib import Path
from typing import TYPE_CHECKING

from edge_contract.errors import PackageError, UsageError

if TYPE_CHECKING:
    from edge_contract.package import Package

__all__ = ["read_package"]


def read_package(path: Path) -> tuple["Package", bytes]:
    """Return a package, every file of it checked, and the bytes of its one-file form.

    Raises:
        UsageError: The file is not there.
        PackageError: It is damaged, or no model package; the message names it.
    """
    from edge_contract.package import Package

    data = _read_archive(path)
    try:
        return Package.from_archive(data), data
    except PackageError as error:
        raise PackageError(f"file {str(path)!r}: {error}") from error


def _read_archive(path: Path) -> bytes:
    """Return the bytes of a package's one-file form; raises ``UsageError`` if it is not there."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"cannot read model package {str(path)!r}: {error.strerror}; "
            "`edgefleet convert` makes one"
        ) from error
