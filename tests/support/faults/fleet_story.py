"""Whole fleets while cloud, broker and agents are killed: are all rows there, all promises kept?"""

import contextlib
import math
import os
import random
import signal
import threading
import time
from dataclasses import dataclass, field
from typing import Final

from edgefleet.simulation.outcome import Outcome
from edgefleet.simulation.own_cloud import OwnCloud
from edgefleet.simulation.scenario import (
    Away,
    ClockSkew,
    Flapping,
    OrderedRollout,
    Scenario,
    Selection,
    Slow,
    Span,
    VersionManner,
)
from edgefleet.simulation.simulation import Glance, Simulation, SimulationOptions
from tests.support.faults.world import Scene, Told, story

__all__: list[str] = []

_DEVICES: Final = 32
_LASTS_S: Final = 25.0
_COHORT: Final = 0.25
_GOOD, _BAD = "2.0.0", "3.0.0"
_KINDS: Final = ("cloud killed", "broker killed", "cloud frozen", "broker frozen")


@story("fleet with a canary, cloud and broker killed and frozen")
def _good_version(scene: Scene) -> Told:
    return _fleet_lived(scene, is_bad=False)


@story("fleet with a bad version, cloud and broker killed and frozen")
def _bad_version(scene: Scene) -> Told:
    return _fleet_lived(scene, is_bad=True)


def _fleet_lived(scene: Scene, *, is_bad: bool) -> Told:
    outcome, villain = _lived(scene.chance.randrange(10**6), is_bad=is_bad)
    return Told(
        [*villain.happened, *["agent killed"] * outcome.tally.restarts],
        outcome.observed_rows,
        outcome.merged_rows,
        _violations(outcome, is_bad=is_bad),
    )


_PROMISES: Final = (
    "a row was lost or merged twice",
    "the cloud believed something wrong of a device",
    "a bad version left its cohort",
    "a good version did not reach every device",
)


def _violations(outcome: Outcome, *, is_bad: bool) -> list[str]:
    """Return which promises were broken, each with what was found."""
    lost, misjudged, left_cohort, missed = _PROMISES
    found: list[str] = []
    if outcome.losses:
        found.append(f"{lost}: {outcome.losses[0]}")
    if outcome.misjudged:
        found.append(f"{misjudged}: {', '.join(outcome.misjudged[:5])}")
    for run in outcome.rollouts:
        reached = [name for name, rows in outcome.rows.items() if run.digest in rows.served]
        if is_bad and len(reached) > math.ceil(_COHORT * _DEVICES):
            found.append(f"{left_cohort}: it served on {len(reached)} of {_DEVICES}")
        if not is_bad and run.state == "succeeded" and len(reached) < _DEVICES:
            found.append(f"{missed}: it is called a success with {len(reached)} of {_DEVICES}")
    return found


def _lived(seed: int, *, is_bad: bool) -> tuple[Outcome, "_Villain"]:
    """Let one fleet live through what the seed decides."""
    villain = _Villain(random.Random(seed))

    def on_glance(glance: Glance) -> None:
        villain.see(simulation.own_cloud, glance)

    simulation = Simulation(
        _scenario(seed, is_bad=is_bad), SimulationOptions(drain_s=90.0), on_glance=on_glance
    )
    try:
        outcome = simulation.run()
    finally:
        villain.rest()
    return outcome, villain


def _scenario(seed: int, *, is_bad: bool) -> Scenario:
    chance = random.Random(seed)
    version = _BAD if is_bad else _GOOD
    steps: list[float] = [_COHORT, 1.0]
    return Scenario(
        devices=_DEVICES,
        minutes=_LASTS_S / 60.0,
        seed=seed,
        features=5,
        interval_s=1.0,
        rows_per_s=20.0,
        connect_over_s=chance.choice((0.0, 3.0)),
        flapping=(Flapping(Selection("flap", share=0.2), Span(2.0, 25.0), up_s=4.0, down_s=1.0),),
        away=(
            Away(Selection("kill", share=0.3), chance.uniform(4.0, 24.0), 0.5, restarts=True),
            Away(Selection("storm"), chance.uniform(4.0, 24.0), 0.0, restarts=False),
        ),
        clocks=(
            ClockSkew(Selection("ahead", share=0.1), 86_400.0 * chance.uniform(0.1, 400.0)),
            ClockSkew(Selection("behind", share=0.1), -86_400.0 * chance.uniform(0.1, 400.0)),
        ),
        slow=(Slow(Selection("slow", share=0.1), reaction_s=1.0, load_s=2.0, latency=2.0),),
        versions={_BAD: VersionManner(_BAD, failing=0.5)},
        rollouts=(
            OrderedRollout(
                5.0,
                {
                    "version": version,
                    "strategy": "canary",
                    "steps": steps,
                    "shadow": False,
                    "bake_s": 2.0,
                    "min_rows": 50,
                    "trial_calls": 10,
                    "force": True,
                },
                "",
            ),
        ),
    )


@dataclass
class _Villain:
    """Kills and freezes at moments that the seed decides, on a thread of its own.

    Attributes:
        happened: What it did.
    """

    chance: random.Random
    happened: list[str] = field(default_factory=list)
    _thread: threading.Thread | None = None
    _ends: threading.Event = field(default_factory=threading.Event)

    def see(self, cloud: OwnCloud | None, glance: Glance) -> None:
        """Begin as soon as the fleet lives; rest when devices are about to leave."""
        if self._thread is None and cloud is not None and glance.elapsed_s > 2.0:
            self._thread = threading.Thread(target=self._act, args=(cloud,), daemon=True)
            self._thread.start()
        if glance.elapsed_s > _LASTS_S - 3.0:
            self._ends.set()

    def rest(self) -> None:
        """Do nothing more, and leave nothing frozen or dead."""
        self._ends.set()
        if self._thread is not None:
            self._thread.join()

    def _act(self, cloud: OwnCloud) -> None:
        while not self._ends.wait(self.chance.uniform(1.5, 6.0)):
            kind = self.chance.choice(_KINDS)
            pid = cloud.pid if kind.startswith("cloud") else cloud.broker_pid
            if pid is None:
                continue
            self.happened.append(kind)
            with contextlib.suppress(ProcessLookupError):  # its parent has just ended it
                self._do(cloud, kind, pid)

    def _do(self, cloud: OwnCloud, kind: str, pid: int) -> None:
        match kind:
            case "cloud killed":
                cloud.kill()
                time.sleep(self.chance.uniform(0.0, 1.0))
                cloud.start_again()
            case "broker killed":
                os.kill(pid, signal.SIGKILL)
            case _:
                os.kill(pid, signal.SIGSTOP)
                time.sleep(self.chance.uniform(0.2, 3.0))
                os.kill(pid, signal.SIGCONT)
