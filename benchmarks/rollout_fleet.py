"""A fleet on a virtual clock under the real rollout machine: thousands of devices, drawn counts.

Every two minutes is a step: devices go on towards what is wanted of them, count a window, report,
and the controller is asked once. Only counts are drawn, in numpy; what is decided, and the
statistics that it is decided from, are the product's own.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.rollout_models import (
    FEATURE_CODES,
    LATENCY_CODES,
    LEVELS,
    MODEL,
    Numbers,
    Version,
    accuracy_of,
    features_of,
    levels_of,
    probabilities_of,
)
from cloud_sync.core.facts import CohortStatistics, DeviceFacts, DeviceStatus, PackageFacts
from cloud_sync.core.rollout import (
    Assign,
    RolloutController,
    RolloutEffect,
    RolloutPlan,
    RolloutSummary,
    SetStable,
)
from edge_contract.errors import UsageError
from edge_contract.messages import Assignment, Counters, ModelReport, SlotReport, Target
from edge_contract.package import LATENCY, PREDICTION, Role, feature_subject
from edge_contract.stats import (
    Agreement,
    AgreementSpec,
    Labels,
    LabelsSpec,
    Moments,
    ProbabilitiesSpec,
    Profile,
    Sketch,
    SketchSpec,
    Statistic,
)

__all__ = ["STEP_S", "Faults", "SimulatedFleet"]

STEP_S: Final = 120.0
_HISTORY: Final = 6  # blocks of the past
_HISTORY_S: Final = 1200.0
_J, _X, _U = len(LEVELS), len(FEATURE_CODES), len(LATENCY_CODES)
_PARTS: Final = np.cumsum([0, 2 * _J, _X, _U, 2, 2, 2])
"""Columns: predictions by class and level, feature, latency, (labels, right), (compared, agreed),
(calls, failures)."""
_DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What goes wrong, besides the version.

    Attributes:
        unreachable: Share of the devices that are away from the beginning on.
        lost_reports: Share of the reports that never arrive.
        joining: Devices that appear at every step.
        kill: Whether the cloud is killed at every step, in turns before and after it acts.
        kill_in: Where the rollout stands, as ``SimulatedFleet.stands`` says it, when the cloud is
            killed at every step; nowhere if it is empty.
    """

    unreachable: float = 0.0
    lost_reports: float = 0.0
    joining: int = 0
    kill: bool = False
    kill_in: str = ""


@dataclass(slots=True)
class _Device:
    """What one device runs and wants to run."""

    serving: str
    slot: str = "active"
    digest: str = ""
    detail: str = ""
    wanted: Assignment = field(default_factory=Assignment)
    since_s: float = 0.0
    generation: int = 0
    took_up: int = 0
    boots: int = 1


class SimulatedFleet:
    """Devices, their counts, and a controller. Implements ``EvidenceSource``.

    Args:
        size: Devices at the beginning.
        packages: Stable version and candidate, with what they are like.
        seed: Of everything that is drawn.
        rows: Of a device in a step, on average; devices differ.
        labelled: Share of the rows whose truth arrives.
        faults: What goes wrong.
    """

    def __init__(
        self,
        size: int,
        packages: Mapping[Version, PackageFacts],
        *,
        seed: int,
        rows: int = 40,
        labelled: float = 0.1,
        faults: Faults | None = None,
    ) -> None:
        self.rng = np.random.default_rng(seed)
        self.faults = faults or Faults()
        self.now_s = 10.0 * _DAY_S
        self.started_s = self.now_s
        self._versions = {package.digest: version for version, package in packages.items()}
        self._packages = {package.digest: package for package in packages.values()}
        self.old, self.new = list(self._packages.values())
        self._rows, self._labelled = rows, labelled
        self._names: list[str] = []
        self._place: dict[str, int] = {}
        self._devices: list[_Device] = []
        self._tough = np.zeros(0)
        self._luck = np.zeros(0)
        self._traffic = np.zeros(0)
        self._slow = np.zeros(0, np.int64)
        self._facts: dict[str, DeviceFacts] = {}
        self._moving: set[int] = set()
        self._away: set[int] = set()
        self._crashing: set[int] = set()
        self._windows: list[float] = []
        self._counts: dict[tuple[str, str], list[NDArray[np.int64]]] = {}
        self.controller = RolloutController()
        self.stable = self.old
        self.exposed_device_s = 0.0
        self.killed = 0
        for _ in range(size):
            self._add()
        self._away = set(
            self.rng.choice(size, int(self.faults.unreachable * size), replace=False).tolist()
        )
        for place in self._away:
            name = self._names[place]
            self._facts[name] = replace(self._facts[name], status=DeviceStatus.UNREACHABLE)
        for block in range(_HISTORY):
            self._count(self.now_s - (_HISTORY - block) * _HISTORY_S, times=_HISTORY_S / STEP_S)

    # Running.

    def start(self, plan: RolloutPlan) -> None:
        """Order the rollout ``r``."""
        self.started_s = self.now_s
        effects = self.controller.create(
            plan,
            rollout_id="r",
            salt=str(int(self.rng.integers(2**40))),
            candidate=self.new,
            previous=self.old,
            by="benchmark",
            now_unix_s=self.now_s,
        )
        self._carry_out(effects)

    def run(self, *, steps: int) -> RolloutSummary:
        """Let time pass until the rollout is over or waits for a person, or for so many steps."""
        for number in range(steps):
            self.step(number)
            if not self.controller.active() or self.view.state == "paused":
                break
        return self.view

    @property
    def view(self) -> RolloutSummary:
        """The rollout."""
        return self.controller.view("r")

    @property
    def stands(self) -> str:
        """Where the rollout stands; while it runs, where its stage does: ``running, soaking``."""
        if "r" not in self.controller.ids():
            return ""
        view = self.view
        if view.state != "running":
            return view.state
        states = [stage.state for stage in view.stages if stage.state not in ("passed", "waiting")]
        return f"running, {states[0] if states else 'between stages'}"

    def serving(self, package: PackageFacts) -> int:
        """Return how many devices that can be reached serve a package."""
        return sum(
            device.serving == package.digest
            for place, device in enumerate(self._devices)
            if place not in self._away
        )

    @property
    def stage_began_s(self) -> float:
        """When the present stage began."""
        begun = [e.at_unix_s for e in self.view.events if " begins, with up to " in e.sentence]
        return begun[-1] if begun else self.now_s

    @property
    def facts(self) -> Mapping[str, DeviceFacts]:
        """What the cloud knows of the devices."""
        return self._facts

    def step(self, number: int = 0) -> None:
        """Let two minutes pass."""
        for _ in range(self.faults.joining):
            self._add()
        self._count(self.now_s)
        self.now_s += STEP_S
        for place in list(self._moving):
            self._move(place)
        before = self.stands
        effects = self.controller.tick(self.now_s, self._facts, self)
        if self.faults.kill or self.faults.kill_in in (before, self.stands):
            states = [json.loads(json.dumps(self.controller.to_json("r"), allow_nan=False))]
            self.controller = RolloutController(states)
            self.killed += 1
            # In turns it is killed before it could act; the next life asks for it again.
            if (number if self.faults.kill else self.killed) % 2:
                return
        self._carry_out(effects)

    def steer(self, action: str) -> None:
        """Do what a person wants with the rollout."""
        effects = self.controller.steer("r", action, by="benchmark", now_unix_s=self.now_s)
        self._carry_out(effects)

    def _carry_out(self, effects: Collection[RolloutEffect]) -> None:
        for effect in effects:
            match effect:
                case Assign(_, name, _, assignment):
                    self._want(self._place[name], assignment)
                case SetStable(_, _, target):
                    self.stable = self._packages[target.digest]
                    for place in range(len(self._names)):
                        self._want(place, Assignment(target))
                case _:
                    pass

    def _want(self, place: int, assignment: Assignment) -> None:
        device = self._devices[place]
        if device.wanted != assignment:
            device.wanted = assignment
            device.generation += 1
            self._moving.add(place)
            self._report(place, always=False)

    # Devices.

    def _add(self) -> None:
        place = len(self._names)
        name = f"cam-{place:05d}"
        machine = "aarch64" if self.rng.random() < 0.7 else "x86_64"
        site = ("oslo", "rome", "lima")[int(self.rng.integers(3))]
        target = Target(self.stable.manifest.version, self.stable.digest)
        device = _Device(self.stable.digest, digest=self.stable.digest, wanted=Assignment(target))
        self._names.append(name)
        self._place[name] = place
        self._devices.append(device)
        tough = 0.15 + 0.05 * self.rng.standard_normal() + 0.1 * (site == "lima")
        self._tough = np.append(self._tough, np.clip(tough, 0.0, 0.6))
        self._luck = np.append(self._luck, 0.02 * self.rng.standard_normal())
        traffic = float(self._rows * np.exp(0.5 * self.rng.standard_normal() - 0.125))
        self._traffic = np.append(self._traffic, traffic)
        self._slow = np.append(self._slow, 12 if machine == "aarch64" else 0)
        if self.rng.random() < self._versions[self.new.digest].crashing:
            self._crashing.add(place)
        self._facts[name] = DeviceFacts(
            name,
            DeviceStatus.ONLINE,
            boots=1,
            models={MODEL: ModelReport(device.serving, "")},
            facts={"machine": machine, "memory_mb": 2048},
            tags={"site": site},
        )

    def _move(self, place: int) -> None:
        """Go one state further, and report."""
        if place in self._away:
            return
        device = self._devices[place]
        device.took_up = device.generation
        serve, shadow = device.wanted.serve, device.wanted.shadow
        if serve is not None and serve.digest != device.serving:
            self._towards(place, device, serve)
        elif shadow is not None:
            if device.digest == shadow.digest and device.slot == "downloading":
                device.slot = "shadow"
            elif device.digest != shadow.digest or device.slot == "active":
                device.digest, device.slot = shadow.digest, "downloading"
        elif device.slot == "trial" and serve is not None:
            if self.now_s - device.since_s >= serve.trial_s:
                device.slot = "active"
        else:
            device.digest, device.slot = device.serving, "active"
        self._report(place, always=True)
        settled = device.slot in ("active", "shadow", "bad")
        aims = shadow if shadow is not None else serve
        if settled and aims is not None and device.digest == aims.digest:
            heard = self._facts[self._names[place]].reported_generation == device.generation
            if (
                heard
                and self._facts[self._names[place]].models[MODEL].slots[0].state == device.slot
            ):
                self._moving.discard(place)

    def _towards(self, place: int, device: _Device, target: Target) -> None:
        if target.digest == self.old.digest:  # it is still in the other slot
            device.serving = device.digest = target.digest
            device.slot = "active"
        elif device.digest == target.digest and device.slot == "bad":
            return
        elif device.digest == target.digest and device.slot in ("downloading", "shadow"):
            if place in self._crashing:
                device.slot, device.detail = "bad", "5 of 20 calls failed on trial"
                self.exposed_device_s += STEP_S
            else:
                device.serving, device.slot, device.since_s = target.digest, "trial", self.now_s
        else:
            device.digest, device.slot = target.digest, "downloading"

    def _report(self, place: int, *, always: bool) -> None:
        name, device = self._names[place], self._devices[place]
        known = self._facts[name]
        lost = place in self._away or self.rng.random() < self.faults.lost_reports
        if not always or lost:
            self._facts[name] = replace(known, desired_generation=device.generation)
            return
        slots = (SlotReport("A", device.slot, "", device.digest, device.detail),)
        self._facts[name] = replace(
            known,
            desired_generation=device.generation,
            reported_generation=device.took_up,
            models={MODEL: ModelReport(device.serving, "", slots=slots)},
        )

    # Counting.

    def _count(self, at_s: float, *, times: float = 1.0) -> None:
        """Let every device count a window that begins at a time."""
        self._windows.append(at_s)
        size = len(self._names)
        serving = np.array([d.serving == self.new.digest for d in self._devices])
        shadowing = np.array([d.slot == "shadow" for d in self._devices])
        self.exposed_device_s += float(serving.sum()) * STEP_S if times == 1.0 else 0.0
        here = np.ones(size, bool)
        here[list(self._away)] = False
        tough = self._tough + 0.08 * np.sin(2.0 * np.pi * at_s / _DAY_S)
        self._put(self.old.digest, Role.PRIMARY, tough, here & ~serving, times)
        self._put(self.new.digest, Role.PRIMARY, tough, here & serving, times)
        self._put(self.new.digest, Role.SHADOW, tough, here & shadowing, times)

    def _put(
        self, digest: str, role: str, tough: Numbers, who: NDArray[np.bool_], times: float
    ) -> None:
        """Draw the window of some devices and add it to the running totals."""
        totals = self._counts.setdefault((digest, role), [])
        while len(totals) < len(self._windows):
            totals.append(totals[-1] if totals else np.zeros((0, _PARTS[-1]), np.int64))
        if not who.any():
            totals.append(totals[-1])
            return
        added = np.zeros((len(who), _PARTS[-1]), np.int64)
        added[: len(totals[-1])] = totals[-1]
        added[who] += self._drawn(
            self._versions[digest], tough, who, times, shadow=role != "primary"
        )
        totals.append(added)

    def _drawn(
        self,
        version: Version,
        tough: Numbers,
        who: NDArray[np.bool_],
        times: float,
        *,
        shadow: bool,
    ) -> NDArray[np.int64]:
        rng = self.rng
        rows = rng.poisson(self._traffic[who] * times)
        levels = levels_of(tough[who], version)
        found = np.zeros((int(who.sum()), _PARTS[-1]), np.int64)
        found[:, : 2 * _J] = rng.multinomial(rows, np.hstack([levels, levels]) / 2.0)
        found[:, _PARTS[5]] = rows
        found[:, _PARTS[5] + 1] = rng.binomial(rows, 0.001 + version.failing)
        if shadow:
            agreeing = np.clip(0.97 - 2.0 * (version.seen + version.hidden), 0.0, 1.0)
            found[:, _PARTS[4]] = rows
            found[:, _PARTS[4] + 1] = rng.binomial(rows, agreeing)
            return found
        found[:, _PARTS[1] : _PARTS[2]] = rng.multinomial(rows, features_of(tough[who]))
        shift = self._slow[who] + round(np.log(version.slower) / np.log(1.09))
        found[:, _PARTS[2] : _PARTS[3]] = _latencies(rng, rows, shift)
        truths = rng.binomial(rows, self._labelled)
        right = np.clip(accuracy_of(levels, version) + self._luck[who], 0.0, 1.0)
        found[:, _PARTS[3]] = truths
        found[:, _PARTS[3] + 1] = rng.binomial(truths, right)
        return found

    # EvidenceSource.

    def package(self, digest: str) -> PackageFacts:
        """Return a package."""
        if digest not in self._packages:
            raise UsageError(f"no package {digest}")
        return self._packages[digest]

    def cohort(
        self,
        digest: str,
        role: str = Role.PRIMARY,
        *,
        devices: frozenset[str] | None = None,
        since_unix_s: float = 0.0,
        until_unix_s: float | None = None,
    ) -> CohortStatistics:
        """Return what devices counted."""
        table = self._table(digest, role, since_unix_s, until_unix_s)
        if devices is not None and len(devices) < len(self._names):
            places = [self._place[name] for name in devices]
            table = table[[place for place in places if place < len(table)]]
        return self._statistics(digest, role, table.sum(axis=0), _busy(table, role))

    def by_device(
        self,
        digest: str,
        role: str = Role.PRIMARY,
        *,
        since_unix_s: float = 0.0,
        subjects: Collection[str] | None = None,
    ) -> Mapping[str, CohortStatistics]:
        """Return the same for each device."""
        table = self._table(digest, role, since_unix_s, None)
        column = _PARTS[3] if role == Role.LABELS else _PARTS[5]
        return {
            self._names[place]: self._statistics(digest, role, table[place], 1)
            for place in np.flatnonzero(table[:, column]).tolist()
        }

    def between(self, digest: str, names: Collection[str], since_s: float) -> NDArray[np.int64]:
        """Return what devices counted since a time: rows, failures, labels and right ones."""
        table = self._table(digest, Role.PRIMARY, since_s, None)
        places = [self._place[name] for name in names if self._place[name] < len(table)]
        sums = table[places].sum(axis=0)
        columns = [_PARTS[5], _PARTS[5] + 1, _PARTS[3], _PARTS[3] + 1]
        return np.asarray(sums[columns])

    def _table(
        self, digest: str, role: str, since_s: float, until_s: float | None
    ) -> NDArray[np.int64]:
        """Return counts by device over the windows that began in a span."""
        totals = self._counts.get((digest, Role.PRIMARY if role == Role.LABELS else role), [])
        if not totals:
            return np.zeros((0, _PARTS[-1]), np.int64)
        first = int(np.searchsorted(self._windows, since_s))
        end = len(self._windows)
        if until_s is not None:
            end = int(np.searchsorted(self._windows, until_s))
        last = totals[min(end, len(totals) - 1)]
        if first >= end:
            return np.zeros_like(last)
        earlier = totals[min(first, len(totals) - 1)]
        found = last.copy()
        found[: len(earlier)] -= earlier
        return found

    def _statistics(
        self, digest: str, role: str, sums: NDArray[np.int64], devices: int
    ) -> CohortStatistics:
        package = self._packages[digest]
        spec = package.specs[role]
        if role == Role.LABELS:
            truths, right = int(sums[_PARTS[3]]), int(sums[_PARTS[3] + 1])
            labels = Labels(LabelsSpec(2), confusion=_dict({0: right, 1: truths - right}))
            return CohortStatistics(Counters(truths), Profile(spec, {0: labels}), devices)
        made: dict[int, Statistic] = {}
        for index, column in enumerate(spec.columns):
            match column.spec:
                case ProbabilitiesSpec() as wanted:
                    counts = sums[: 2 * _J].reshape(2, _J)
                    made[index] = probabilities_of(wanted, counts)
                case SketchSpec() as wanted if column.subject == feature_subject("x"):
                    made[index] = _sketch(wanted, FEATURE_CODES, sums[_PARTS[1] : _PARTS[2]])
                case SketchSpec() as wanted if column.subject == LATENCY:
                    made[index] = _sketch(wanted, LATENCY_CODES, sums[_PARTS[2] : _PARTS[3]])
                case AgreementSpec() as wanted:
                    compared, agreed = int(sums[_PARTS[4]]), int(sums[_PARTS[4] + 1])
                    pairs = _dict({0: agreed, 1: compared - agreed})
                    made[index] = Agreement(wanted, pairs=pairs, gap=Moments(compared))
                case _:
                    raise TypeError(f"{PREDICTION} is counted otherwise: {column}")
        rows, failures = int(sums[_PARTS[5]]), int(sums[_PARTS[5] + 1])
        counters = Counters(rows, rows - failures, failures)
        return CohortStatistics(counters, Profile(spec, made), devices)


def _busy(table: NDArray[np.int64], role: str) -> int:
    column = _PARTS[3] if role == Role.LABELS else _PARTS[5]
    return int((table[:, column] > 0).sum())


def _latencies(
    rng: np.random.Generator, rows: NDArray[np.int64], shift: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return calls by bucket; a device's are spread over ten buckets from its own on."""
    found = np.zeros((len(rows), _U), np.int64)
    spread = 0.5 ** np.arange(10)
    drawn = rng.multinomial(rows, spread / spread.sum())
    for bucket in range(10):
        places = np.minimum(shift + bucket, _U - 1)
        np.add.at(found, (np.arange(len(rows)), places), drawn[:, bucket])
    return found


def _sketch(spec: SketchSpec, codes: list[int], counts: NDArray[np.int64]) -> Sketch:
    merged: dict[int, int] = {}
    for code, count in zip(codes, counts.tolist(), strict=True):
        if count:
            merged[code] = merged.get(code, 0) + count
    return Sketch(spec, counts=merged)


def _dict(counts: Mapping[int, int]) -> dict[int, int]:
    return {key: count for key, count in counts.items() if count}
