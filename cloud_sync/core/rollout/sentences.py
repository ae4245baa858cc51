"""What a rollout says about itself, in English."""

from collections.abc import Sequence
from datetime import UTC, datetime

from cloud_sync.core.rollout.judging import Judgement
from cloud_sync.core.rollout.record import RolloutRecord
from cloud_sync.core.rollout.rollout_life import RolloutState

__all__ = ["begun", "ended", "failed", "gave_up", "ordered"]


def ordered(record: RolloutRecord, by: str) -> str:
    """Return that a rollout was ordered."""
    name = f"{record.plan.model}@{record.plan.version}"
    text = f"roll {name} out by {record.plan.strategy}"
    if record.plan.target:
        text += f" to devices with {record.plan.target}"
    if record.plan.start_at_unix_s > record.created_unix_s:
        at = datetime.fromtimestamp(record.plan.start_at_unix_s, UTC)
        text += f" from {at:%Y-%m-%d %H:%M} UTC on"
    if record.state is RolloutState.AWAITING_APPROVAL:
        return f"{by} asked to {text}; it waits for approval"
    return f"{by} ordered to {text}"


def begun(record: RolloutRecord) -> str:
    """Return that the present stage begins."""
    stage = record.stage.stage
    return f"{stage.name} begins, with up to {stage.size}"


def failed(record: RolloutRecord, found: Judgement) -> str:
    """Return which gate failed, why, and what follows."""
    what = record.state.value.replace("_", " ")
    return f"{record.stage.stage.name}: {found.sentence()}; {what}"


def gave_up(record: RolloutRecord, found: Judgement) -> str:
    """Return what the stage waited for in vain, and what a person can do."""
    waited_s = record.stage.stage.max_wait_s or record.plan.max_wait_s
    return (
        f"{record.stage.stage.name}: paused, waited {waited_s:.0f} s and "
        f"{found.sentence()}; resume to wait longer, approve to go on all the same"
    )


def ended(record: RolloutRecord, *, devices: int, away: Sequence[str]) -> str:
    """Return how it ended, whom it reached, and who is not back."""
    outcome = record.state.value.replace("_", " ")
    text = f"{record.plan.model}@{record.plan.version}: {outcome}"
    text += f"; served on {len(record.exposed)} of {devices} devices"
    return f"{text}; not back yet: {', '.join(away[:3])}" if away else text
