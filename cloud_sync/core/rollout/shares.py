"""Alpha is spent over gates: their shares of a stage must not add up to more than there is."""

from cloud_sync.core.rollout.gates import GATES
from cloud_sync.core.rollout.plan import RolloutPlan
from edge_contract.errors import UsageError

__all__ = ["check_shares"]


def check_shares(plan: RolloutPlan) -> None:
    """Raise ``UsageError`` if the gates of a stage would spend more than the stage's alpha."""
    for stage in plan.stages():
        spent = {gate: stage.rule(gate).share or GATES[gate].share for gate in stage.gates}
        if sum(spent.values()) > 1.0 + 1e-9:
            listed = ", ".join(f"{gate} {share:.3g}" for gate, share in spent.items() if share)
            raise UsageError(
                f"gates of stage {stage.name!r} spend {sum(spent.values()):.3g} times its alpha "
                f"({listed}): give shares that add up to at most 1"
            )
