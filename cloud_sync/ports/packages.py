"""The registry of model packages."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cloud_sync.core.facts import PackageFacts
from edge_contract.package import Package

__all__ = ["PackageRepository", "PackageVersion"]


@dataclass(frozen=True, slots=True)
class PackageVersion:
    """A version in the registry.

    Attributes:
        model: Name of the model.
        version: Its version.
        digest: Of the package.
        pushed_unix_s: When it was pushed.
    """

    model: str
    version: str
    digest: str
    pushed_unix_s: float


class PackageRepository(Protocol):
    """Model packages by content. Checked by ``tests/ports/test_package_repository.py``."""

    def put(self, package: Package, *, at_unix_s: float) -> PackageVersion:
        """Keep a package durably; all of it is there on return, or nothing.

        Putting the same package again changes nothing. The first version of a model becomes its
        stable one.

        Raises:
            UsageError: The version is there with other content, or it compares rows by the hours of
                a time zone that is not known on this machine.
            PackageError: Its reference cannot be used.
        """
        ...

    def find(self, digest: str) -> PackageFacts | None:
        """Return a package, or ``None`` if there is none of that digest."""
        ...

    def models(self) -> list[str]:
        """Return the names of all models, rising."""
        ...

    def versions(self, model: str) -> list[PackageVersion]:
        """Return the versions of a model, newest first; raises ``UsageError`` if unknown."""
        ...

    def version(self, model: str, version: str) -> PackageVersion:
        """Return one version; raises ``UsageError`` if it is not there."""
        ...

    def stable(self, model: str) -> PackageVersion:
        """Return the version that the fleet runs by default."""
        ...

    def set_stable(self, model: str, version: str) -> None:
        """Make a version the one that the fleet runs by default, durably."""
        ...

    def blob_path(self, digest: str) -> Path:
        """Return the file of a manifest or artifact; raises ``UsageError`` if it is not there."""
        ...
