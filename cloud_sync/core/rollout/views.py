"""A rollout as people and pages see it: plain data, no way back into the machine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cloud_sync.core.rollout.record import HistoryLine, RolloutRecord
from cloud_sync.core.rollout.steering import possible_actions

__all__ = ["RolloutSummary", "StageSummary", "summary_of"]


@dataclass(frozen=True, slots=True)
class StageSummary:
    """A stage: ``state`` is waiting, dispatching, soaking, analysing or an outcome.

    Attributes:
        name: For people.
        fraction: Share of the devices; 0 where ``count`` says how many.
        state: Where it stands.
        count: So many devices instead.
        mode: ``load``, ``shadow`` or ``serve``.
        bake_s: Shortest time that it soaks.
        began_unix_s: When its devices were told; 0 before.
        ended_unix_s: When it passed; 0 before.
    """

    name: str
    fraction: float
    state: str
    count: int = 0
    mode: str = ""
    bake_s: float = 0.0
    began_unix_s: float = 0.0
    ended_unix_s: float = 0.0


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
        actions: What a person may do with it now.
        target: Filter of the devices that it is for; empty for all.
        waiting: Devices that have not been told yet.
        state_since_unix_s: Since when it stands there.
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
    actions: Sequence[str] = ()
    target: str = ""
    waiting: int = 0
    state_since_unix_s: float = 0.0


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
        state_since_unix_s=record.state_since_unix_s,
        ended_unix_s=record.ended_unix_s,
        stages=[
            StageSummary(
                one.stage.name,
                one.stage.fraction,
                one.state.value,
                one.stage.count,
                one.stage.mode.value,
                one.stage.bake_s,
                one.began_unix_s or 0.0,
                one.ended_unix_s or 0.0,
            )
            for one in record.stages
        ],
        executions={name: one.state.value for name, one in sorted(record.executions.items())},
        devices_exposed=sorted(record.exposed),
        events=list(record.history),
        actions=possible_actions(record),
        target=record.plan.target,
        waiting=sum(one.told is None for one in record.executions.values()),
    )
