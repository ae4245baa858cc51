"""Packages that windows of cells are of: found here, or fetched from the cell."""

import time
from pathlib import Path

from cloud_sync.adapters.folder_registry import FolderRegistry
from cloud_sync.core.facts import PackageFacts
from cloud_sync.core.increments import PackageRole
from edge_contract.errors import UsageError
from edge_contract.stats import ProfileSpec
from edgefleet.client_cells import CellCalls

__all__ = ["CellPackages"]


class CellPackages:
    """Finds packages in a data folder; those that are missing come from a cell.

    Args:
        folder: Of the parent.
        cell: Where missing ones are.
    """

    def __init__(self, folder: Path, cell: CellCalls) -> None:
        self._folder = folder
        self._cell = cell
        self._known: dict[str, PackageFacts | None] = {}

    def spec(self, subject: PackageRole) -> ProfileSpec | None:
        """Return what profiles hold; ``None`` if a cloud runs there that does not have it yet."""
        if subject.package not in self._known:
            self._known[subject.package] = self._found(subject.package)
        facts = self._known[subject.package]
        return None if facts is None else facts.specs.get(subject.role)

    def _found(self, digest: str) -> PackageFacts | None:
        reading = FolderRegistry(self._folder, read_only=True)
        found = reading.find(digest)
        reading.close()
        if found is not None:
            return found
        try:
            registry = FolderRegistry(self._folder)
        except UsageError:
            return None  # a cloud holds the folder
        try:
            registry.put(self._cell.package_of(digest), at_unix_s=time.time())
            return registry.find(digest)
        finally:
            registry.close()
