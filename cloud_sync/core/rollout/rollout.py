"""One rollout: takes it from stage to stage, and back.

Sans-IO. Called once in a while with what is known of the devices and where statistics come from; it
moves by its tables and returns what is to be done. Rules that hold whatever happens:

* only a person makes a stage pass that its gates did not pass, and not even they a failed one;
* a failed gate never widens: it pauses or takes everything back, at once;
* a stage that waits too long pauses, it does not pass;
* what is wanted of each device follows from the record alone, so a crash forgets nothing.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cloud_sync.core.facts import DeviceFacts, EvidenceSource
from cloud_sync.core.rollout import sentences
from cloud_sync.core.rollout.advancing import Move, advance
from cloud_sync.core.rollout.base import STRATEGIES
from cloud_sync.core.rollout.effects import (
    Assign,
    Happened,
    RolloutEffect,
    SetStable,
    TryAgain,
)
from cloud_sync.core.rollout.execution_life import ExecutionEvent
from cloud_sync.core.rollout.gates import OnFail
from cloud_sync.core.rollout.going_back import finish_executions, still_away
from cloud_sync.core.rollout.judging import Judgement, judge
from cloud_sync.core.rollout.record import HistoryLine, RolloutRecord
from cloud_sync.core.rollout.reports import sweep, take_reports
from cloud_sync.core.rollout.rollout_life import ENDED, RolloutEvent, RolloutState
from cloud_sync.core.rollout.rollout_life import TRANSITIONS as ROLLOUT_TRANSITIONS
from cloud_sync.core.rollout.scene import Scene
from cloud_sync.core.rollout.stage_life import StageEvent, StageState
from cloud_sync.core.rollout.staging import begin_stage, enlist, note_exposed
from cloud_sync.core.rollout.steering import event_of, steered
from cloud_sync.core.rollout.transitions import moved
from cloud_sync.core.rollout.wanted import wanted_assignments
from edge_contract.messages import Assignment, Target
from edge_contract.reading import JsonObject

__all__ = ["Outsiders", "Rollout"]

_R, _S, _X = RolloutEvent, StageEvent, ExecutionEvent

_JUDGED: Final = frozenset(
    {StageState.DISPATCHING, StageState.SOAKING, StageState.ANALYSING, StageState.INCONCLUSIVE}
)
_LIVES: Final = 10

_ON_FAIL: Final[Mapping[OnFail, RolloutEvent]] = {
    OnFail.PAUSE: _R.PAUSE,
    OnFail.ABORT: _R.ABORT,
    OnFail.ROLL_BACK: _R.ROLL_BACK,
}


@dataclass(frozen=True, slots=True)
class Outsiders:
    """Devices that a rollout tells last, or not at all.

    Attributes:
        boxed: In the penalty box.
        left_out: They cannot run the candidate.
    """

    boxed: frozenset[str] = frozenset()
    left_out: frozenset[str] = frozenset()


class Rollout:
    """The machine around a :class:`RolloutRecord`.

    Args:
        record: Where it stands; owned by this object from now on.
    """

    def __init__(self, record: RolloutRecord) -> None:
        self.record = record
        # Not in the record on purpose: after a restart everything is asked for once more.
        self._told: dict[str, Assignment] = {}
        self._asked = False
        self._looked_unix_s = -math.inf
        self._outsiders = Outsiders()

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.record.state in ENDED

    # Inputs. Each returns the effects to carry out.

    def submit(self, *, by: str, now_unix_s: float) -> list[RolloutEffect]:
        """Begin a new rollout: wait for approval if the plan says so, else for the next tick."""
        self._move(_R.SUBMIT, now_unix_s)
        asks = self.record.plan.approval or self.record.stages[0].needs_approval
        self._move(_R.ASK if asks else _R.SCHEDULE, now_unix_s)
        return [self._note(sentences.ordered(self.record, by), now_unix_s)]

    def tick(
        self,
        now_unix_s: float,
        devices: Mapping[str, DeviceFacts],
        source: EvidenceSource,
        *,
        outsiders: Outsiders | None = None,
    ) -> Sequence[RolloutEffect]:
        """Take in what is known now, decide, and say what is wanted.

        Args:
            now_unix_s: Now.
            devices: All that the rollout is for.
            source: Where statistics come from.
            outsiders: Who comes last or not at all; nobody by default.
        """
        self._outsiders = outsiders or Outsiders()
        if self.ended:
            return []
        said = take_reports(self.record, devices, now_unix_s)
        effects: list[RolloutEffect] = [self._note(text, now_unix_s) for text in said]
        match self.record.state:
            case RolloutState.SCHEDULED if now_unix_s >= self.record.plan.start_at_unix_s:
                self._move(_R.START, now_unix_s)
                self.record.started_unix_s = now_unix_s
                effects += self._run(now_unix_s, devices, source)
            case RolloutState.RUNNING | RolloutState.PAUSED:
                effects += self._run(now_unix_s, devices, source)
            case RolloutState.FINALISING | RolloutState.ABORTING | RolloutState.ROLLING_BACK:
                effects += self._end(now_unix_s, devices, source)
            case _:
                pass
        effects += self._tell()
        return effects

    def steer(self, action: str, *, by: str, now_unix_s: float) -> Sequence[RolloutEffect]:
        """Do what a person wants: pause, resume, retry, abort, rollback or approve.

        Raises:
            UsageError: There is no such action, or it is not possible now.
        """
        event = event_of(self.record, action)
        self._move(event, now_unix_s)
        text, again = steered(self.record, action, event, now_unix_s)
        effects: list[RolloutEffect] = [self._note(f"{by}: {action}{text}", now_unix_s)]
        if again:
            record = self.record
            model, candidate = record.plan.model, record.candidate
            effects.append(TryAgain(record.rollout_id, tuple(again), model, candidate, by))
        return [*effects, *self._tell()]

    def supersede(self, other: str, *, now_unix_s: float) -> list[RolloutEffect]:
        """End in favour of another rollout, which takes over this one's devices.

        Raises:
            InvalidTransitionError: It is about to end by itself; wait for that.
        """
        self._move(_R.SUPERSEDE, now_unix_s)
        for execution in self.record.executions.values():
            if execution.can(_X.SUPERSEDE):
                execution.handle(_X.SUPERSEDE, now_unix_s=now_unix_s)
        self.record.ended_unix_s = now_unix_s
        return [self._note(f"superseded by rollout {other}", now_unix_s)]

    # Running.

    def _run(
        self, now_unix_s: float, devices: Mapping[str, DeviceFacts], source: EvidenceSource
    ) -> list[RolloutEffect]:
        """Judge the present stage and go on to the next one when it has passed."""
        stage = self.record.stage
        running = self.record.state is RolloutState.RUNNING
        if running and stage.state is StageState.PASSED:  # a person overruled its gates
            return self._go_on(now_unix_s, devices)
        effects: list[RolloutEffect] = []
        if running and stage.state is StageState.WAITING:
            begin_stage(self.record, devices, now_unix_s)
            effects.append(self._note(sentences.begun(self.record), now_unix_s))
        if running:
            self._enlist(devices, now_unix_s)
        sweep(self.record, devices, now_unix_s)
        if stage.state not in _JUDGED or not self._look_is_due(now_unix_s):
            return effects
        found = judge(Scene(self.record, devices, source, now_unix_s))
        self._looked_unix_s = now_unix_s  # what could not be seen is looked at again at once
        if found.failed is not None:
            note_exposed(self.record, source, now_unix_s)
            return [*effects, *self._fail(found, now_unix_s)]
        if not running:
            return effects
        effects += self._advance(found, now_unix_s, devices)
        if stage.state is StageState.PASSED:
            note_exposed(self.record, source, now_unix_s)
            effects += self._go_on(now_unix_s, devices)
        return effects

    def _look_is_due(self, now_unix_s: float) -> bool:
        """Looking costs a read of the statistics; too often, they have hardly changed."""
        began = self.record.stage.began_unix_s or now_unix_s
        often_s = max(self.record.stage.stage.bake_s / 60, (now_unix_s - began) / 20)
        return now_unix_s - self._looked_unix_s >= often_s

    def _advance(
        self, found: Judgement, now_unix_s: float, devices: Mapping[str, DeviceFacts]
    ) -> list[RolloutEffect]:
        """Move the stage on as far as its clock and its gates allow, and tell of it."""
        stage = self.record.stage.stage
        match advance(self.record, found, devices, now_unix_s=now_unix_s):
            case Move.DELIVERED:
                text = f"{stage.name}: delivered, soaking for {stage.bake_s:.0f} s"
            case Move.PASSED:
                text = f"{stage.name} passed: {found.sentence()}"
            case Move.GAVE_UP:
                self._move(_R.PAUSE, now_unix_s)
                text = sentences.gave_up(self.record, found)
            case _:
                return []
        return [self._note(text, now_unix_s, found.evidence())]

    def _go_on(self, now_unix_s: float, devices: Mapping[str, DeviceFacts]) -> list[RolloutEffect]:
        """Begin the next stage, or finish after the last one."""
        record = self.record
        if record.index + 1 < len(record.stages):
            record.index += 1
            begin_stage(record, devices, now_unix_s)
            self._enlist(devices, now_unix_s)
            return [self._note(sentences.begun(record), now_unix_s)]
        self._move(_R.FINALISE, now_unix_s)
        return []

    def _fail(self, found: Judgement, now_unix_s: float) -> list[RolloutEffect]:
        record = self.record
        record.stage.handle(_S.FAIL, now_unix_s=now_unix_s)
        event = _ON_FAIL[found.on_fail or OnFail.PAUSE]
        if event is not _R.PAUSE or record.state is RolloutState.RUNNING:
            self._move(event, now_unix_s)
        return [self._note(sentences.failed(record, found), now_unix_s, found.evidence())]

    # Ending.

    @property
    def _promotes(self) -> bool:
        """Whether what is asked for at the end is a new stable version, not the way back."""
        finalising = self.record.state is RolloutState.FINALISING
        return finalising and STRATEGIES[self.record.plan.strategy].promotes

    def _promote(self) -> list[RolloutEffect]:
        if not self._promotes or self.record.plan.target:
            return []
        target = Target(self.record.candidate.version, self.record.candidate.digest)
        return [SetStable(self.record.rollout_id, self.record.plan.model, target)]

    def _end(
        self, now_unix_s: float, devices: Mapping[str, DeviceFacts], source: EvidenceSource
    ) -> list[RolloutEffect]:
        """Finish as soon as what was wanted has come about, or the time for it is up.

        After a restart nobody knows whether the last life carried out what was asked for, so it is
        asked for again, and the end waits for another tick; but not for ever, in case the cloud
        does not live for two.
        """
        record = self.record
        effects: list[RolloutEffect] = []
        if not self._asked:
            self._asked = True
            record.asked += 1
            effects = self._promote()
            if record.asked < _LIVES:
                return effects
        away: Sequence[str] = () if self._promotes else still_away(record, devices)
        if away and now_unix_s - record.state_since_unix_s < record.plan.max_wait_s:
            return effects
        note_exposed(self.record, source, now_unix_s)
        finish_executions(record, devices, now_unix_s)
        self._move(_R.FINISH, now_unix_s)
        text = sentences.ended(record, devices=len(devices), away=away)
        note = self._note(text, now_unix_s, {"exposed": sorted(record.exposed)})
        self.record.ended_unix_s = now_unix_s
        return [*effects, note]

    # Small things.

    def _enlist(self, devices: Mapping[str, DeviceFacts], now_unix_s: float) -> None:
        boxed, left_out = self._outsiders.boxed, self._outsiders.left_out
        enlist(self.record, devices, now_unix_s, boxed=boxed, left_out=left_out)

    def _move(self, event: RolloutEvent, now_unix_s: float) -> None:
        what = f"rollout {self.record.rollout_id!r}"
        self.record.state = moved(ROLLOUT_TRANSITIONS, self.record.state, event, what=what)
        self.record.state_since_unix_s = now_unix_s

    def _note(
        self, sentence: str, now_unix_s: float, evidence: JsonObject | None = None
    ) -> Happened:
        self.record.sentence = sentence
        self.record.note(HistoryLine(now_unix_s, sentence, evidence or {}))
        return Happened(self.record.rollout_id, now_unix_s, sentence, evidence or {})

    def _tell(self) -> list[Assign]:
        """Return every wanted assignment that differs from what was asked for last."""
        wanted = wanted_assignments(self.record)
        changed = [name for name, one in wanted.items() if self._told.get(name) != one]
        self._told |= wanted
        plan = self.record.plan
        return [Assign(self.record.rollout_id, name, plan.model, wanted[name]) for name in changed]
