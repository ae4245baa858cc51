"""What happens to devices when a stage begins, fills up, or is tried again."""

from collections.abc import Collection, Mapping

from cloud_sync.core.facts import DeviceFacts, DeviceStatus, EvidenceSource
from cloud_sync.core.rollout.cohort import newcomers
from cloud_sync.core.rollout.execution_life import UNHEALTHY, ExecutionEvent, ExecutionState
from cloud_sync.core.rollout.pace import next_in_turn
from cloud_sync.core.rollout.record import Execution, RolloutRecord
from cloud_sync.core.rollout.rollout_life import RolloutState
from cloud_sync.core.rollout.stage_life import StageEvent, StageState
from edge_contract.package.reference import Role

__all__ = [
    "begin_stage",
    "can_overrule",
    "enlist",
    "note_exposed",
    "overrule_stage",
    "retry_stage",
    "still_queued",
    "try_failed_again",
]

_S, _X = StageEvent, ExecutionEvent


def begin_stage(
    record: RolloutRecord, devices: Mapping[str, DeviceFacts], now_unix_s: float
) -> None:
    """Begin the present stage; whoever was in the one before shall do more, if it wants more."""
    stage = record.stage
    stage.handle(_S.BEGIN, now_unix_s=now_unix_s)
    stage.began_unix_s = now_unix_s
    stage.boots = {name: facts.boots for name, facts in devices.items()}
    for execution in record.executions.values():
        if execution.mode is not stage.stage.mode:
            execution.mode = stage.stage.mode
            execution.joined = record.index
            execution.since_unix_s = now_unix_s
            if execution.state in (ExecutionState.SUCCEEDED, ExecutionState.TIMED_OUT):
                execution.handle(_X.REQUEUE, now_unix_s=now_unix_s)


def enlist(
    record: RolloutRecord,
    devices: Mapping[str, DeviceFacts],
    now_unix_s: float,
    *,
    boxed: Collection[str] = (),
    left_out: Collection[str] = (),
) -> None:
    """Fill the present stage up to its size, late joiners included, and tell whoever may be told.

    Args:
        record: The rollout.
        devices: All that it is for.
        now_unix_s: Now.
        boxed: Devices in the penalty box.
        left_out: Devices that cannot run the candidate.
    """
    stage = record.stage
    for name, facts in devices.items():
        stage.boots.setdefault(name, facts.boots)
    joining = newcomers(
        devices,
        record.executions,
        fraction=stage.stage.fraction,
        count=stage.stage.count,
        salt=record.salt,
        boxed=boxed,
        left_out=left_out,
    )
    for name in joining:
        record.executions[name] = Execution(
            ExecutionState.QUEUED, stage.stage.mode, now_unix_s, record.index
        )
    turn = next_in_turn(record, devices, now_unix_s)
    for name in turn.now:
        record.executions[name].handle(_X.NOTIFY, now_unix_s=now_unix_s)
        record.returning.discard(name)
    if turn.now or turn.held:
        stage.waits_since_unix_s = now_unix_s


def retry_stage(record: RolloutRecord, now_unix_s: float) -> None:
    """After a pause: start the stage's clock anew; a failed one tries failed devices again."""
    stage = record.stage
    if stage.state is StageState.FAILED:
        for execution in record.executions.values():
            if execution.state in UNHEALTHY:
                execution.handle(_X.REQUEUE, now_unix_s=now_unix_s)
                execution.detail = ""
    if stage.state in (StageState.FAILED, StageState.INCONCLUSIVE):
        stage.handle(_S.RETRY, now_unix_s=now_unix_s)
    stage.state_since_unix_s = stage.waits_since_unix_s = now_unix_s


def try_failed_again(record: RolloutRecord, now_unix_s: float) -> list[str]:
    """Queue every device again that failed in the present stage; return their names.

    What was seen so far was seen of a stage that had failed, so evidence is gathered anew.
    """
    again = [name for name, one in record.executions.items() if one.state in UNHEALTHY]
    stage = record.stage
    for name in again:
        execution = record.executions[name]
        execution.handle(_X.REQUEUE, now_unix_s=now_unix_s)
        execution.detail = ""
    if stage.state in (StageState.FAILED, StageState.INCONCLUSIVE):
        stage.handle(_S.RETRY, now_unix_s=now_unix_s)
        stage.soaking_since_unix_s = None
        stage.began_unix_s = now_unix_s
        stage.boots = {}
    stage.state_since_unix_s = stage.waits_since_unix_s = now_unix_s
    return again


def still_queued(record: RolloutRecord, devices: Mapping[str, DeviceFacts]) -> list[str]:
    """Return the reachable devices that waited for their turn when the analysis began."""
    since = record.stage.state_since_unix_s
    return [
        name
        for name, one in record.executions.items()
        if one.state is ExecutionState.QUEUED
        and one.since_unix_s <= since
        and name in devices
        and devices[name].status is DeviceStatus.ONLINE
    ]


def can_overrule(record: RolloutRecord) -> bool:
    """Return whether a person may let the present stage pass: its gates could not tell."""
    paused = record.state is RolloutState.PAUSED
    return paused and record.stage.state is StageState.INCONCLUSIVE


def overrule_stage(record: RolloutRecord, now_unix_s: float) -> None:
    """Let the present stage pass because a person says so."""
    record.stage.handle(_S.OVERRULE, now_unix_s=now_unix_s)
    record.stage.ended_unix_s = now_unix_s


def note_exposed(record: RolloutRecord, source: EvidenceSource, now_unix_s: float) -> None:
    """Count as exposed whose report was lost but whose rows were not; it did not just refuse."""
    if record.started_unix_s is None:
        return
    served = source.by_device(
        record.candidate.digest, Role.PRIMARY, since_unix_s=record.started_unix_s, subjects=()
    )
    record.exposed |= {name for name, seen in served.items() if seen.counters.rows}
    for name, execution in record.executions.items():
        if execution.state is ExecutionState.REJECTED and name in record.exposed:
            execution.ran = True
            execution.handle(_X.FAIL, now_unix_s=now_unix_s)
