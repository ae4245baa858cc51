"""A fleet on a virtual clock: devices that obey assignments, and what they count."""

import json
import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from cloud_sync.core.facts import CohortStatistics, DeviceFacts, DeviceStatus, PackageFacts
from cloud_sync.core.rollout import (
    Assign,
    Happened,
    RolloutController,
    RolloutEffect,
    RolloutPlan,
    SetStable,
    TryAgain,
)
from edge_contract.errors import UsageError
from edge_contract.messages import Assignment, Counters, ModelReport, SlotReport, Target
from edge_contract.package import Role
from edge_contract.stats import Profile
from tests.support.behaviours import Behaviour, shadow_window, window

__all__ = ["Device", "World"]

STEP_S = 2.0
ROWS = 40
POOL = 12
"""So many different windows of each kind are drawn; devices send one of them at random."""

Row = tuple[str, str, str, float, Counters, Profile]


@dataclass
class Device:
    """One device: what it wants to run, what it runs, and how it misbehaves."""

    name: str
    dirty: bool = False
    online: bool = True
    crashes_on: str = ""
    refuses: str = ""
    idle: bool = False
    holds: bool = False
    hosts: str = "gate"
    boots: int = 1
    serving: str = ""
    state: str = ""
    digest: str = ""
    detail: str = ""
    since_s: float = 0.0
    generation: int = 0
    took_up: int = 0
    wanted: Assignment = field(default_factory=Assignment)

    def step(self, now_s: float) -> None:
        """Go one state further towards what is wanted."""
        if not self.online:
            return
        self.took_up = self.generation
        serve, shadow = self.wanted.serve, self.wanted.shadow
        target = serve if serve is not None and serve.digest != self.serving else shadow
        if serve is not None and serve.digest == self.serving and shadow is None:
            self._settle(serve, now_s)
            return
        if target is None:
            return
        if target.digest != self.digest or self.state == "active":
            self._become("bad" if self.digest == target.digest == self.refuses else "downloading")
            self.digest, self.since_s = target.digest, now_s
        elif self.state == "downloading":
            self._become("verifying")
        elif self.state == "verifying":
            refused = target.digest == self.refuses
            self._become("bad" if refused else "ready", "golden vectors differ" if refused else "")
        elif self.state == "ready" and self.holds and target is not self.wanted.shadow:
            self._become("ready", "held by the application")
        elif self.state in ("ready", "shadow"):
            self._run(target, now_s)

    def forget(self, digest: str) -> None:
        """A person lets it try a version again that was bad."""
        if self.digest == digest and self.state == "bad":
            self.digest, self.state = "", ""

    def _run(self, target: Target, now_s: float) -> None:
        if target is self.wanted.shadow:
            self._become("shadow")
        else:
            self._become("trial")
            self.serving, self.since_s = target.digest, now_s

    def _settle(self, serve: Target, now_s: float) -> None:
        if self.digest != serve.digest:
            self.digest, self.state = serve.digest, "active"
        if self.state == "trial" and not self.idle and now_s - self.since_s >= serve.trial_s:
            self._become("active")

    def fall_back(self, digest: str) -> None:
        """The trial fails here: serve the earlier version again."""
        self.serving = digest
        self._become("bad", "5 of 20 calls failed on trial")

    def _become(self, state: str, detail: str = "") -> None:
        self.state, self.detail = state, detail

    def facts(self) -> DeviceFacts:
        waits = self.holds and self.state == "ready"
        slots = (SlotReport("A", self.state, "", self.digest, self.detail, waits),)
        return DeviceFacts(
            name=self.name,
            status=DeviceStatus.ONLINE if self.online else DeviceStatus.UNREACHABLE,
            boots=self.boots,
            desired_generation=self.generation,
            reported_generation=self.took_up,
            models={self.hosts: ModelReport(self.serving, "", slots=slots)},
        )


class World:
    """The fleet, its warehouse, and a controller that can be killed. Implements EvidenceSource."""

    def __init__(
        self,
        behaviours: Mapping[str, tuple[PackageFacts, Behaviour]],
        stable: str,
        *,
        seed: int = 1,
    ) -> None:
        self.now_s = 1000.0
        self.rng = random.Random(seed)
        self.behaviours = behaviours
        self.packages = {package.digest: package for package, _ in behaviours.values()}
        self.by_digest = {package.digest: one for package, one in behaviours.values()}
        self.stable = behaviours[stable][0]
        self.first_stable = self.stable.digest
        self.devices: dict[str, Device] = {}
        self.rows: list[Row] = []
        self.controller = RolloutController()
        self.said: list[Happened] = []
        self.ever_served: dict[str, set[str]] = {}
        self.silent = False
        self._pool: dict[tuple[str, str, bool], list[Profile]] = {}
        self._facts: dict[str, DeviceFacts] = {}

    # The fleet.

    def add(self, name: str, *, dirty: bool = False, online: bool = True) -> Device:
        target = Target(self.stable.manifest.version, self.stable.digest)
        device = Device(name, dirty=dirty, online=online, wanted=Assignment(target))
        device.serving = device.digest = self.stable.digest
        device.state = "active"
        self.devices[name] = device
        return device

    def start(self, plan: RolloutPlan, *, salt: str = "s", supersede: bool = False) -> str:
        rollout_id = f"r{len(self.controller.ids()) + 1}"
        effects = self.controller.create(
            plan,
            rollout_id=rollout_id,
            salt=salt,
            candidate=self.behaviours[plan.version][0],
            previous=self.stable,
            by="ada",
            now_unix_s=self.now_s,
            supersede=supersede,
        )
        self.carry_out(effects)
        return rollout_id

    def step(self, *, kill: str = "") -> Sequence[RolloutEffect]:
        """Let two seconds pass; ``kill`` the cloud before or after it carries its effects out."""
        self.now_s += STEP_S
        for device in self.devices.values():
            device.step(self.now_s)
            self._count(device)
            if device.online and device.state == "trial" and device.crashes_on == device.digest:
                device.fall_back(self.first_stable)  # before it has reported that it serves it
        facts = {name: device.facts() for name, device in self.devices.items()}
        for name, device in self.devices.items():  # an unreachable one's last report stands
            if not device.online and name in self._facts:
                facts[name] = self._facts[name].__class__(
                    name=name,
                    status=DeviceStatus.UNREACHABLE,
                    boots=device.boots,
                    desired_generation=device.generation,
                    reported_generation=self._facts[name].reported_generation,
                    models=self._facts[name].models,
                )
        self._facts = facts
        effects = self.controller.tick(self.now_s, facts, self)
        if kill:
            states = [
                json.loads(json.dumps(self.controller.to_json(key), allow_nan=False))
                for key in self.controller.ids()
            ]
            self.controller = RolloutController(states)
        if kill != "before":
            self.carry_out(effects)
        return effects

    def run(self, *, steps: int, kill: str = "") -> None:
        """Let time pass until no rollout is under way, or for so many steps."""
        for _ in range(steps):
            self.step(kill=kill)
            if not self.controller.active():
                return

    def carry_out(self, effects: Sequence[RolloutEffect]) -> None:
        for effect in effects:
            match effect:
                case Assign(_, name, _, assignment):
                    device = self.devices[name]
                    if device.wanted != assignment:
                        device.wanted = assignment
                        device.generation += 1
                case SetStable(_, _, target):
                    self.stable = self.packages[target.digest]
                    for device in self.devices.values():
                        if device.wanted != Assignment(target):
                            device.wanted = Assignment(target)
                            device.generation += 1
                case TryAgain(_, names, _, target):
                    for name in names:
                        self.devices[name].forget(target.digest)
                case Happened():
                    self.said.append(effect)

    def serving(self, version: str) -> set[str]:
        """Devices that serve a version now."""
        digest = self.behaviours[version][0].digest
        return {name for name, device in self.devices.items() if device.serving == digest}

    def _count(self, device: Device) -> None:
        if not device.serving:
            return
        self.ever_served.setdefault(device.serving, set()).add(device.name)
        if not device.online or device.idle or self.silent:
            return
        self._add(device, device.serving, Role.PRIMARY)
        if device.state == "shadow":
            self._add(device, device.digest, Role.SHADOW)

    def _add(self, device: Device, digest: str, role: str) -> None:
        key = (digest, f"{role} {device.serving}", device.dirty)
        if key not in self._pool:
            self._pool[key] = [self._drawn(device, digest, role) for _ in range(POOL)]
        profile = self.rng.choice(self._pool[key])
        counters = Counters(rows=ROWS, calls=ROWS)
        self.rows.append((digest, role, device.name, self.now_s - STEP_S, counters, profile))

    def _drawn(self, device: Device, digest: str, role: str) -> Profile:
        package, behaviour = self.packages[digest], self.by_digest[digest]
        if role == Role.PRIMARY:
            return window(package, behaviour, self.rng, rows=ROWS, dirty=device.dirty)
        serving = self.by_digest[device.serving]
        return shadow_window(package, behaviour, serving, self.rng, rows=ROWS, dirty=device.dirty)

    # EvidenceSource.

    def package(self, digest: str) -> PackageFacts:
        if digest not in self.packages:
            raise UsageError(f"no package {digest}")
        return self.packages[digest]

    def cohort(
        self,
        digest: str,
        role: str = Role.PRIMARY,
        *,
        devices: frozenset[str] | None = None,
        since_unix_s: float = 0.0,
        until_unix_s: float | None = None,
    ) -> CohortStatistics:
        found = [
            row
            for row in self.rows
            if row[0] == digest
            and row[1] == role
            and (devices is None or row[2] in devices)
            and since_unix_s <= row[3]
            and (until_unix_s is None or row[3] < until_unix_s)
        ]
        counters, profile = Counters(), self.packages[digest].specs[role].empty()
        for row in found:
            counters = counters.plus(row[4])
            profile = profile.merged(row[5])
        return CohortStatistics(counters, profile, len({row[2] for row in found}))

    def by_device(
        self,
        digest: str,
        role: str = Role.PRIMARY,
        *,
        since_unix_s: float = 0.0,
        subjects: Collection[str] | None = None,
    ) -> Mapping[str, CohortStatistics]:
        names = {row[2] for row in self.rows if row[0] == digest and row[1] == role}
        every = {
            name: self.cohort(digest, role, devices=frozenset({name}), since_unix_s=since_unix_s)
            for name in sorted(names)
        }
        return {name: one for name, one in every.items() if one.counters.rows}
