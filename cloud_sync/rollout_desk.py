"""The rollout desk: lets rollouts look at the fleet, and does what they decide."""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from cloud_sync.core.facts import EvidenceSource
from cloud_sync.core.fleet import Fleet
from cloud_sync.core.fleet_effects import FleetEffect
from cloud_sync.core.records import RolloutRecord
from cloud_sync.core.rollout import (
    Assign,
    Happened,
    RolloutController,
    RolloutEffect,
    SetStable,
)
from cloud_sync.ports import PackageRepository, RolloutStore
from edge_contract.errors import UnavailableError

__all__ = ["RolloutDesk"]

_log = logging.getLogger("edgefleet.cloud")


class RolloutDesk:
    """Saves rollouts and carries out their effects. Used by the conductor's thread.

    Args:
        rollouts: All of them.
        fleet: Whose devices get versions.
        tell: Carries out what the fleet asks for.
        store: Where rollouts are kept.
        packages: The registry.
        evidence: Statistics for gates.
    """

    def __init__(
        self,
        rollouts: RolloutController,
        fleet: Fleet,
        *,
        tell: Callable[[Iterable[FleetEffect]], None],
        store: RolloutStore,
        packages: PackageRepository,
        evidence: EvidenceSource,
    ) -> None:
        self._rollouts = rollouts
        self._fleet = fleet
        self._tell = tell
        self._store = store
        self._packages = packages
        self._evidence = evidence
        self._to_do: deque[RolloutEffect] = deque()
        self._cleared: set[str] = set()

    def tick(self, now_unix_s: float) -> bool:
        """Look at every rollout that is under way; return whether there was one.

        Raises:
            UnavailableError: Something cannot be saved now; it is done at the next tick.
        """
        is_busy = bool(self._rollouts.active() or self._to_do)
        if is_busy:
            self.carry_out(self._rollouts.tick(now_unix_s, self._fleet.facts(), self._evidence))
        self._clear_finished(now_unix_s)
        return is_busy

    def carry_out(self, effects: Sequence[RolloutEffect]) -> None:
        """Save the rollouts as they stand, then do what they ask for.

        A rollout asks for everything once. So what fails stays on the list, in order.

        Raises:
            UnavailableError: Something cannot be saved now; it is done at the next tick.
        """
        self._to_do.extend(effects)
        asking = [effect.rollout_id for effect in self._to_do]
        for rollout_id in dict.fromkeys([*self._rollouts.active(), *asking]):
            summary = self._rollouts.view(rollout_id)
            document = self._rollouts.to_json(rollout_id)
            self._store.save_rollout(
                RolloutRecord(rollout_id, summary.started_unix_s, document),
                executions=summary.executions,
            )
        while self._to_do:
            effect = self._to_do.popleft()
            try:
                self._do(effect)
            except UnavailableError:
                self._to_do.appendleft(effect)
                raise

    def _do(self, effect: RolloutEffect) -> None:
        now_unix_s = time.time()
        match effect:
            case Assign(device=device, model=model, assignment=assignment):
                self._tell(
                    self._fleet.set_assignment(
                        device, model, assignment=assignment, now_unix_s=now_unix_s
                    )
                )
            case SetStable(model=model, target=target):
                self._packages.set_stable(model, target.version)
                self._tell(self._fleet.set_stable(model, target, now_unix_s))
            case Happened(rollout_id=rollout_id, sentence=sentence):
                _log.info("rollout %s: %s", rollout_id, sentence)

    def _clear_finished(self, now_unix_s: float) -> None:
        """Devices of a rollout that is over run the stable version like all others.

        After a restart that holds for every rollout that ever ended: nobody knows how far the last
        life came.
        """
        active = set(self._rollouts.active())
        ended = set(self._rollouts.ids()) - active - self._cleared
        busy = {self._rollouts.view(rollout_id).model for rollout_id in active}
        idle = {self._rollouts.view(rollout_id).model for rollout_id in ended} - busy
        for twin in self._fleet.twins() if idle else ():
            for model in idle & twin.assignments.keys():
                self._tell(
                    self._fleet.set_assignment(
                        twin.name, model, assignment=None, now_unix_s=now_unix_s
                    )
                )
        self._cleared |= ended
