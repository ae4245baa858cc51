"""Packages in a folder: one folder per package, named by its digest."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Final

from edge_contract.errors import PackageError, UnavailableError
from edge_contract.package import MANIFEST_NAME, ArtifactRole, Manifest, Package, Reference
from edge_contract.package.digests import digest_of, short

__all__ = ["FolderPackages"]

_KEPT_DESCRIPTIONS: Final = 8


class FolderPackages:
    """A :class:`edge_agent.ports.PackageStore` in a folder.

    A package is written beside its place and moved there when it is whole and on the disk.

    Args:
        folder: Made if missing.

    Raises:
        UnavailableError: The folder cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.partial = folder / "partial"
        """Where downloads wait for their rest."""
        try:
            self.partial.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UnavailableError(
                f"cannot make package folder {str(folder)!r}: {error.strerror}"
            ) from error
        for left in folder.glob("new-*"):  # a start that was cut off
            shutil.rmtree(left, ignore_errors=True)

    def has(self, digest: str) -> bool:
        """Return whether a whole package is here."""
        found = self.description(digest)
        return found is not None and all(
            (self._place(digest) / artifact.path).is_file() for artifact in found[0].artifacts
        )

    def add(self, package: Package) -> None:
        """Keep a package."""
        place = self._place(package.digest)
        if self.has(package.digest):
            return
        try:
            new = Path(tempfile.mkdtemp(prefix="new-", dir=self._folder))
            for path, data in [(MANIFEST_NAME, package.manifest_bytes), *package.files.items()]:
                _write_durably(new / path, data)
            if place.exists():  # pruned or damaged
                shutil.rmtree(place)
            new.replace(place)
            _sync_folder(self._folder)
        except OSError as error:
            raise UnavailableError(
                f"cannot keep package {package.manifest.reference} in {str(self._folder)!r}: "
                f"{error.strerror}"
            ) from error

    def load(self, digest: str) -> Package:
        """Return a package, verified anew."""
        place = self._place(digest)
        try:
            manifest_bytes = (place / MANIFEST_NAME).read_bytes()
            manifest = Manifest.from_bytes(manifest_bytes)
            files = {a.path: (place / a.path).read_bytes() for a in manifest.artifacts}
        except OSError as error:
            raise PackageError(
                f"package {short(digest)} is not whole in {str(self._folder)!r}: {error.strerror}"
            ) from error
        if digest_of(manifest_bytes) != digest:
            raise PackageError(f"manifest of package {short(digest)} is damaged; fetch it again")
        return Package.verified(manifest_bytes, files)

    def description(self, digest: str) -> tuple[Manifest, Reference] | None:
        """Return manifest and reference, also of a package whose model was pruned."""
        place = self._place(digest)
        try:
            manifest = Manifest.from_bytes((place / MANIFEST_NAME).read_bytes())
            reference = place / manifest.artifact(ArtifactRole.REFERENCE).path
            return manifest, Reference.from_bytes(reference.read_bytes())
        except (OSError, PackageError):
            return None

    def digests(self) -> list[str]:
        """Return the packages that are here, those included whose model was pruned."""
        return [p.name.replace("-", ":") for p in self._folder.glob("sha256-*") if p.is_dir()]

    def prune(self, keep: Collection[str]) -> None:
        """Remove the models of all packages but these; a few descriptions stay for late labels."""
        kept = {self._place(digest) for digest in keep}
        others = [p for p in self._folder.iterdir() if p.name.startswith("sha256-")]
        others = sorted(set(others) - kept, key=lambda place: place.stat().st_mtime, reverse=True)
        for index, place in enumerate(others):
            if index >= _KEPT_DESCRIPTIONS:
                shutil.rmtree(place, ignore_errors=True)
                continue
            with contextlib.suppress(OSError, PackageError):
                manifest = Manifest.from_bytes((place / MANIFEST_NAME).read_bytes())
                for artifact in manifest.artifacts:
                    if artifact.role != ArtifactRole.REFERENCE:
                        (place / artifact.path).unlink(missing_ok=True)
        for left in self.partial.iterdir():
            left.unlink(missing_ok=True)

    def _place(self, digest: str) -> Path:
        return self._folder / digest.replace(":", "-")


def _write_durably(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # other systems cannot open a folder
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
