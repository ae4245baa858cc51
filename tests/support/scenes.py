"""One look at a stage, put together by hand: who is in it and what everybody counted."""

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from cloud_sync.core.facts import CohortStatistics, DeviceFacts, DeviceStatus, PackageFacts
from cloud_sync.core.rollout import Mode, RolloutPlan, StageState
from cloud_sync.core.rollout.execution_life import ExecutionState
from cloud_sync.core.rollout.record import Execution, RolloutRecord, StageRecord
from cloud_sync.core.rollout.rollout_life import RolloutState
from cloud_sync.core.rollout.scene import Scene
from edge_contract.messages import Counters, Target
from edge_contract.package import Role
from edge_contract.stats import Profile
from tests.support.behaviours import FRAGILE, STURDY, Behaviour, package_of, window

__all__ = ["NEW", "OLD", "Ledger", "scene_of"]

STARTED_S = 10_000.0
SOAKING_S = 10_100.0
NOW_S = 10_200.0

OLD = package_of(FRAGILE, "1.0.0", seed=1)
NEW = package_of(STURDY, "1.1.0", seed=2)


@dataclass
class Ledger:
    """What devices counted: (package, role, device, when, counters, profile). An EvidenceSource."""

    packages: Mapping[str, PackageFacts]
    rows: list[tuple[str, str, str, float, Counters, Profile]] = field(default_factory=list)

    def add(
        self,
        package: PackageFacts,
        behaviour: Behaviour,
        devices: Sequence[str],
        *,
        at_s: float = SOAKING_S,
        rows: int = 200,
        failures: int = 0,
        dirty: bool = False,
        seed: int = 1,
    ) -> None:
        """Let each device count so many rows in the primary role."""
        rng = random.Random(seed)
        for device in devices:
            profile = window(package, behaviour, rng, rows=rows, dirty=dirty)
            counters = Counters(rows, rows, failures)
            self.rows.append((package.digest, Role.PRIMARY, device, at_s, counters, profile))

    def put(
        self, package: PackageFacts, role: str, device: str, profile: Profile, *, rows: int
    ) -> None:
        """Let a device count something else."""
        counters = Counters(rows, rows)
        self.rows.append((package.digest, role, device, SOAKING_S, counters, profile))

    def package(self, digest: str) -> PackageFacts:
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
        end_s = float("inf") if until_unix_s is None else until_unix_s
        found = [
            row
            for row in self.rows
            if row[:2] == (digest, role) and (devices is None or row[2] in devices)
        ]
        found = [row for row in found if since_unix_s <= row[3] < end_s]
        counters, profile = Counters(), self.packages[digest].specs[role].empty()
        for row in found:
            counters, profile = counters.plus(row[4]), profile.merged(row[5])
        return CohortStatistics(counters, profile, len({row[2] for row in found}))

    def by_device(
        self,
        digest: str,
        role: str = Role.PRIMARY,
        *,
        since_unix_s: float = 0.0,
        subjects: Collection[str] | None = None,
    ) -> Mapping[str, CohortStatistics]:
        names = sorted({row[2] for row in self.rows if row[:2] == (digest, role)})
        return {
            name: self.cohort(digest, role, devices=frozenset({name}), since_unix_s=since_unix_s)
            for name in names
        }


def scene_of(
    ledger: Ledger,
    *,
    members: Mapping[str, ExecutionState],
    others: Sequence[str] = (),
    mode: Mode = Mode.SERVE,
    away: Sequence[str] = (),
    reboots: Mapping[str, int] | None = None,
    candidate: PackageFacts = NEW,
    previous: PackageFacts | None = OLD,
    index: int | None = None,
) -> Scene:
    """A look at a stage that has soaked for 100 s and asks for 150 rows."""
    plan = RolloutPlan(model="gate", version=candidate.manifest.version, min_rows=150)
    stages = [StageRecord(stage) for stage in plan.stages()]
    at = (0 if mode is Mode.SHADOW else 1) if index is None else index
    stage = stages[at]
    stage.state = StageState.SOAKING
    stage.began_unix_s, stage.soaking_since_unix_s = SOAKING_S - 50, SOAKING_S
    if at:
        stages[at - 1].began_unix_s = STARTED_S
        stages[at - 1].soaking_since_unix_s = STARTED_S
    stage.boots = dict.fromkeys([*members, *others], 1)
    stable = None if previous is None else Target("1.0.0", previous.digest)
    record = RolloutRecord(
        rollout_id="r1",
        salt="s",
        plan=plan,
        candidate=Target(plan.version, candidate.digest, "r1"),
        previous=stable,
        created_unix_s=STARTED_S,
        stages=stages,
        state=RolloutState.RUNNING,
        index=at,
        started_unix_s=STARTED_S,
    )
    record.executions = {
        name: Execution(state, mode, SOAKING_S, at) for name, state in members.items()
    }
    new_boots = reboots or {}
    devices = {
        name: DeviceFacts(
            name,
            DeviceStatus.UNREACHABLE if name in away else DeviceStatus.ONLINE,
            boots=1 + new_boots.get(name, 0),
        )
        for name in [*members, *others]
    }
    return Scene(record, devices, ledger, NOW_S)
