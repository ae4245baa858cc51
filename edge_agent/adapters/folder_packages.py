"""Packages in a folder: one folder per package, named by its digest."""

import contextlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from edge_agent.adapters.durable_files import (
    make_folder,
    new_folder,
    paths_in,
    remove_folder,
    sync_folder,
    write_briefly,
    write_durably,
)
from edge_agent.adapters.stored_files import StoredFiles
from edge_contract.errors import PackageError, UnavailableError
from edge_contract.package import (
    MANIFEST_NAME,
    ArtifactRole,
    Manifest,
    Package,
    Reference,
    digest_of,
    short,
    verify_artifact,
)

__all__ = ["FolderPackages"]

_KEPT_DESCRIPTIONS: Final = 8


class FolderPackages:
    """A :class:`edge_agent.ports.PackageStore` in a folder.

    A package is written beside its place and moved there when it is whole and on the disk.

    Args:
        folder: Made if missing.
        is_durable: Whether packages are to be there after a power cut.

    Raises:
        UnavailableError: The folder cannot be made.
    """

    def __init__(self, folder: Path, *, is_durable: bool = True) -> None:
        self._folder = folder
        self._is_durable = is_durable
        self._partial = folder / "partial"
        self._given: Package | None = None
        with self._errors("make the package folder"):
            make_folder(self._partial, is_durable=is_durable)
        for left in paths_in(folder, begins="new-"):  # a start that was cut off
            remove_folder(left)

    def add(self, package: Package) -> None:
        """Keep a package."""
        place = self._place(package.digest)
        contents = {MANIFEST_NAME: package.manifest_bytes, **package.files}
        if self._holds(place, contents):
            return
        with self._errors(f"keep package {package.manifest.reference} in"):
            new = new_folder(self._folder, "new-")
            try:
                for path, data in contents.items():
                    self._write(new / path, data)
                if self._is_durable:
                    sync_folder(new)
                remove_folder(place)  # pruned or damaged
                new.replace(place)
            except OSError:
                remove_folder(new)
                raise
            if self._is_durable:
                sync_folder(self._folder)
        remove_folder(self.downloads(package.digest))

    def add_and_load_next(self, package: Package) -> None:
        """Keep a package that :meth:`load` gives as it is the next time, without reading it."""
        self.add(package)
        self._given = package

    def load(self, digest: str) -> Package:
        """Return a package, verified anew."""
        given, self._given = self._given, None
        if given is not None and given.digest == digest:
            return given
        manifest_bytes, manifest = self._manifest(digest)
        return Package(manifest, manifest_bytes, StoredFiles(self._place(digest), manifest))

    def intact_file(self, digest: str, path: str) -> bytes | None:
        """Return a file of a package if it is here and undamaged."""
        try:
            manifest_bytes, manifest = self._manifest(digest)
            if path == MANIFEST_NAME:
                return manifest_bytes
            artifact = next(it for it in manifest.artifacts if it.path == path)
            data = (self._place(digest) / path).read_bytes()
            verify_artifact(artifact, data, package=manifest.reference)
        except (OSError, PackageError, StopIteration):
            return None
        return data

    def file_of(self, digest: str) -> bytes | None:
        """Return the file of a digest, whichever package it belongs to, if it is here."""
        if self._place(digest).is_dir():
            return self.intact_file(digest, MANIFEST_NAME)
        for package in self.digests():
            with contextlib.suppress(PackageError):
                _, manifest = self._manifest(package)
                for artifact in manifest.artifacts:
                    if artifact.digest == digest:
                        data = self.intact_file(package, artifact.path)
                        if data is not None:
                            return data
        return None

    def whole(self) -> list[str]:
        """Return packages all of whose files are here, the latest first; they may be damaged."""
        return [place.name.replace("-", ":") for place in self._latest_first() if _is_whole(place)]

    def free_bytes(self) -> int:
        """Return what the file system gives to this user."""
        with self._errors("see how much room there is for"):
            import shutil

            return shutil.disk_usage(self._folder).free

    def description(self, digest: str) -> tuple[Manifest, Reference] | None:
        """Return manifest and reference, also of a package whose model was pruned."""
        try:
            _, manifest = self._manifest(digest)
            data = self.intact_file(digest, manifest.artifact(ArtifactRole.REFERENCE).path)
            if data is None:
                return None
            return manifest, Reference.from_bytes(data, with_strata=False)
        except PackageError:
            return None

    def digests(self) -> list[str]:
        """Return the packages that are here, those included whose model was pruned."""
        return [place.name.replace("-", ":") for place in self._places()]

    def prune(self, keep: Collection[str]) -> None:
        """Remove the models of all packages but these; a few descriptions stay for late labels.

        What cannot be removed now is removed the next time.
        """
        kept = {self._place(digest) for digest in keep}
        others = [place for place in self._latest_first() if place not in kept]
        for place in others[_KEPT_DESCRIPTIONS:]:
            remove_folder(place)
        for place in others[:_KEPT_DESCRIPTIONS]:
            with contextlib.suppress(OSError, PackageError):
                manifest = Manifest.from_bytes((place / MANIFEST_NAME).read_bytes())
                for artifact in manifest.artifacts:
                    if artifact.role != ArtifactRole.REFERENCE:
                        (place / artifact.path).unlink(missing_ok=True)
        for left in self._partial.iterdir():
            if self._folder / left.name not in kept:
                remove_folder(left)

    def downloads(self, digest: str) -> Path:
        """Return the folder where the files of a package wait until all of them are here."""
        return self._partial / self._place(digest).name

    def _manifest(self, digest: str) -> tuple[bytes, Manifest]:
        place = self._place(digest)
        try:
            data = (place / MANIFEST_NAME).read_bytes()
        except OSError as error:
            raise PackageError(
                f"package {short(digest)} is not in {str(self._folder)!r}: {error.strerror}"
            ) from error
        if digest_of(data) != digest:
            raise PackageError(
                f"manifest of package {short(digest)} in {str(place)!r} is damaged; fetch it again"
            )
        return data, Manifest.from_bytes(data)

    def _write(self, path: Path, data: bytes) -> None:
        if self._is_durable:
            write_durably(path, data)
        else:
            write_briefly(path, data)

    def _holds(self, place: Path, contents: dict[str, bytes]) -> bool:
        """Return whether these very files are there."""
        try:
            return all((place / path).read_bytes() == data for path, data in contents.items())
        except OSError:
            return False

    def _places(self) -> list[Path]:
        return [place for place in paths_in(self._folder, begins="sha256-") if place.is_dir()]

    def _latest_first(self) -> list[Path]:
        return sorted(self._places(), key=_changed_unix_s, reverse=True)

    def _place(self, digest: str) -> Path:
        return self._folder / digest.replace(":", "-")

    @contextlib.contextmanager
    def _errors(self, doing: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UnavailableError(
                f"cannot {doing} {str(self._folder)!r}: {error.strerror}; check that its disk has "
                "room and can be written"
            ) from error


def _changed_unix_s(place: Path) -> float:
    try:
        return place.stat().st_mtime
    except FileNotFoundError:  # pruned by another thread
        return 0.0


def _is_whole(place: Path) -> bool:
    """Return whether all files of a package are there, each of its length."""
    try:
        manifest = Manifest.from_bytes((place / MANIFEST_NAME).read_bytes())
        sizes = [(place / artifact.path).stat().st_size for artifact in manifest.artifacts]
    except (OSError, PackageError):
        return False
    return sizes == [artifact.size for artifact in manifest.artifacts]
