"""What the API asks about rollouts, and orders."""

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from cloud_sync.backend import (
    ForecastView,
    NotFoundError,
    PreflightView,
    RolloutOrder,
    RolloutView,
)
from cloud_sync.conductor import Conductor
from cloud_sync.core.facts import DeviceFacts, EvidenceSource, PackageFacts
from cloud_sync.core.rollout.preflight import Preflight, examine
from cloud_sync.ports import PackageRepository
from cloud_sync.record_views import rollout_view
from edge_contract.errors import UsageError
from edge_contract.reading import JsonObject

__all__ = ["RolloutAnswers"]

_ACTIONS: Final = ("pause", "resume", "retry", "abort", "rollback", "approve")

_Note: TypeAlias = Callable[[str, str, str, JsonObject], None]
"""Writes down who did what to what, with details."""


@dataclass(frozen=True, slots=True)
class _Versions:
    candidate: PackageFacts
    previous: PackageFacts


class RolloutAnswers:
    """Looks at plans, starts rollouts and steers them, through the conductor.

    Args:
        conductor: Owns the rollouts.
        packages: The registry.
        evidence: Statistics by cohort.
        note: Keeps the record of who did what.
    """

    def __init__(
        self,
        conductor: Conductor,
        packages: PackageRepository,
        evidence: EvidenceSource,
        *,
        note: _Note,
    ) -> None:
        self._conductor = conductor
        self._packages = packages
        self._evidence = evidence
        self._note = note

    def examine(self, order: RolloutOrder) -> PreflightView:
        """Return what would come of a plan.

        Raises:
            NotFoundError: There is no such version.
            UsageError: The plan cannot be carried out at all.
        """
        versions, salt = self._versions(order), secrets.token_hex(8)
        found = self._examined(order, versions, salt)
        obstacles = self._conductor.order(lambda: self._obstacles(order, versions))
        return PreflightView(
            model=order.plan.model,
            version=order.plan.version,
            previous=versions.previous.manifest.version,
            strategy=order.plan.strategy,
            devices=found.devices,
            problems=[*obstacles, *found.problems],
            warnings=list(found.warnings),
            stages=[
                ForecastView(
                    name=one.name,
                    mode=one.mode,
                    devices=one.devices,
                    first=list(one.first),
                    control=one.control,
                    shortest_s=one.shortest_s,
                    sentence=one.sentence,
                    sights=[sight.to_json() for sight in one.sights],
                )
                for one in found.stages
            ],
            plan=order.plan.to_json(),
        )

    def start(self, order: RolloutOrder, *, by: str) -> RolloutView:
        """Begin to roll a version out, if nothing speaks against it or it is forced.

        Raises:
            NotFoundError: There is no such version.
            UsageError: The order cannot be carried out as things stand.
        """
        versions, salt = self._versions(order), secrets.token_hex(8)
        problems = self._examined(order, versions, salt).problems
        if problems and not order.force:
            raise UsageError(
                f"{versions.candidate.manifest.reference} was not rolled out: "
                f"{'; '.join(problems)} (force starts it all the same)"
            )
        rollout_id = f"r{time.strftime('%Y%m%d', time.gmtime())}-{secrets.token_hex(3)}"

        def create() -> None:
            effects = self._conductor.rollouts.create(
                order.plan,
                rollout_id=rollout_id,
                salt=salt,
                candidate=versions.candidate,
                previous=versions.previous,
                by=by,
                now_unix_s=time.time(),
                supersede=order.supersede,
            )
            self._conductor.carry_out_rollout(effects)

        self._conductor.order(create)
        detail: JsonObject = {
            "version": versions.candidate.manifest.reference,
            "problems": list(problems),
            "plan": order.plan.to_json(),
        }
        self._note(by, "rollout.start", rollout_id, detail)
        return self._fresh(rollout_id)

    def all(self) -> Sequence[RolloutView]:
        """Return all rollouts, newest first."""
        found = sorted(
            self._conductor.snapshot.rollouts.values(),
            key=lambda rollout: rollout.started_unix_s,
            reverse=True,
        )
        return [rollout_view(rollout) for rollout in found]

    def one(self, rollout_id: str) -> RolloutView:
        """Return one rollout; ``latest`` names the newest."""
        for view in self.all():
            if rollout_id in ("latest", view.rollout_id):
                return view
        raise NotFoundError(
            "there was no rollout yet"
            if rollout_id == "latest"
            else f"there is no rollout {rollout_id!r}"
        )

    def steer(self, rollout_id: str, action: str, *, by: str) -> RolloutView:
        """Pause, resume, retry, abort, roll back or approve."""
        if action not in _ACTIONS:
            raise NotFoundError(f"action {action!r} is unknown (can: {', '.join(_ACTIONS)})")
        found = self.one(rollout_id).rollout_id

        def steer() -> None:
            effects = self._conductor.rollouts.steer(found, action, by=by, now_unix_s=time.time())
            self._conductor.carry_out_rollout(effects)

        self._conductor.order(steer)
        self._note(by, f"rollout.{action}", found, {})
        return self._fresh(found)

    def _versions(self, order: RolloutOrder) -> _Versions:
        plan = order.plan
        try:
            digest = self._packages.version(plan.model, plan.version).digest
        except UsageError as error:
            raise NotFoundError(str(error)) from error
        stable = self._packages.stable(plan.model)
        return _Versions(self._evidence.package(digest), self._evidence.package(stable.digest))

    def _obstacles(self, order: RolloutOrder, versions: _Versions) -> Sequence[str]:
        return self._conductor.rollouts.obstacles(
            order.plan,
            candidate=versions.candidate,
            previous=versions.previous,
            supersede=order.supersede,
        )

    def _examined(self, order: RolloutOrder, versions: _Versions, salt: str) -> Preflight:
        plan = order.plan
        meant = self._conductor.rollouts.target_test(plan.target)
        facts = self._conductor.snapshot.facts
        mine: dict[str, DeviceFacts] = {
            name: one for name, one in facts.items() if plan.model in one.models and meant(one)
        }
        return examine(
            plan,
            mine,
            self._evidence,
            candidate=versions.candidate,
            previous=versions.previous,
            salt=salt,
            now_unix_s=time.time(),
        )

    def _fresh(self, rollout_id: str) -> RolloutView:
        return rollout_view(
            self._conductor.order(lambda: self._conductor.rollouts.view(rollout_id))
        )
