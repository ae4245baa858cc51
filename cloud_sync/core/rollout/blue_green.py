"""Blue-green: every device loads the candidate beside the old version, then all switch at once."""

from collections.abc import Sequence
from typing import ClassVar

from cloud_sync.core.rollout.base import Mode, Stage, register
from cloud_sync.core.rollout.canary import SERVE_GATES
from cloud_sync.core.rollout.plan import RolloutPlan
from cloud_sync.core.rollout.shadow import SHADOW_GATES
from edge_contract.errors import UsageError

__all__ = ["BlueGreen"]


@register
class BlueGreen:
    """Two stages. The old version stays loaded, so going back is a switch, too."""

    name: ClassVar[str] = "blue-green"
    promotes: ClassVar[bool] = True

    def stages(self, plan: RolloutPlan) -> Sequence[Stage]:
        """Return loading (compared in shadow, if that is wanted) and switching.

        Raises:
            UsageError: The plan has steps.
        """
        if plan.steps:
            raise UsageError(f"blue-green switches all devices at once, got steps {plan.steps}")
        load = (
            Stage("load", Mode.SHADOW, 1.0, plan.bake_s, plan.min_rows, SHADOW_GATES)
            if plan.shadow
            else Stage("load", Mode.LOAD, 1.0, 0.0, 0, ("safety", "delivery"))
        )
        return [
            load,
            Stage("switch", Mode.SERVE, 1.0, plan.bake_s, plan.min_rows, SERVE_GATES),
        ]
