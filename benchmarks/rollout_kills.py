"""The cloud is killed in one state of a rollout, at every look, and started again each time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from benchmarks.rollout_fleet import Faults, SimulatedFleet
from benchmarks.rollout_models import Version, package_of
from benchmarks.rollout_runs import Case, plan_of

__all__ = ["KILLS", "Killed", "run_killed"]

_STABLE: Final = Version("1.0.0")
_STEPS: Final = 400
_LATER_S: Final = 1800.0
_LONG: Final = 4
"""Looks for which a person lets a rollout wait."""
_ROWS_OF_A_LONG_WAIT: Final = 80
"""For each device of the fleet: more than its first stage counts while it soaks."""

KILLS: Final = (
    "awaiting_approval",
    "scheduled",
    "running, dispatching",
    "running, soaking",
    "running, analysing",
    "paused",
    "finalising",
    "aborting",
    "rolling_back",
)
"""Every state that lasts, and while it runs those of its stage; the others are passed at once."""


@dataclass(frozen=True, slots=True)
class Killed:
    """What came of it.

    Attributes:
        times: How often the cloud was killed there.
        state: The rollout's, at its end.
        wanted: The one that it should have.
        right: Devices that serve what they should then.
        devices: All of them.
    """

    times: int
    state: str
    wanted: str
    right: int
    devices: int

    @property
    def is_right(self) -> bool:
        """Whether it was killed there, and everything ended as it would have without."""
        return self.times > 0 and self.state == self.wanted and self.right == self.devices


def run_killed(where: str, *, size: int, min_rows: int, seed: int) -> Killed:
    """Roll a version out to its end, with a person who does what leads to the state."""
    rng = np.random.default_rng([seed, 2])
    bad = Version("1.1.0", failing=0.1) if where == "rolling_back" else Version("1.1.0")
    packages = {one: package_of(one, rng) for one in (_STABLE, bad)}
    fleet = SimulatedFleet(size, packages, seed=seed, faults=Faults(kill_in=where))
    case = Case(version=bad, size=size, min_rows=min_rows, detect=0.0, shadow=False, seed=seed)
    plan = replace(
        plan_of(case),
        approval=where == "awaiting_approval",
        start_at_unix_s=fleet.now_s + _LATER_S if where == "scheduled" else 0.0,
        min_rows=min_rows if where != "running, analysing" else size * _ROWS_OF_A_LONG_WAIT,
    )
    fleet.start(plan)
    stood: list[str] = []
    for number in range(_STEPS):
        fleet.step(number)
        stood.append(fleet.stands)
        _steer(fleet, where, stood)
        if fleet.view.ended_unix_s is not None:
            break
    for number in range(_LONG):  # devices take up what they were told last
        fleet.step(number)
    ends = {"aborting": "aborted", "rolling_back": "rolled_back"}
    wanted = ends.get(where, "succeeded")
    right = fleet.serving(fleet.new if wanted == "succeeded" else fleet.old)
    return Killed(fleet.killed, fleet.view.state, wanted, right, size)


def _steer(fleet: SimulatedFleet, where: str, stood: Sequence[str]) -> None:
    soaking = stood[-1] == "running, soaking" and "running, soaking" not in stood[:-1]
    waits = len(stood) >= _LONG and len(set(stood[-_LONG:])) == 1
    match stood[-1]:
        case "awaiting_approval" if waits:
            fleet.steer("approve")
        case "paused" if waits:
            fleet.steer("resume")
        case _ if soaking and where in ("paused", "aborting"):
            fleet.steer("pause" if where == "paused" else "abort")
