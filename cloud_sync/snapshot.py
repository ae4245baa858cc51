"""What pages show of the cores, as it was at one moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cloud_sync.core.facts import DeviceFacts
from cloud_sync.core.fleet import Fleet
from cloud_sync.core.rollout import RolloutController, RolloutSummary
from cloud_sync.core.twin import DeviceTwin

__all__ = ["Snapshot"]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What pages show of the cores; replaced as a whole, so that any thread may read it."""

    twins: Mapping[str, DeviceTwin] = field(default_factory=dict)
    facts: Mapping[str, DeviceFacts] = field(default_factory=dict)
    rollouts: Mapping[str, RolloutSummary] = field(default_factory=dict)
    revision: int = 0

    def next(self, fleet: Fleet, rollouts: RolloutController) -> "Snapshot":
        """Return what is to be seen now."""
        return Snapshot(
            twins={twin.name: twin for twin in fleet.twins()},
            facts=dict(fleet.facts()),
            rollouts={i: rollouts.view(i) for i in rollouts.ids()},
            revision=self.revision + 1,
        )
