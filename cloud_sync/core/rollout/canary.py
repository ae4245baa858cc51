"""Canary: in shadow on few devices first, then serving on more and more of them."""

from collections.abc import Sequence
from typing import ClassVar, Final

from cloud_sync.core.rollout.base import Mode, Stage, register
from cloud_sync.core.rollout.plan import RolloutPlan
from cloud_sync.core.rollout.shadow import SHADOW_GATES
from cloud_sync.core.rollout.steps import Step
from edge_contract.errors import UsageError

__all__ = ["SERVE_GATES", "Canary"]

SERVE_GATES: Final = (
    "safety", "delivery", "balance", "latency", "drift", "estimate", "labelled", "baseline",
)  # fmt: skip
_STEPS: Final = (Step(fraction=0.1), Step(fraction=0.5), Step(fraction=1.0))


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
        steps = plan.widenings or _STEPS
        if not steps[-1].is_whole:
            titles = ", ".join(step.title for step in steps)
            raise UsageError(f"canary steps must rise and end at 1.0, got {titles}")
        shadow = plan.stage("shadow", Mode.SHADOW, step=steps[0], gates=SHADOW_GATES)
        serve = [
            plan.stage(f"canary {step.title}", Mode.SERVE, step=step, gates=SERVE_GATES)
            for step in steps
        ]
        return [shadow, *serve] if plan.shadow else serve
