"""What policies see of a running cloud, and what they may do in it."""

import time
from collections.abc import Sequence
from typing import Final

from cloud_sync.backend import CloudBackend, RolloutOrder, RolloutView
from cloud_sync.core.records import AlarmRecord, AuditRecord
from cloud_sync.ports import PackageRepository, Warehouse
from edge_contract.reading import JsonObject

__all__ = ["POLICIES", "CloudPolicyWorld"]

POLICIES: Final = "policies.toml"
"""Name of the file of policies in the data folder; ``.yaml`` and ``.yml`` do as well."""

_LATEST: Final = 100


class CloudPolicyWorld:
    """Implements :class:`cloud_sync.policy_desk.PolicyWorld`.

    Args:
        backend: Starts rollouts as everybody else does.
        warehouse: Keeps alarms and the record.
        packages: The registry.
    """

    def __init__(
        self, backend: CloudBackend, warehouse: Warehouse, packages: PackageRepository
    ) -> None:
        self._backend = backend
        self._warehouse = warehouse
        self._packages = packages

    def alarms(self) -> Sequence[AlarmRecord]:
        """Return the latest alarms."""
        return self._warehouse.alarms(limit=_LATEST)

    def versions(self) -> Sequence[tuple[str, str, float]]:
        """Return all versions: model, version, and when it was pushed."""
        return [
            (model, found.version, found.pushed_unix_s)
            for model in self._packages.models()
            for found in self._packages.versions(model)
        ]

    def stable(self, model: str) -> str:
        """Return the version that the fleet runs."""
        return self._packages.stable(model).version

    def rollouts(self) -> Sequence[RolloutView]:
        """Return all rollouts."""
        return self._backend.rollouts()

    def start_rollout(self, order: RolloutOrder, *, by: str) -> RolloutView:
        """Begin to roll a version out."""
        return self._backend.start_rollout(order, by=by)

    def audit(self, *, limit: int, action: str) -> Sequence[AuditRecord]:
        """Return who did what, newest first."""
        return self._warehouse.audit(limit=limit, action=action)

    def note(self, by: str, action: str, subject: str, detail: JsonObject) -> None:
        """Write down what was done."""
        self._warehouse.add_audit(AuditRecord(time.time(), by, action, subject, detail))
