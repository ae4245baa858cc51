"""Moves a stage on as far as its clock, its gates and people allow."""

import enum
from collections.abc import Mapping

from cloud_sync.core.facts import DeviceFacts
from cloud_sync.core.rollout.gates import Verdict
from cloud_sync.core.rollout.judging import Judgement
from cloud_sync.core.rollout.record import RolloutRecord
from cloud_sync.core.rollout.stage_life import StageEvent, StageState
from cloud_sync.core.rollout.staging import still_queued

__all__ = ["Move", "advance"]

_S = StageEvent


class Move(enum.Enum):
    """What came of a look at a stage."""

    NONE = enum.auto()
    DELIVERED = enum.auto()
    PASSED = enum.auto()
    GAVE_UP = enum.auto()


def advance(
    record: RolloutRecord,
    found: Judgement,
    devices: Mapping[str, DeviceFacts],
    *,
    now_unix_s: float,
) -> Move:
    """Move the present stage by its table, and say in ``record.sentence`` what it waits for.

    Args:
        record: The rollout; none of its gates has failed.
        found: What the gates think.
        devices: All that the rollout is for.
        now_unix_s: Now.
    """
    stage = record.stage
    name = stage.stage.name
    max_wait_s = stage.stage.max_wait_s or record.plan.max_wait_s
    if stage.state is StageState.DISPATCHING:
        if found.verdict_of("delivery") is Verdict.PASS:
            stage.handle(_S.DELIVERED, now_unix_s=now_unix_s)
            stage.soaking_since_unix_s = stage.soaking_since_unix_s or now_unix_s
            return Move.DELIVERED
        if now_unix_s - stage.waits_since_unix_s >= max_wait_s:
            stage.handle(_S.GIVE_UP, now_unix_s=now_unix_s)
            return Move.GAVE_UP
    soaked = now_unix_s - stage.state_since_unix_s >= stage.stage.bake_s
    if stage.state is StageState.SOAKING and soaked:
        stage.handle(_S.BAKED, now_unix_s=now_unix_s)
    record.sentence = f"{name} is {stage.state.value}: {found.sentence()}"
    return _analysed(record, found, devices, now_unix_s)


def _analysed(
    record: RolloutRecord, found: Judgement, devices: Mapping[str, DeviceFacts], now_unix_s: float
) -> Move:
    stage = record.stage
    if stage.state is not StageState.ANALYSING:
        return Move.NONE
    if not found.passed:
        gate = "" if found.waits_for is None else found.waits_for.gate
        limit_s = stage.stage.rule(gate).max_wait_s or stage.stage.max_wait_s
        since = stage.state_since_unix_s
        if gate == "delivery":  # devices that wait for their turn or their window are not late
            since = max(since, stage.waits_since_unix_s)
        if now_unix_s - since >= (limit_s or record.plan.max_wait_s):
            stage.handle(_S.GIVE_UP, now_unix_s=now_unix_s)
            return Move.GAVE_UP
        return Move.NONE
    queued = still_queued(record, devices)
    if queued:
        record.sentence = f"{stage.stage.name} passed its gates; {len(queued)} devices still wait"
        return Move.NONE
    following = record.next_stage
    if following is not None and following.needs_approval:
        record.sentence = (
            f"{stage.stage.name} passed its gates; {following.stage.name} waits for approval"
        )
        return Move.NONE
    stage.handle(_S.PASS, now_unix_s=now_unix_s)
    stage.ended_unix_s = now_unix_s
    return Move.PASSED
