"""All at once: for development, and for the first version of a model."""

from collections.abc import Sequence
from typing import ClassVar

from cloud_sync.core.rollout.base import Mode, Stage, register
from cloud_sync.core.rollout.plan import RolloutPlan
from edge_contract.errors import UsageError

__all__ = ["AllAtOnce"]


@register
class AllAtOnce:
    """One stage that asks only whether devices run the candidate and stay healthy."""

    name: ClassVar[str] = "all-at-once"
    promotes: ClassVar[bool] = True

    def stages(self, plan: RolloutPlan) -> Sequence[Stage]:
        """Return the one stage; it does not bake and asks for no traffic.

        Raises:
            UsageError: The plan has steps.
        """
        if plan.steps:
            raise UsageError(f"all-at-once has no steps, got {plan.titles}: use canary")
        return [plan.idle_stage("all", Mode.SERVE)]
