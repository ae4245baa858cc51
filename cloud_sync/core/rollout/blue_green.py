"""Blue-green: every device loads the candidate beside the old version, then all switch at once."""

from collections.abc import Sequence
from typing import ClassVar

from cloud_sync.core.rollout.base import Mode, Stage, register
from cloud_sync.core.rollout.canary import SERVE_GATES
from cloud_sync.core.rollout.plan import RolloutPlan
from cloud_sync.core.rollout.shadow import SHADOW_GATES
from cloud_sync.core.rollout.steps import Step
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
            raise UsageError(f"blue-green switches all devices at once, got steps {plan.titles}")
        whole = Step(fraction=1.0)
        load = (
            plan.stage("load", Mode.SHADOW, step=whole, gates=SHADOW_GATES)
            if plan.shadow
            else plan.idle_stage("load", Mode.LOAD)
        )
        return [load, plan.stage("switch", Mode.SERVE, step=whole, gates=SERVE_GATES)]
