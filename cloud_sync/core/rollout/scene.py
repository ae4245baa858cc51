"""What the gates of a stage are told: the candidate, its control, and both of their pasts.

Statistics are asked for when a gate needs them and then kept for the rest of the look.

The *control* is whoever runs the earlier version under the same circumstances:

* in shadow, the serving version on the same devices: it saw the same rows;
* while a part of the fleet serves the candidate, the other part, in the same time;
* once the whole fleet does, what the earlier version was seen to do on the same devices during
  the stage before; only the devices that are new in this stage are judged then. If there are none,
  it is the time before the rollout. Such a control is not concurrent, and what is concluded from
  it says so.

The *past* is the earlier version on the stage's own devices and on the control's before the
rollout. With it a comparison is a difference of differences: a device whose camera was dirty all
along does not count against the candidate that happened to be tried on it.
"""

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from cloud_sync.core.facts import (
    CohortStatistics,
    DeviceFacts,
    DeviceStatus,
    EvidenceSource,
    PackageFacts,
)
from cloud_sync.core.rollout.base import Mode
from cloud_sync.core.rollout.record import Execution, RolloutRecord, StageRecord
from cloud_sync.core.rollout.strata import Stratum, strata_of
from edge_contract.messages import Counters
from edge_contract.package.reference import Role
from edge_contract.stats import Profile

__all__ = ["ControlKind", "Pair", "Scene"]

Pair: TypeAlias = tuple[CohortStatistics | None, CohortStatistics | None]
"""What candidate and control counted; ``None`` for no row."""


class ControlKind(enum.Enum):
    """Where the control comes from."""

    SAME_ROWS = "the serving version on the same rows"
    CONCURRENT = "the other devices at the same time"
    STAGE_BEFORE = "the earlier version on the same devices during the stage before"
    BEFORE_ROLLOUT = "the earlier version on the same devices before the rollout"
    NONE = "nothing: there was no earlier version"


@dataclass(frozen=True, slots=True)
class _Span:
    since_unix_s: float
    until_unix_s: float | None = None


class Scene:
    """One look at the present stage of a rollout.

    Args:
        record: The rollout.
        devices: The whole fleet.
        source: Where statistics come from.
        now_unix_s: When the look is taken.
    """

    def __init__(
        self,
        record: RolloutRecord,
        devices: Mapping[str, DeviceFacts],
        source: EvidenceSource,
        now_unix_s: float,
    ) -> None:
        self.record = record
        self.devices = devices
        self.now_unix_s = now_unix_s
        self.plan = record.plan
        self.stage: StageRecord = record.stage
        self.mode: Mode = record.stage.stage.mode
        self.members: Mapping[str, Execution] = record.executions
        self.others = frozenset(name for name in devices if name not in record.executions)
        self._source = source
        self._kept: dict[str, CohortStatistics | None] = {}
        self._strata: Sequence[Stratum] | None = None
        self.candidate: PackageFacts = source.package(record.candidate.digest)
        previous = record.previous
        self.previous: PackageFacts | None = (
            None if previous is None else source.package(previous.digest)
        )
        self.control_kind = self._control_kind()

    @property
    def role(self) -> str:
        """In which role the candidate sees rows in this stage."""
        return Role.SHADOW if self.mode is Mode.SHADOW else Role.PRIMARY

    @property
    def concurrent(self) -> bool:
        """Whether the control ran at the same time."""
        return self.control_kind in (ControlKind.SAME_ROWS, ControlKind.CONCURRENT)

    def alpha(self, gate: str, share: float) -> float:
        """Return the part of the rollout's alpha that a gate of this stage may use.

        Args:
            gate: Its name; the plan may give it another share.
            share: Its own share of the stage's alpha.
        """
        share = self.stage.stage.rule(gate).share or share
        return self.plan.alpha * share / len(self.record.stages)

    def min_rows(self, gate: str) -> int:
        """Return how many rows a gate of this stage asks for at least."""
        return self.stage.stage.rule(gate).min_rows or self.stage.stage.min_rows

    def reachable(self) -> list[str]:
        """Return the stage's devices that can be reached now."""
        return [
            name
            for name in self.members
            if name in self.devices and self.devices[name].status is DeviceStatus.ONLINE
        ]

    def reachable_others(self) -> list[str]:
        """Return the devices outside the stage that can be reached now and serve the model."""
        model = self.plan.model
        return [
            name
            for name in self.others
            if self.devices[name].status is DeviceStatus.ONLINE
            and (model in self.devices[name].models or not self.devices[name].models)
        ]

    def now(self) -> CohortStatistics:
        """Return what the devices that are judged counted for the candidate since it soaks."""
        found = self._once("now", lambda: self._cohort(self.candidate, self.role, self._mine()))
        return found or CohortStatistics(Counters(), self._empty(self.candidate, self.role), 0)

    def control(self) -> CohortStatistics | None:
        """Return the control's counts; ``None`` where there is no control or it saw no row."""
        return self._once("control", self._read_control)

    def before(self) -> CohortStatistics | None:
        """Return what the earlier version counted on the stage's devices before the rollout."""
        return self._once("before", lambda: self._past(self._mine()))

    def control_before(self) -> CohortStatistics | None:
        """Return the same of the other devices; ``None`` where they are not the control."""
        if self.control_kind is not ControlKind.CONCURRENT:
            return None
        return self._once("control before", lambda: self._past(self.others))

    @property
    def strata(self) -> Sequence[Stratum]:
        """Parts of both cohorts that are alike; none where there is nothing to tell apart."""
        if self.control_kind is not ControlKind.CONCURRENT:
            return ()
        if self._strata is None:
            self._strata = strata_of(self.members, self.others, self.devices)
        return self._strata

    def pairs(self, role: str = "") -> Sequence[Pair]:
        """Return candidate and control by stratum; of the whole cohorts where there are no strata.

        Args:
            role: Of the rows; the stage's by default, or that of labels.
        """
        if not self.strata:
            if role == Role.LABELS:
                both = self.labels()
                return [both] if both else [(None, None)]
            return [(self.now(), self.control())]
        return [
            (
                self._part(self.candidate, role or self.role, one.mine),
                self._part(self.previous, role or Role.PRIMARY, one.others),
            )
            for one in self.strata
        ]

    def pairs_before(self) -> Sequence[Pair]:
        """Return the past of the stage's devices and of the control's, by stratum."""
        if not self.strata:
            return [(self.before(), self.control_before())]
        return [
            (
                self._part(self.previous, Role.PRIMARY, one.mine, self._before_rollout()),
                self._part(self.previous, Role.PRIMARY, one.others, self._before_rollout()),
            )
            for one in self.strata
        ]

    def by_device(self, role: str) -> tuple[Sequence[CohortStatistics], Sequence[CohortStatistics]]:
        """Return what each device of candidate and control counted; nothing where not concurrent.

        Only rows are in every profile, and truths in those of labels.
        """
        if self.control_kind is not ControlKind.CONCURRENT or self.previous is None:
            return (), ()
        sides = []
        for package, names in ((self.candidate, self.members), (self.previous, self.others)):
            found = self._source.by_device(package.digest, role, since_unix_s=self._since_unix_s)
            sides.append([one for name, one in found.items() if name in names])
        return sides[0], sides[1]

    def labels(self) -> tuple[CohortStatistics, CohortStatistics] | None:
        """Return the truths that arrived for candidate and control, if there are any of both."""
        candidate = self.own_labels()
        control = self._once("control labels", self._read_control_labels)
        return None if candidate is None or control is None else (candidate, control)

    def own_labels(self) -> CohortStatistics | None:
        """Return the truths that arrived for the candidate."""
        return self._once("labels", lambda: self._cohort(self.candidate, Role.LABELS, self._mine()))

    def unjudged(self) -> dict[str, int]:
        """Return rows that were left out of this look so far, by device: the most first.

        No device is more than a third of what its cohort counted. Where a device is left out of
        several sums, of now and of before, the largest number is told.
        """
        found: dict[str, int] = {}
        for one in self._kept.values():
            for name, rows in (one.unjudged if one is not None else {}).items():
                found[name] = max(found.get(name, 0), rows)
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))

    def unbounded(self) -> tuple[str, ...]:
        """Return the sides, ``stage`` and ``control``, on which too few devices count for that."""
        sides = (("stage", self._kept.get("now")), ("control", self._kept.get("control")))
        return tuple(side for side, one in sides if one is not None and not one.is_bounded)

    @property
    def _since_unix_s(self) -> float:
        """From when on rows count: while devices are still being told, from the beginning."""
        began = self.stage.began_unix_s
        soaking = self.stage.soaking_since_unix_s
        return soaking or began or self.now_unix_s

    def _mine(self) -> frozenset[str]:
        """Return the devices that are judged."""
        if self.control_kind is ControlKind.STAGE_BEFORE:
            return self._new_ones()
        return frozenset(self.members)

    def _new_ones(self) -> frozenset[str]:
        """Return the devices that ran the earlier version during the stage before."""
        index = self.record.index
        return frozenset(name for name, one in self.members.items() if one.joined == index)

    def _control_kind(self) -> ControlKind:
        if self.previous is None:
            return ControlKind.NONE
        if self.mode is not Mode.SERVE:
            return ControlKind.SAME_ROWS
        if self.others:
            return ControlKind.CONCURRENT
        if self.record.index and self._new_ones():
            return ControlKind.STAGE_BEFORE
        return ControlKind.BEFORE_ROLLOUT

    def _read_control(self) -> CohortStatistics | None:
        return self._of_control(Role.PRIMARY)

    def _read_control_labels(self) -> CohortStatistics | None:
        return self._of_control(Role.LABELS)

    def _of_control(self, role: str) -> CohortStatistics | None:
        if self.previous is None:
            return None
        match self.control_kind:
            case ControlKind.CONCURRENT:
                return self._cohort(self.previous, role, self.others)
            case ControlKind.STAGE_BEFORE:
                return self._cohort(self.previous, role, self._mine(), self._stage_before())
            case ControlKind.BEFORE_ROLLOUT:
                return self._cohort(self.previous, role, self._mine(), self._before_rollout())
            case _:
                return self._cohort(self.previous, role, self._mine())

    def _past(self, devices: frozenset[str]) -> CohortStatistics | None:
        if self.previous is None:
            return None
        return self._cohort(self.previous, Role.PRIMARY, devices, self._before_rollout())

    def _before_rollout(self) -> _Span:
        started = self.record.started_unix_s or self.now_unix_s
        return _Span(started - self.plan.baseline_s, started)

    def _stage_before(self) -> _Span:
        earlier = self.record.stages[self.record.index - 1]
        since = earlier.soaking_since_unix_s or earlier.began_unix_s or 0.0
        return _Span(since, self.stage.began_unix_s)

    def _cohort(
        self,
        package: PackageFacts,
        role: str,
        devices: frozenset[str],
        span: _Span | None = None,
    ) -> CohortStatistics | None:
        span = span or _Span(self._since_unix_s)
        found = self._source.cohort(
            package.digest,
            role,
            devices=devices,
            since_unix_s=span.since_unix_s,
            until_unix_s=span.until_unix_s,
        )
        return found if any(found.counters) else None

    def _part(
        self,
        package: PackageFacts | None,
        role: str,
        devices: frozenset[str],
        span: _Span | None = None,
    ) -> CohortStatistics | None:
        if package is None:
            return None
        key = f"{package.digest} {role} {hash(devices)} {span}"
        return self._once(key, lambda: self._read_part(package, role, devices, span))

    def _read_part(
        self, package: PackageFacts, role: str, devices: frozenset[str], span: _Span | None
    ) -> CohortStatistics | None:
        """Return a stratum; one of few devices goes without those that are too much of them all."""
        found = self._cohort(package, role, devices, span)
        loud = devices & self.unjudged().keys()
        if found is None or found.is_bounded or not loud:
            return found
        return self._cohort(package, role, devices - loud, span)

    def _once(
        self, what: str, read: Callable[[], CohortStatistics | None]
    ) -> CohortStatistics | None:
        if what not in self._kept:
            self._kept[what] = read()
        return self._kept[what]

    def _empty(self, package: PackageFacts, role: str) -> Profile:
        return package.specs[role].empty()
