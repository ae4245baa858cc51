"""Everything that a rollout remembers, and its JSON form.

Effects that were not carried out before a crash are not remembered anywhere: what is wanted of each
device follows from this record, and is asked for again after a restart.
"""

from dataclasses import dataclass, field
from typing import Final, Self

from cloud_sync.core.rollout.base import Mode, Stage
from cloud_sync.core.rollout.execution_life import TRANSITIONS as EXECUTION_TRANSITIONS
from cloud_sync.core.rollout.execution_life import UNHEALTHY, ExecutionEvent, ExecutionState
from cloud_sync.core.rollout.plan import RolloutPlan
from cloud_sync.core.rollout.rollout_life import RolloutState
from cloud_sync.core.rollout.stage_life import TRANSITIONS as STAGE_TRANSITIONS
from cloud_sync.core.rollout.stage_life import StageEvent, StageState
from cloud_sync.core.rollout.transitions import moved
from edge_contract.errors import MessageError
from edge_contract.messages import Target
from edge_contract.reading import JsonObject, JsonValue, Reader

__all__ = ["Execution", "HistoryLine", "RolloutRecord", "StageRecord"]

_KEPT_LINES: Final = 200


@dataclass(slots=True)
class Execution:
    """The rollout on one device.

    Attributes:
        state: How far it is; changes only through :meth:`handle`.
        mode: How the device shall run the candidate.
        since_unix_s: When its present wait began; time out of reach does not count.
        joined: Index of the stage since which it is wanted in this mode.
        ran: Whether it ever reported to run the candidate, serving or in shadow.
        detail: Why it failed, for people.
        told: How it was told to run the candidate; ``None`` if it was not told yet.
        told_unix_s: When it was told last.
        failures: How often it failed, rejected the candidate or timed out.
        failed_unix_s: When it did so last.
    """

    state: ExecutionState
    mode: Mode
    since_unix_s: float
    joined: int = 0
    ran: bool = False
    detail: str = ""
    told: Mode | None = None
    told_unix_s: float = 0.0
    failures: int = 0
    failed_unix_s: float = 0.0

    def handle(self, event: ExecutionEvent, *, now_unix_s: float) -> None:
        """Move by the table; raises ``InvalidTransitionError`` for what it does not list."""
        before = self.state
        self.state = moved(EXECUTION_TRANSITIONS, before, event, what="execution")
        self.since_unix_s = now_unix_s
        if self.state is ExecutionState.NOTIFIED:
            self.told, self.told_unix_s = self.mode, now_unix_s
        if self.state in UNHEALTHY and before not in UNHEALTHY:
            self.failures += 1
            self.failed_unix_s = now_unix_s

    def can(self, event: ExecutionEvent) -> bool:
        """Return whether the table lists the event now."""
        return event in EXECUTION_TRANSITIONS[self.state]

    def to_json(self) -> list[JsonValue]:
        """Return the fields by position; there may be very many executions."""
        return [
            self.state.value,
            self.mode.value,
            self.since_unix_s,
            self.joined,
            self.ran,
            self.detail,
            None if self.told is None else self.told.value,
            self.told_unix_s,
            self.failures,
            self.failed_unix_s,
        ]

    @classmethod
    def from_json(cls, reader: Reader) -> Self:
        """Read the fields."""
        return cls(
            ExecutionState(reader[0].text()),
            Mode(reader[1].text()),
            reader[2].number(),
            reader[3].integer(low=0),
            reader[4].flag(),
            reader[5].text(),
            None if reader[6].is_null else Mode(reader[6].text()),
            reader[7].number(),
            reader[8].integer(low=0),
            reader[9].number(),
        )


@dataclass(slots=True)
class StageRecord:
    """A stage and how it went.

    Attributes:
        stage: What it is.
        state: Where it stands; changes only through :meth:`handle`.
        state_since_unix_s: When it came into that state.
        began_unix_s: When its devices were told; ``None`` before.
        soaking_since_unix_s: From when on statistics count as evidence; ``None`` before.
        ended_unix_s: When it passed; ``None`` before.
        boots: Lives of every device when the stage began, to count crashes from.
        waits_since_unix_s: Since when nothing has moved that delivery waits for: no device was
            told, and none is held back by its maintenance window.
        approved: Whether a person has approved that it begins.
    """

    stage: Stage
    state: StageState = StageState.WAITING
    state_since_unix_s: float = 0.0
    began_unix_s: float | None = None
    soaking_since_unix_s: float | None = None
    ended_unix_s: float | None = None
    boots: dict[str, int] = field(default_factory=dict)
    waits_since_unix_s: float = 0.0
    approved: bool = False

    @property
    def needs_approval(self) -> bool:
        """Whether a person has to approve before it begins, and has not yet."""
        return self.stage.approval and not self.approved

    def handle(self, event: StageEvent, *, now_unix_s: float) -> None:
        """Move by the table; raises ``InvalidTransitionError`` for what it does not list."""
        self.state = moved(STAGE_TRANSITIONS, self.state, event, what=f"stage {self.stage.name!r}")
        self.state_since_unix_s = self.waits_since_unix_s = now_unix_s

    def to_json(self) -> JsonObject:
        """Return everything but the stage itself, which the plan makes again."""
        return {
            "name": self.stage.name,
            "state": self.state.value,
            "state_since_unix_s": self.state_since_unix_s,
            "began_unix_s": self.began_unix_s,
            "soaking_since_unix_s": self.soaking_since_unix_s,
            "ended_unix_s": self.ended_unix_s,
            "boots": dict(self.boots),
            "waits_since_unix_s": self.waits_since_unix_s,
            "approved": self.approved,
        }

    @classmethod
    def from_json(cls, stage: Stage, reader: Reader) -> Self:
        """Read the fields."""
        return cls(
            stage,
            StageState(reader["state"].text()),
            reader["state_since_unix_s"].number(),
            _optional(reader["began_unix_s"]),
            _optional(reader["soaking_since_unix_s"]),
            _optional(reader["ended_unix_s"]),
            {name: item.integer() for name, item in _by_name(reader["boots"]).items()},
            reader["waits_since_unix_s"].number(),
            reader["approved"].flag(),
        )


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """Something that happened, in a sentence, and the numbers behind it."""

    at_unix_s: float
    sentence: str
    evidence: JsonObject = field(default_factory=dict)


@dataclass(slots=True)
class RolloutRecord:
    """The state of one rollout.

    Attributes:
        rollout_id: Its name.
        salt: Decides which devices come first.
        plan: What was asked for.
        candidate: What is rolled out, as devices are told.
        previous: The stable version that devices go back to; ``None`` if there was none.
        created_unix_s: When it was ordered.
        stages: All stages; the present one is at ``index``.
        state: Where it stands.
        index: Of the present stage.
        started_unix_s: When it began to run; ``None`` before.
        state_since_unix_s: When it came into its state.
        ended_unix_s: When it ended; ``None`` before.
        sentence: Where it stands, for people.
        executions: By device, every device that was ever in a stage.
        returning: Devices of a superseded rollout that wait to be in a stage of this one; they
            are wanted on ``previous``.
        asked: In how many lives of the cloud its end was asked for.
        exposed: Devices that reported to serve the candidate, or whose rows say so.
        history: The last lines of what happened.
    """

    rollout_id: str
    salt: str
    plan: RolloutPlan
    candidate: Target
    previous: Target | None
    created_unix_s: float
    stages: list[StageRecord]
    state: RolloutState = RolloutState.DRAFT
    index: int = 0
    started_unix_s: float | None = None
    state_since_unix_s: float = 0.0
    ended_unix_s: float | None = None
    sentence: str = ""
    executions: dict[str, Execution] = field(default_factory=dict)
    returning: set[str] = field(default_factory=set)
    asked: int = 0
    exposed: set[str] = field(default_factory=set)
    history: list[HistoryLine] = field(default_factory=list)

    @property
    def stage(self) -> StageRecord:
        """The present stage."""
        return self.stages[self.index]

    @property
    def next_stage(self) -> StageRecord | None:
        """The one after the present stage; ``None`` after the last."""
        return self.stages[self.index + 1] if self.index + 1 < len(self.stages) else None

    def note(self, line: HistoryLine) -> None:
        """Add a line to the history; the oldest ones are forgotten, the service keeps them all."""
        self.history.append(line)
        del self.history[:-_KEPT_LINES]

    def to_json(self) -> JsonObject:
        """Return everything, so that a rollout can be resumed in any state."""
        return {
            "rollout_id": self.rollout_id,
            "salt": self.salt,
            "plan": self.plan.to_json(),
            "candidate": self.candidate.to_body(),
            "previous": None if self.previous is None else self.previous.to_body(),
            "created_unix_s": self.created_unix_s,
            "stages": [stage.to_json() for stage in self.stages],
            "state": self.state.value,
            "index": self.index,
            "started_unix_s": self.started_unix_s,
            "state_since_unix_s": self.state_since_unix_s,
            "ended_unix_s": self.ended_unix_s,
            "sentence": self.sentence,
            "executions": {name: one.to_json() for name, one in self.executions.items()},
            "returning": sorted(self.returning),
            "asked": self.asked,
            "exposed": sorted(self.exposed),
            "history": [[line.at_unix_s, line.sentence, line.evidence] for line in self.history],
        }

    @classmethod
    def from_json(cls, state: JsonObject) -> Self:
        """Read what :meth:`to_json` gave.

        Raises:
            MessageError: It is something else.
        """
        reader = Reader(state, "rollout", MessageError)
        plan = RolloutPlan.from_json(reader["plan"])
        kept = reader["stages"].items()
        made = plan.stages()
        if len(kept) != len(made):
            raise reader["stages"].refused(f"the {len(made)} stages that its plan makes")
        previous = reader["previous"]
        try:
            return cls(
                rollout_id=reader["rollout_id"].text(),
                salt=reader["salt"].text(),
                plan=plan,
                candidate=Target.from_body(reader["candidate"]),
                previous=None if previous.is_null else Target.from_body(previous),
                created_unix_s=reader["created_unix_s"].number(),
                stages=[StageRecord.from_json(s, r) for s, r in zip(made, kept, strict=True)],
                state=RolloutState(reader["state"].text()),
                index=reader["index"].integer(low=0, high=len(made) - 1),
                started_unix_s=_optional(reader["started_unix_s"]),
                state_since_unix_s=reader["state_since_unix_s"].number(),
                ended_unix_s=_optional(reader["ended_unix_s"]),
                sentence=reader["sentence"].text(max_length=100_000),
                executions={
                    name: Execution.from_json(item)
                    for name, item in _by_name(reader["executions"]).items()
                },
                returning={item.text() for item in reader["returning"].items()},
                asked=reader["asked"].integer(low=0),
                exposed={item.text() for item in reader["exposed"].items()},
                history=[
                    HistoryLine(
                        item[0].number(), item[1].text(max_length=100_000), item[2].json_object()
                    )
                    for item in reader["history"].items()
                ],
            )
        except ValueError as error:  # an enum of ours does not know the word
            raise reader.refused(f"states that are known here ({error})") from error


def _optional(reader: Reader) -> float | None:
    return None if reader.is_null else reader.number()


def _by_name(reader: Reader) -> dict[str, Reader]:
    return reader.fields(max_length=10_000_000)
