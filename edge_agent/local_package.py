"""Reads a model package from a path: the one-file form or an unpacked folder."""

import os
from pathlib import Path

from edge_contract.errors import PackageError, UsageError
from edge_contract.package import MANIFEST_NAME, PACKAGE_SUFFIX, Manifest, Package

__all__ = ["package_at", "read_package"]


def package_at(model: str | os.PathLike[str]) -> Package | None:
    """Return the package at a path; ``None`` if ``model`` is the name of one.

    A folder beside the program that happens to be called as the model is no path to it.

    Raises:
        UsageError: There is nothing at the path.
        PackageError: What is there is no package, or a damaged one.
    """
    text = os.fspath(model)
    is_path = isinstance(model, os.PathLike) or os.sep in text or "/" in text
    if is_path or text.endswith(PACKAGE_SUFFIX) or (Path(text) / MANIFEST_NAME).is_file():
        return read_package(Path(text))
    return None


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
