"""The rollout desk: lets rollouts look at the fleet, and does what they decide."""

import logging
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from cloud_sync.core.facts import EvidenceSource
from cloud_sync.core.fleet import Fleet
from cloud_sync.core.fleet_effects import FleetEffect
from cloud_sync.core.records import CommandRecord, RolloutRecord
from cloud_sync.core.rollout import (
    Assign,
    Happened,
    RolloutController,
    RolloutEffect,
    SetStable,
    TryAgain,
)
from cloud_sync.ports import PackageRepository, RolloutStore
from edge_contract.errors import UnavailableError
from edge_contract.messages import Command
from edge_contract.reading import JsonObject

__all__ = ["RolloutDesk"]

_TRY_AGAIN_S: Final = 7 * 86_400.0
"""So long a device that is away may take to hear that it shall try again."""

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
        self._saved: dict[str, tuple[JsonObject, Mapping[str, str]]] = {}

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
            self._save(rollout_id)
        while self._to_do:
            effect = self._to_do.popleft()
            try:
                self._do(effect)
            except UnavailableError:
                self._to_do.appendleft(effect)
                raise

    def _save(self, rollout_id: str) -> None:
        """Save what has changed of a rollout since it was saved last; most looks change nothing."""
        summary, document = self._rollouts.view(rollout_id), self._rollouts.to_json(rollout_id)
        saved, executions = self._saved.get(rollout_id, ({}, {}))
        if saved == document:
            return
        changed = {
            name: state
            for name, state in summary.executions.items()
            if executions.get(name) != state
        }
        record = RolloutRecord(rollout_id, summary.started_unix_s, document)
        self._store.save_rollout(record, executions=changed)
        self._saved[rollout_id] = (document, summary.executions)

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
            case TryAgain(devices=devices, model=model, by=by):
                self._let_forget(devices, model, by=by)
            case Happened(rollout_id=rollout_id, sentence=sentence):
                _log.info("rollout %s: %s", rollout_id, sentence)

    def _let_forget(self, devices: Sequence[str], model: str, *, by: str) -> None:
        """Tell devices to try again what failed on them."""
        now_unix_s = time.time()
        known = tuple(name for name in devices if self._fleet.knows(name))
        if known:
            command = Command(
                f"c{secrets.token_hex(8)}", "clear-bad", now_unix_s + _TRY_AGAIN_S, {"model": model}
            )
            record = CommandRecord(command, known, now_unix_s, by)
            self._tell(self._fleet.send(record, now_unix_s))

    def _clear_finished(self, now_unix_s: float) -> None:
        """Devices of a rollout that is over run the stable version like all others.

        Those that a rollout was aimed at, and brought a version to, keep that one. After a restart
        this holds for every rollout that ever ended: nobody knows how far the last life came.
        """
        active = set(self._rollouts.active())
        ended = set(self._rollouts.ids()) - active - self._cleared
        busy = {self._rollouts.view(rollout_id).model for rollout_id in active}
        idle = {self._rollouts.view(rollout_id).model for rollout_id in ended} - busy
        kept = {model: self._rollouts.settled(model) for model in idle}
        for twin in self._fleet.twins() if idle else ():
            for model in idle:
                wanted = kept[model].get(twin.name)
                if wanted != twin.assignments.get(model):
                    self._tell(
                        self._fleet.set_assignment(
                            twin.name, model, assignment=wanted, now_unix_s=now_unix_s
                        )
                    )
        self._cleared |= ended
