"""How far one cloud goes: thousands of simulated devices on one machine."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.harness import Figure, benchmark
from edgefleet.simulation.outcome import Outcome
from edgefleet.simulation.scenario import OrderedCommand, OrderedRollout, Scenario
from edgefleet.simulation.simulation import Glance, Simulation, SimulationOptions

__all__ = ["fleet"]

_SIZES: Final = (1_000, 5_000, 10_000)
_TARGETS_S: Final = {1_000: 10.0, 10_000: 120.0}
"""From the start of a rollout until all devices have reported, by number of devices."""

_SETTLES_S: Final = 10.0
"""From when all devices are there until they hear something."""

_VERSION: Final = "2.0.0"


@benchmark
def fleet(*, quick: bool, seed: int) -> Sequence[Figure]:
    """Connect, command and update fleets of simulated devices; count every row at the end."""
    figures: list[Figure] = []
    for devices in (100,) if quick else _SIZES:
        figures += _measured(devices, seed)
    return figures


def _measured(devices: int, seed: int) -> list[Figure]:
    """Measure one size. Devices, cloud and broker share this machine."""
    scenario = Scenario(
        devices=devices,
        minutes=5.0 + devices / 500.0,
        seed=seed,
        interval_s=60.0,
        connect_over_s=0.0,
        commands=(OrderedCommand(_SETTLES_S, "ping", {}),),
        rollouts=(
            OrderedRollout(
                _SETTLES_S + 10.0 + devices / 500.0,
                {
                    "version": _VERSION,
                    "strategy": "all-at-once",
                    "bake_s": 1.0,
                    "min_rows": 1,
                    "trial_calls": 1,
                },
                "succeeded",
            ),
        ),
    )
    memory = _Memory()
    simulation = Simulation(
        scenario,
        SimulationOptions(ends_when_done=True, waits_for_all=True, drain_s=180.0),
        on_glance=lambda glance: memory.look(simulation, glance),
    )
    outcome = simulation.run()
    return [*_figures(devices, outcome), *memory.figures(devices)]


def _figures(devices: int, outcome: Outcome) -> list[Figure]:
    name = f"{devices} devices: "
    arriving, merging = outcome.tally.arriving, outcome.tally.merging
    command, rollout = outcome.commands[0], outcome.rollouts[0]
    has_all = len(rollout.reporting) == devices
    unaccounted = sum(abs(loss.missing) for loss in outcome.losses)
    return [
        Figure(name + "connect storm, the last is up after", arriving.longest_s, "s"),
        Figure(name + "connect storm, half are up after", arriving.quantile_s(0.5), "s"),
        Figure(name + "attempts to connect in vain", outcome.tally.failed_connects, "attempts"),
        Figure(name + "command until all have answered", command.all_after_s, "s"),
        Figure(
            name + "rollout until all have reported",
            rollout.reporting.longest_s if has_all else None,
            "s",
            _TARGETS_S.get(devices),
            peer="" if has_all else f"{len(rollout.reporting)} have",
        ),
        Figure(name + "rollout until half have", rollout.reporting.quantile_s(0.5), "s"),
        Figure(name + "rollout until the cloud calls it done", rollout.ended_after_s, "s"),
        Figure(name + "end of a window until queryable, p50", merging.quantile_s(0.5), "s"),
        Figure(name + "end of a window until queryable, p95", merging.quantile_s(0.95), "s"),
        Figure(name + "rows observed", outcome.observed_rows, "rows"),
        Figure(name + "rows lost or merged twice", unaccounted, "rows", 0.0),
    ]


class _Memory:
    """The most memory that cloud and broker ever took."""

    def __init__(self) -> None:
        self._most: dict[str, float] = {}

    def look(self, simulation: Simulation, _glance: Glance) -> None:
        cloud = simulation.own_cloud
        if cloud is None:
            return
        for name, pid in {
            "memory of the cloud with its collector": cloud.pid,
            "memory of the broker": cloud.broker_pid,
        }.items():
            if pid is not None and (found := _most_memory_mb(pid)) is not None:
                self._most[name] = max(self._most.get(name, 0.0), found)

    def figures(self, devices: int) -> list[Figure]:
        return [Figure(f"{devices} devices: {name}", mb, "MB") for name, mb in self._most.items()]


def _most_memory_mb(pid: int) -> float | None:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None  # it has just ended, or this is no Linux
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024.0
    return None
