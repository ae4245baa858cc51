"""Evidence for decisions, from the registry and the warehouse."""

from collections.abc import Collection

from cloud_sync.core.facts import CohortStatistics, PackageFacts
from cloud_sync.core.increments import PackageRole
from cloud_sync.ports import PackageRepository, StatisticsStore
from edge_contract.errors import UsageError
from edge_contract.package import Role
from edge_contract.stats import ProfileSpec

__all__ = ["WarehouseEvidence"]


class WarehouseEvidence:
    """Implements :class:`cloud_sync.core.facts.EvidenceSource`. Reads only."""

    def __init__(self, repository: PackageRepository, warehouse: StatisticsStore) -> None:
        self._repository = repository
        self._warehouse = warehouse

    def package(self, digest: str) -> PackageFacts:
        """Return a package of the registry; raises ``UsageError`` if it has none of that digest."""
        found = self._repository.find(digest)
        if found is None:
            raise UsageError(f"package {digest} is not in the registry: push it first")
        return found

    def cohort(
        self,
        digest: str,
        role: str = Role.PRIMARY,
        *,
        devices: frozenset[str] | None = None,
        since_unix_s: float = 0.0,
        until_unix_s: float | None = None,
    ) -> CohortStatistics:
        """Return what devices counted for a package."""
        return self._warehouse.cohort(
            PackageRole(digest, role),
            self._spec(digest, role),
            devices=devices,
            since_unix_s=since_unix_s,
            until_unix_s=until_unix_s,
        )

    def by_device(
        self,
        digest: str,
        role: str = Role.PRIMARY,
        *,
        since_unix_s: float = 0.0,
        subjects: Collection[str] | None = None,
    ) -> dict[str, CohortStatistics]:
        """Return the same for each device by itself."""
        spec = self._spec(digest, role)
        columns = None
        if subjects is not None:
            columns = [i for i, column in enumerate(spec.columns) if column.subject in subjects]
        return self._warehouse.by_device(
            PackageRole(digest, role), spec, since_unix_s=since_unix_s, columns=columns
        )

    def _spec(self, digest: str, role: str) -> ProfileSpec:
        return self.package(digest).specs[role]
