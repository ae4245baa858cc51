"""Delivery: enough of the stage's devices report that they run the candidate."""

from typing import ClassVar

from cloud_sync.core.rollout.execution_life import FINISHED, ExecutionState
from cloud_sync.core.rollout.gates.base import GateResult, OnFail, Verdict, register
from cloud_sync.core.rollout.scene import Scene
from edge_contract.reading import JsonValue

__all__ = ["Delivery"]


@register
class Delivery:
    """Counts reachable devices only: the others are told by their desired state when they return.

    Fails when no device has anything left to wait for and too few run it; a device that is just
    slow makes it inconclusive.
    """

    name: ClassVar[str] = "delivery"
    share: ClassVar[float] = 0.0
    on_fail: ClassVar[OnFail] = OnFail.PAUSE
    required: ClassVar[bool] = True

    def applies(self, scene: Scene) -> bool:
        """Return that it always does."""
        return True

    def judge(self, scene: Scene) -> GateResult:
        """Compare the share that runs it with the plan's."""
        reachable = scene.reachable()
        running = [
            name for name in reachable if scene.members[name].state is ExecutionState.SUCCEEDED
        ]
        waiting = [name for name in reachable if scene.members[name].state not in FINISHED]
        needed = scene.plan.delivered_share
        evidence: dict[str, JsonValue] = {
            "devices": len(scene.members),
            "reachable": len(reachable),
            "running": len(running),
            "waiting": len(waiting),
            "needed_share": needed,
        }
        text = f"{len(running)} of {len(reachable)} reachable devices run it"
        away = len(scene.members) - len(reachable)
        text += f", {away} out of reach" if away else ""
        if not reachable:
            return GateResult(self.name, Verdict.INCONCLUSIVE, text, evidence)
        if len(running) >= needed * len(reachable):
            return GateResult(self.name, Verdict.PASS, text, evidence)
        if not waiting:
            return GateResult(self.name, Verdict.FAIL, f"{text}, {needed:.0%} needed", evidence)
        return GateResult(self.name, Verdict.INCONCLUSIVE, text, evidence)
