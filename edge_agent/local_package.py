"""Reads a model package from a path: the one-file form or an unpacked folder."""

from pathlib import Path

from edge_contract.errors import PackageError, UsageError
from edge_contract.package import MANIFEST_NAME, Manifest, Package

__all__ = ["read_package"]


def read_package(path: Path) -> Package:
    """Return the package at ``path``, verified.

    Raises:
        UsageError: There is nothing at ``path``.
        PackageError: What is there is no package, or a damaged one; the message names the path.
    """
    try:
        if path.is_dir():
            manifest_bytes = (path / MANIFEST_NAME).read_bytes()
            manifest = Manifest.from_bytes(manifest_bytes)
            files = {a.path: (path / a.path).read_bytes() for a in manifest.artifacts}
            return Package.verified(manifest_bytes, files)
        return Package.from_archive(path.read_bytes())
    except FileNotFoundError as error:
        raise UsageError(f"there is no model package at {str(path)!r}: {error}") from error
    except OSError as error:
        raise UsageError(f"cannot read {str(path)!r}: {error.strerror}") from error
    except PackageError as error:
        raise PackageError(f"{str(path)!r}: {error}") from error
