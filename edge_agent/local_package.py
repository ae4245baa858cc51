"""Reads a model package from a path: the one-file form or an unpacked folder."""

import os
from collections.abc import Sequence
from pathlib import Path

from edge_contract.errors import PackageError, UsageError
from edge_contract.names import checked_name
from edge_contract.package import MANIFEST_NAME, PACKAGE_SUFFIX, Manifest, Package

__all__ = ["asked_models", "package_at", "read_package"]


def asked_models(
    model: "str | os.PathLike[str] | Package | Sequence[str | os.PathLike[str] | Package]",
) -> dict[str, Package | None]:
    """Return which models are asked for, by name, with the package of those that name one.

    Raises:
        UsageError: None is named, one is named twice, or there is nothing at a path.
        PackageError: A package is damaged.
    """
    several = isinstance(model, Sequence) and not isinstance(model, str)
    given = list(model) if several else [model]  # type: ignore[arg-type]
    found: dict[str, Package | None] = {}
    for each in given:
        if not isinstance(each, (str, os.PathLike, Package)):
            raise UsageError(
                f"a model is a name, a path or a package, got {type(each).__name__} {each!r:.80}"
            )
        package = each if isinstance(each, Package) else package_at(each)
        name = package.manifest.name if package is not None else checked_name(str(each), "model")
        if name in found:
            raise UsageError(f"model {name!r} is given twice: name each model once")
        found[name] = package
    if not found:
        raise UsageError("no model is given: name one, or several")
    return found


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
