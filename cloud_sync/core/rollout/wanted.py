"""What a rollout wants of each device, which follows from its record alone."""

from typing import Final

from cloud_sync.core.rollout.base import STRATEGIES, Mode
from cloud_sync.core.rollout.record import RolloutRecord
from cloud_sync.core.rollout.rollout_life import RolloutState
from edge_contract.messages import Assignment

__all__ = ["wanted_assignments"]

_FORWARD: Final = frozenset(
    {
        RolloutState.AWAITING_APPROVAL,  # devices taken over from a superseded rollout go back
        RolloutState.SCHEDULED,
        RolloutState.RUNNING,
        RolloutState.PAUSED,
    }
)
_BACK: Final = frozenset({RolloutState.ABORTING, RolloutState.ROLLING_BACK})


def wanted_assignments(record: RolloutRecord) -> dict[str, Assignment]:
    """Return the assignment of every device that the rollout has a say in.

    A device on which the candidate failed keeps it as its assignment: it will not try it again by
    itself, and does so when a person clears its bad slot.
    """
    back = Assignment(serve=record.previous)
    promotes = STRATEGIES[record.plan.strategy].promotes
    finalising = record.state is RolloutState.FINALISING
    if record.state in _FORWARD or (finalising and promotes):
        serve = Assignment(serve=record.candidate)
        beside = Assignment(serve=record.previous, shadow=record.candidate)
        wanted = dict.fromkeys(sorted(record.returning), back)
        for name, execution in record.executions.items():
            if execution.told is not None:  # the others wait for their turn on what they run
                wanted[name] = serve if execution.told is Mode.SERVE else beside
        return wanted
    if record.state in _BACK or finalising:
        return dict.fromkeys(sorted({*record.returning, *record.executions}), back)
    return {}
