"""A rollout as people and pages see it: plain data, no way back into the machine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cloud_sync.core.rollout.record import HistoryLine, RolloutRecord

__all__ = ["RolloutSummary", "StageSummary", "summary_of"]


@dataclass(frozen=True, slots=True)
class StageSummary:
    """A stage: ``state`` is waiting, dispatching, soaking, analysing or an outcome."""

    name: str
    fraction: float
    state: str


@dataclass(frozen=True, slots=True)
class RolloutSummary:
    """A rollout: where it stands, whom it reached and why.

    Attributes:
        rollout_id: Its name.
        model: Name of the model.
        version: The candidate's.
        previous: The version that devices go back to; empty if there is none.
        strategy: Name of the strategy.
        state: Where it stands.
        sentence: The same for people, with the reason.
        started_unix_s: When it was ordered.
        ended_unix_s: When it ended; ``None`` while it has not.
        stages: All of them.
        executions: State by device.
        devices_exposed: Devices that ever served the candidate, by name.
        events: Its history, oldest first.
    """

    rollout_id: str
    model: str
    version: str
    previous: str
    strategy: str
    state: str
    sentence: str
    started_unix_s: float
    ended_unix_s: float | None
    stages: Sequence[StageSummary]
    executions: Mapping[str, str]
    devices_exposed: Sequence[str]
    events: Sequence[HistoryLine]


def summary_of(record: RolloutRecord) -> RolloutSummary:
    """Return what people see of a rollout."""
    return RolloutSummary(
        rollout_id=record.rollout_id,
        model=record.plan.model,
        version=record.plan.version,
        previous="" if record.previous is None else record.previous.version,
        strategy=record.plan.strategy,
        state=record.state.value,
        sentence=record.sentence,
        started_unix_s=record.created_unix_s,
        ended_unix_s=record.ended_unix_s,
        stages=[
            StageSummary(one.stage.name, one.stage.fraction, one.state.value)
            for one in record.stages
        ],
        executions={name: one.state.value for name, one in sorted(record.executions.items())},
        devices_exposed=sorted(record.exposed),
        events=list(record.history),
    )
