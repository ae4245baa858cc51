"""What happens to devices when a stage begins, fills up, or is tried again."""

from collections.abc import Mapping

from cloud_sync.core.facts import DeviceFacts, EvidenceSource
from cloud_sync.core.rollout.cohort import newcomers
from cloud_sync.core.rollout.execution_life import UNHEALTHY, ExecutionEvent, ExecutionState
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


def enlist(record: RolloutRecord, devices: Mapping[str, DeviceFacts], now_unix_s: float) -> None:
    """Fill the present stage up to its share, late joiners included, and notify whoever waits."""
    stage = record.stage
    for name, facts in devices.items():
        stage.boots.setdefault(name, facts.boots)
    joining = newcomers(devices, record.executions, fraction=stage.stage.fraction, salt=record.salt)
    for name in joining:
        record.executions[name] = Execution(
            ExecutionState.QUEUED, stage.stage.mode, now_unix_s, record.index
        )
        record.returning.discard(name)
    for execution in record.executions.values():
        if execution.state is ExecutionState.QUEUED:
            execution.handle(_X.NOTIFY, now_unix_s=now_unix_s)


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
    stage.state_since_unix_s = now_unix_s


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
