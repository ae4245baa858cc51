"""What a person may do with a rollout now, and what each of these does to its stage."""

from collections.abc import Sequence
from typing import Final

from cloud_sync.core.rollout.execution_life import UNHEALTHY
from cloud_sync.core.rollout.record import RolloutRecord
from cloud_sync.core.rollout.rollout_life import TRANSITIONS, RolloutEvent, RolloutState
from cloud_sync.core.rollout.stage_life import StageState
from cloud_sync.core.rollout.staging import (
    can_overrule,
    overrule_stage,
    retry_stage,
    try_failed_again,
)
from cloud_sync.core.rollout.transitions import InvalidTransitionError
from edge_contract.errors import UsageError

__all__ = ["event_of", "possible_actions", "steered"]

_R = RolloutEvent

_ACTIONS: Final = {
    event.value: event
    for event in (_R.APPROVE, _R.RESUME, _R.RETRY, _R.PAUSE, _R.ROLL_BACK, _R.ABORT)
}


def possible_actions(record: RolloutRecord) -> Sequence[str]:
    """Return what a person may do now, by name."""
    return [name for name, event in _ACTIONS.items() if not _objection(record, event)]


def event_of(record: RolloutRecord, action: str) -> RolloutEvent:
    """Return the event that an action is now.

    Raises:
        UsageError: There is no such action, or there is nothing that it could do.
    """
    if action not in _ACTIONS:
        raise UsageError(
            f"action {action!r} on a rollout is unknown (known: {', '.join(_ACTIONS)})"
        )
    event = _ACTIONS[action]
    if event is _R.APPROVE and can_overrule(record):
        return _R.RESUME
    if event in TRANSITIONS[record.state] and (objection := _objection(record, event)):
        raise InvalidTransitionError(
            f"rollout {record.rollout_id!r} is {record.state.value}: {objection}"
        )
    return event


def steered(
    record: RolloutRecord, action: str, event: RolloutEvent, now_unix_s: float
) -> tuple[str, list[str]]:
    """Do to the stage what goes with an event that has moved the rollout.

    Returns:
        What to add to the sentence, and the devices that shall try again.
    """
    if action == _R.APPROVE.value and event is _R.RESUME:
        overrule_stage(record, now_unix_s)
        return " a stage although its gates could not tell", []
    if event is _R.APPROVE and record.state is RolloutState.RUNNING and record.next_stage:
        record.next_stage.approved = True
        return f" that {record.next_stage.stage.name} begins", []
    if event is _R.APPROVE:
        record.stage.approved = True
    if event is _R.RESUME:
        retry_stage(record, now_unix_s)
    if event is _R.RETRY:
        again = try_failed_again(record, now_unix_s)
        return f" {len(again)} devices that failed", again
    return "", []


def _objection(record: RolloutRecord, event: RolloutEvent) -> str:
    """Return why an event of a person cannot be now; empty if it can."""
    if event is _R.APPROVE and can_overrule(record):
        return ""
    if event not in TRANSITIONS[record.state]:
        return f"{event.value!r} is not possible now"
    following = record.next_stage
    running = record.state is RolloutState.RUNNING
    if event is _R.APPROVE and running and not (following and following.needs_approval):
        return "'approve' refused: nothing waits for approval"
    unhealthy = any(one.state in UNHEALTHY for one in record.executions.values())
    stuck = record.stage.state in (StageState.FAILED, StageState.INCONCLUSIVE)
    if event is _R.RETRY and not unhealthy and not stuck:
        return "'retry' refused: no device has failed"
    return ""
