"""The files of a package on the disk, as they are asked for.

A model that was compiled before is verified but never read: freeing tens of megabytes stops all
other threads for milliseconds.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from edge_contract.errors import PackageError
from edge_contract.package import Manifest, verify_artifact

__all__ = ["StoredFiles", "file_digest"]

_KEPT_BYTES: Final = 1_000_000
"""Files below this stay in memory: they are small, and wanted at once."""


class StoredFiles(Mapping[str, bytes]):
    """Content by path, verified when this is made, and once more when a large file is read.

    Args:
        place: The folder of the package.
        manifest: Lists the files.

    Raises:
        PackageError: One is missing or damaged, now or when it is read.
    """

    def __init__(self, place: Path, manifest: Manifest) -> None:
        self._place = place
        self._package = manifest.reference
        self._artifacts = {artifact.path: artifact for artifact in manifest.artifacts}
        self._small: dict[str, bytes] = {}
        for artifact in manifest.artifacts:
            if artifact.size < _KEPT_BYTES:
                self._small[artifact.path] = self._read(artifact.path)
            elif not self._is_intact(artifact.path):
                self._read(artifact.path)  # says what is wrong

    def __getitem__(self, path: str) -> bytes:
        """Return the content of a file."""
        found = self._small.get(path)
        return self._read(path) if found is None else found

    def __iter__(self) -> Iterator[str]:
        """Iterate over the paths."""
        return iter(self._artifacts)

    def __len__(self) -> int:
        """How many files there are."""
        return len(self._artifacts)

    def _read(self, path: str) -> bytes:
        artifact = self._artifacts[path]
        try:
            data = (self._place / path).read_bytes()
        except OSError as error:
            raise PackageError(
                f"package {self._package} in {str(self._place)!r} lacks {path!r}: "
                f"{error.strerror}; fetch it again"
            ) from error
        verify_artifact(artifact, data, package=self._package)
        return data

    def _is_intact(self, path: str) -> bool:
        try:
            return f"sha256:{file_digest(self._place / path)}" == self._artifacts[path].digest
        except OSError:
            return False


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits; raises ``OSError``."""
    import hashlib  # see :mod:`edge_contract.sha256`

    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
