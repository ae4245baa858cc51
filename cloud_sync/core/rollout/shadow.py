"""Shadow: the candidate sees what the serving version sees, is compared, and is taken back."""

from collections.abc import Sequence
from typing import ClassVar, Final

from cloud_sync.core.rollout.base import Mode, Stage, register
from cloud_sync.core.rollout.plan import RolloutPlan

__all__ = ["SHADOW_GATES", "Shadow"]

SHADOW_GATES: Final = ("safety", "delivery", "agreement", "drift", "estimate")


@register
class Shadow:
    """One stage; nothing it predicts is ever served, and the stable version stays what it is."""

    name: ClassVar[str] = "shadow"
    promotes: ClassVar[bool] = False

    def stages(self, plan: RolloutPlan) -> Sequence[Stage]:
        """Return a stage per step, or one on the whole fleet."""
        return [
            Stage("shadow", Mode.SHADOW, step, plan.bake_s, plan.min_rows, SHADOW_GATES)
            for step in tuple(plan.steps) or (1.0,)
        ]
