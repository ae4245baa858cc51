"""Where rollouts and the record of who did what are kept."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from cloud_sync.core.records import AuditRecord, RolloutEvent, RolloutRecord

__all__ = ["RolloutStore"]


class RolloutStore(Protocol):
    """Rollouts and the record of who did what."""

    def save_rollout(
        self,
        record: RolloutRecord,
        *,
        events: Sequence[RolloutEvent] = (),
        executions: Mapping[str, str] | None = None,
    ) -> None:
        """Save a rollout, append to its history and change devices' executions, all or nothing."""
        ...

    def rollouts(self) -> list[RolloutRecord]:
        """Return all rollouts, newest first."""
        ...

    def rollout_events(self, rollout_id: str) -> list[RolloutEvent]:
        """Return a rollout's history, oldest first."""
        ...

    def executions(self, rollout_id: str) -> dict[str, str]:
        """Return the state of each device in a rollout."""
        ...

    def add_audit(self, record: AuditRecord) -> None:
        """Append to the record of who did what."""
        ...

    def audit(
        self, *, limit: int = 100, before: int | None = None, action: str = ""
    ) -> list[AuditRecord]:
        """Return who did what, newest first.

        Args:
            limit: At most so many.
            before: Only records of lower numbers.
            action: Only this action, or those that begin with it and a dot.
        """
        ...
