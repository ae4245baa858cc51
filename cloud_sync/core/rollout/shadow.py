"""Shadow: the candidate sees what the serving version sees, is compared, and is taken back."""

from collections.abc import Sequence
from typing import ClassVar, Final

from cloud_sync.core.rollout.base import Mode, Stage, register
from cloud_sync.core.rollout.plan import RolloutPlan
from cloud_sync.core.rollout.steps import Step
from edge_contract.errors import UsageError

__all__ = ["SHADOW_GATES", "Shadow"]

SHADOW_GATES: Final = ("safety", "delivery", "agreement", "drift", "estimate")


@register
class Shadow:
    """One stage; nothing it predicts is ever served, and the stable version stays what it is."""

    name: ClassVar[str] = "shadow"
    promotes: ClassVar[bool] = False

    def stages(self, plan: RolloutPlan) -> Sequence[Stage]:
        """Return a stage per step, or one on the whole fleet.

        Raises:
            UsageError: The plan wants no shadow.
        """
        if not plan.shadow:
            raise UsageError("strategy shadow is nothing but a shadow: take canary without one")
        steps = plan.widenings or (Step(fraction=1.0),)
        return [
            plan.stage(
                "shadow" if len(steps) == 1 else f"shadow {step.title}",
                Mode.SHADOW,
                step=step,
                gates=SHADOW_GATES,
            )
            for step in steps
        ]
