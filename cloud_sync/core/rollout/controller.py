"""The controller: all rollouts of the cloud, at most one running per model."""

from collections.abc import Iterable, Mapping, Sequence

from cloud_sync.core.facts import DeviceFacts, EvidenceSource, PackageFacts
from cloud_sync.core.rollout.base import STRATEGIES
from cloud_sync.core.rollout.crowd import Crowd, Targeting, TargetTest, no_targets
from cloud_sync.core.rollout.effects import Happened, RolloutEffect
from cloud_sync.core.rollout.plan import RolloutPlan
from cloud_sync.core.rollout.record import RolloutRecord, StageRecord
from cloud_sync.core.rollout.rollout import Rollout
from cloud_sync.core.rollout.rollout_life import RolloutState
from cloud_sync.core.rollout.shares import check_shares
from cloud_sync.core.rollout.views import RolloutSummary, summary_of
from edge_contract.errors import EdgeError, UsageError
from edge_contract.messages import Assignment, Target
from edge_contract.reading import JsonObject

__all__ = ["RolloutController"]


class RolloutController:
    """Sans-IO; every method but the questions returns effects to carry out in order.

    Keep :meth:`to_json` of a rollout before, or together with, carrying out its effects: then the
    cloud may be killed at any moment. The first tick after a restart repeats every assignment that
    stands; carrying one out a second time must change nothing.

    Args:
        states: What :meth:`to_json` gave earlier, in any order.
        targeting: Reads the filter of a plan's ``target``; raises ``UsageError`` for one that
            cannot be read. Without it no rollout can have a target.

    Raises:
        MessageError: One of them is no such state.
    """

    def __init__(
        self, states: Iterable[JsonObject] = (), *, targeting: Targeting = no_targets
    ) -> None:
        self._rollouts: dict[str, Rollout] = {}
        for state in states:
            record = RolloutRecord.from_json(state)
            self._rollouts[record.rollout_id] = Rollout(record)
        self._troubles: dict[str, str] = {}
        self._ended_views: dict[str, RolloutSummary] = {}
        self._views: dict[str, RolloutSummary] = {}  # of the others, until something happens
        self._crowd = Crowd(targeting)
        for rollout_id in self.ids():
            self._note_end(self._rollouts[rollout_id])

    # Inputs.

    def create(
        self,
        plan: RolloutPlan,
        *,
        rollout_id: str,
        salt: str,
        candidate: PackageFacts,
        previous: PackageFacts | None,
        by: str,
        now_unix_s: float,
        supersede: bool = False,
    ) -> Sequence[RolloutEffect]:
        """Order a rollout; it starts with the next tick, or when it is approved.

        Args:
            plan: What to do.
            rollout_id: Its name, never used before.
            salt: Decides which devices come first; another one for each rollout.
            candidate: What to roll out.
            previous: The fleet's stable version, ``None`` if the model is new.
            by: Who orders it.
            now_unix_s: Now.
            supersede: Whether it may take the place of a rollout that is under way.

        Raises:
            UsageError: The plan is not about the candidate, the fleet runs it already, the name is
                taken, or another rollout of the model is under way.
        """
        _check(plan, candidate, previous)
        if rollout_id in self._rollouts:
            raise UsageError(f"rollout {rollout_id!r} exists already; choose another name")
        effects: list[RolloutEffect] = []
        taken_over: set[str] = set()
        for other in self._under_way(plan.model):
            if not supersede:
                raise UsageError(_in_the_way(other))
            effects += other.supersede(rollout_id, now_unix_s=now_unix_s)
            self._note_end(other)
            taken_over |= {*other.record.executions, *other.record.returning}
        self._crowd.test_of(plan.target)
        self._views.clear()
        rollout = Rollout(_record(plan, rollout_id, salt, candidate, previous, now_unix_s))
        rollout.record.returning = taken_over
        effects += rollout.submit(by=by, now_unix_s=now_unix_s)
        self._rollouts[rollout_id] = rollout
        return effects

    def tick(
        self, now_unix_s: float, devices: Mapping[str, DeviceFacts], evidence: EvidenceSource
    ) -> Sequence[RolloutEffect]:
        """Look at every rollout that is under way; one that cannot be judged now says why, once.

        Args:
            now_unix_s: Now.
            devices: The fleet; whoever appears later joins the running stage.
            evidence: Where statistics come from.
        """
        effects: list[RolloutEffect] = []
        self._views.clear()
        busy = [one for one in self._rollouts.values() if not one.ended]
        for rollout in busy:
            rollout_id = rollout.record.rollout_id
            try:
                mine = self._crowd.mine(rollout.record, devices)
                outsiders = self._crowd.outsiders(
                    rollout.record,
                    mine,
                    evidence,
                    now_unix_s=now_unix_s,
                    running=[one.record.executions for one in busy],
                )
                effects += rollout.tick(now_unix_s, mine, evidence, outsiders=outsiders)
                self._note_end(rollout)
            except EdgeError as error:  # its evidence is out of reach; the others go on
                text = f"cannot be judged now: {error}"
                if self._troubles.get(rollout_id) != text:
                    effects.append(Happened(rollout_id, now_unix_s, text))
                self._troubles[rollout_id] = text
            else:
                self._troubles.pop(rollout_id, None)
        return effects

    def steer(
        self, rollout_id: str, action: str, *, by: str, now_unix_s: float
    ) -> Sequence[RolloutEffect]:
        """Pause, resume, retry, abort, rollback or approve; see :meth:`Rollout.steer`."""
        self._views.clear()
        return self._find(rollout_id).steer(action, by=by, now_unix_s=now_unix_s)

    def forget(self, rollout_id: str) -> None:
        """Drop a rollout that has ended.

        Raises:
            UsageError: There is none of that name, or it has not ended.
        """
        if not self._find(rollout_id).ended:
            raise UsageError(f"rollout {rollout_id!r} has not ended; abort it first")
        del self._rollouts[rollout_id]
        self._ended_views.pop(rollout_id, None)

    # Questions.

    def obstacles(
        self,
        plan: RolloutPlan,
        *,
        candidate: PackageFacts,
        previous: PackageFacts | None,
        supersede: bool = False,
    ) -> Sequence[str]:
        """Return why :meth:`create` would refuse a plan now; empty if it would not."""
        try:
            _check(plan, candidate, previous)
        except UsageError as error:
            return [str(error)]
        return [] if supersede else [_in_the_way(one) for one in self._under_way(plan.model)]

    def ids(self) -> Sequence[str]:
        """Return all rollouts, oldest first."""
        return sorted(self._rollouts, key=lambda key: self._rollouts[key].record.created_unix_s)

    def active(self) -> Sequence[str]:
        """Return the rollouts that have not ended, oldest first."""
        return [key for key in self.ids() if not self._rollouts[key].ended]

    def to_json(self, rollout_id: str) -> JsonObject:
        """Return everything that is needed to resume a rollout."""
        return self._find(rollout_id).record.to_json()

    def target_test(self, target: str) -> TargetTest:
        """Return the test whether a device is meant; raises ``UsageError`` for an unread filter."""
        return self._crowd.test_of(target)

    def settled(self, model: str) -> Mapping[str, Assignment]:
        """Return what devices keep of a model since a rollout to some devices succeeded.

        It lasts until the model is rolled out to all devices.
        """
        kept: dict[str, Assignment] = {}
        for rollout_id in self.ids():
            record = self._rollouts[rollout_id].record
            if record.plan.model == model and record.state is RolloutState.SUCCEEDED:
                if STRATEGIES[record.plan.strategy].promotes and not record.plan.target:
                    kept.clear()
                elif STRATEGIES[record.plan.strategy].promotes:
                    target = Target(record.candidate.version, record.candidate.digest)
                    kept |= dict.fromkeys(record.executions, Assignment(serve=target))
        return kept

    def view(self, rollout_id: str) -> RolloutSummary:
        """Return a rollout for people."""
        rollout = self._find(rollout_id)
        if not rollout.ended:
            if rollout_id not in self._views:
                self._views[rollout_id] = summary_of(rollout.record)
            return self._views[rollout_id]
        if rollout_id not in self._ended_views:  # it will never be another one
            self._ended_views[rollout_id] = summary_of(rollout.record)
        return self._ended_views[rollout_id]

    def _note_end(self, rollout: Rollout) -> None:
        if rollout.ended:
            self._crowd.note_ended(rollout.record)

    def _find(self, rollout_id: str) -> Rollout:
        if rollout_id not in self._rollouts:
            known = ", ".join(self.ids()[-5:]) or "none"
            raise UsageError(f"there is no rollout {rollout_id!r} (the latest: {known})")
        return self._rollouts[rollout_id]

    def _under_way(self, model: str) -> list[Rollout]:
        return [
            one
            for one in self._rollouts.values()
            if not one.ended and one.record.plan.model == model
        ]


def _in_the_way(other: Rollout) -> str:
    record = other.record
    return (
        f"rollout {record.rollout_id!r} of {record.plan.model} is {record.state.value}: "
        "wait for it, abort it, or supersede it"
    )


def _record(
    plan: RolloutPlan,
    rollout_id: str,
    salt: str,
    candidate: PackageFacts,
    previous: PackageFacts | None,
    now_unix_s: float,
) -> RolloutRecord:
    stable = None
    if previous is not None:
        stable = Target(previous.manifest.version, previous.digest)
    return RolloutRecord(
        rollout_id=rollout_id,
        salt=salt,
        plan=plan,
        candidate=Target(
            plan.version, candidate.digest, rollout_id, plan.trial_calls, plan.trial_s
        ),
        previous=stable,
        created_unix_s=now_unix_s,
        stages=[StageRecord(stage) for stage in plan.stages()],
    )


def _check(plan: RolloutPlan, candidate: PackageFacts, previous: PackageFacts | None) -> None:
    check_shares(plan)
    wanted, given = f"{plan.model}@{plan.version}", candidate.manifest.reference
    if wanted != given:
        raise UsageError(f"plan is about {wanted}, the package is {given}")
    if previous is not None and previous.digest == candidate.digest:
        raise UsageError(f"{given} is what the fleet runs already")
    if previous is not None and previous.manifest.name != plan.model:
        raise UsageError(
            f"{previous.manifest.reference} cannot be the earlier version of {plan.model}"
        )
    if previous is None and plan.strategy != "all-at-once":
        raise UsageError(
            f"{given} is the first version that the fleet runs, there is nothing to compare it "
            "with: use strategy all-at-once"
        )
