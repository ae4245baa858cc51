"""One simulated rollout from order to end, and what there is to say of it."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from benchmarks.rollout_fleet import STEP_S, Faults, SimulatedFleet
from benchmarks.rollout_models import MODEL, Version, package_of
from benchmarks.rollout_rules import FixedRules, Sample
from cloud_sync.core.rollout import RolloutPlan
from cloud_sync.core.rollout.preflight import examine

__all__ = ["Case", "Outcome", "plan_of", "run"]

_STABLE: Final = Version("1.0.0")
_STEPS: Final = 900  # 30 hours


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is simulated.

    Attributes:
        version: The candidate.
        size: Devices.
        shadow: Whether it runs in shadow first.
        detect: Loss that the plan asks to see; its margin is half of it.
        min_rows: Rows, and labels, that gates ask for.
        faults: What goes wrong.
        per_minute: Devices told a minute; 0 for no limit.
        rules: Whether other rules are asked as well.
        seed: Of everything that is drawn.
    """

    version: Version
    size: int = 200
    shadow: bool = True
    detect: float = 0.06
    min_rows: int = 2000
    faults: Faults = field(default_factory=Faults)
    per_minute: float = 0.0
    rules: bool = False
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it.

    Attributes:
        state: The rollout's, at its end.
        hours: From order to end.
        exposed: Devices that served the candidate.
        exposed_device_h: For how long, all together.
        delay_min: From the first device that served it to the verdict; ``None`` without one.
        failed_gate: Which gate failed; empty if none did.
        fired_min: When other rules would have rolled back, from the first device that served it.
        within: Whether no stage ever had more devices than its share.
        promised_min: After how long a loss of ``detect`` should be found with power 0.9, by the
            first stage that serves; ``None`` if it should not.
    """

    state: str
    hours: float
    exposed: int
    exposed_device_h: float
    delay_min: float | None
    failed_gate: str
    fired_min: dict[str, float]
    within: bool
    promised_min: float | None


def plan_of(case: Case) -> RolloutPlan:
    """Return the plan: 10 %, 50 % and all devices, half an hour each."""
    return RolloutPlan(
        model=MODEL,
        version=case.version.number,
        shadow=case.shadow,
        bake_s=1800.0,
        max_wait_s=14_400.0,
        baseline_s=7200.0,
        min_rows=case.min_rows,
        detect=case.detect,
        devices_per_minute=case.per_minute,
        trial_s=60.0,
    )


def run(case: Case) -> Outcome:
    """Simulate it."""
    rng = np.random.default_rng([case.seed, 1])
    packages = {one: package_of(one, rng) for one in (_STABLE, case.version)}
    fleet = SimulatedFleet(case.size, packages, seed=case.seed, faults=case.faults)
    plan = plan_of(case)
    forecast = examine(
        plan,
        fleet.facts,
        fleet,
        candidate=fleet.new,
        previous=fleet.old,
        salt="s",
        now_unix_s=fleet.now_s,
    )
    serving = next(stage for stage in forecast.stages if stage.mode == "serve")
    promised = [s.seconds / 60 for s in serving.sights if s.gate == "labelled" and s.seconds]
    fleet.start(plan)
    rules, first_s, within = FixedRules(), None, True
    for number in range(_STEPS):
        fleet.step(number)
        view = fleet.view
        if first_s is None and view.devices_exposed:
            first_s = fleet.now_s
        stage = next((s for s in view.stages if s.state not in ("passed", "waiting")), None)
        if stage is not None and view.state in ("running", "paused"):
            allowed = np.ceil(stage.fraction * len(fleet.facts)) if stage.name != "shadow" else 0
            within = within and len(view.devices_exposed) <= allowed
        if case.rules and first_s is not None:
            _ask(rules, fleet)
        if view.ended_unix_s is not None or view.state == "paused":
            break
    return _outcome(fleet, rules, first_s, within=within, promised=promised)


def _ask(rules: FixedRules, fleet: SimulatedFleet) -> None:
    """Let other rules look, while a part of the fleet is left to compare with."""
    view = fleet.view
    mine = view.devices_exposed
    others = [name for name in fleet.facts if name not in view.executions]
    if not mine or not others:
        return
    now, since = [], []
    begin_s = fleet.stage_began_s
    for digest, names in ((fleet.new.digest, mine), (fleet.old.digest, others)):
        last = fleet.between(digest, names, fleet.now_s - 1.5 * STEP_S)
        all_ = fleet.between(digest, names, begin_s)
        now.append(Sample(int(last[2]), int(last[3])))
        since.append(Sample(int(all_[2]), int(all_[3])))
    rules.look(fleet.now_s, (now[0], now[1]), (since[0], since[1]))


def _outcome(
    fleet: SimulatedFleet,
    rules: FixedRules,
    first_s: float | None,
    *,
    within: bool,
    promised: list[float],
) -> Outcome:
    view = fleet.view
    failed = next((e for e in view.events if " failed: " in e.sentence), None)
    gate = "" if failed is None else failed.sentence.partition(" failed: ")[0].split(": ")[-1]
    delay = None
    if failed is not None:
        delay = 0.0 if first_s is None else max(failed.at_unix_s - first_s, 0.0) / 60
    return Outcome(
        view.state,
        (fleet.now_s - fleet.started_s) / 3600,
        len(view.devices_exposed),
        fleet.exposed_device_s / 3600,
        delay,
        gate,
        {rule: (at_s - (first_s or at_s)) / 60 for rule, at_s in rules.fired_s.items()},
        within,
        promised[0] if promised else None,
    )
