"""Canary: in shadow on few devices first, then serving on more and more of them."""

from collections.abc import Sequence
from typing import ClassVar, Final

from cloud_sync.core.rollout.base import Mode, Stage, register
from cloud_sync.core.rollout.plan import RolloutPlan
from cloud_sync.core.rollout.shadow import SHADOW_GATES
from edge_contract.errors import UsageError

__all__ = ["SERVE_GATES", "Canary"]

SERVE_GATES: Final = ("safety", "delivery", "balance", "drift", "estimate", "labelled")
_STEPS: Final = (0.1, 0.5, 1.0)


@register
class Canary:
    """Widens step by step while every gate passes; the shadow's devices are the first to serve."""

    name: ClassVar[str] = "canary"
    promotes: ClassVar[bool] = True

    def stages(self, plan: RolloutPlan) -> Sequence[Stage]:
        """Return the shadow stage, if it is wanted, and one stage per step.

        Raises:
            UsageError: The steps do not end with the whole fleet.
        """
        steps = tuple(plan.steps) or _STEPS
        if steps[-1] != 1.0:
            raise UsageError(f"canary steps must rise and end at 1.0, got {steps}")
        shadow = Stage("shadow", Mode.SHADOW, steps[0], plan.bake_s, plan.min_rows, SHADOW_GATES)
        serve = [
            Stage(f"canary {step:.0%}", Mode.SERVE, step, plan.bake_s, plan.min_rows, SERVE_GATES)
            for step in steps
        ]
        return [shadow, *serve] if plan.shadow else serve
