"""How far one cloud goes: thousands of simulated devices on one machine."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from benchmarks.campaign import Entry, Notebook, Order
from benchmarks.harness import Figure, campaign
from edge_contract.reading import JsonValue, Reader
from edgefleet.simulation.outcome import Outcome
from edgefleet.simulation.scenario import OrderedCommand, OrderedRollout, Scenario
from edgefleet.simulation.simulation import Glance, Simulation, SimulationOptions

__all__ = ["fleet"]

_SIZES: Final = (1_000, 5_000, 10_000)
_TARGETS_S: Final = {1_000: 10.0, 10_000: 120.0}
"""From the start of a rollout until all devices have reported, by number of devices."""

_SETTLES_S: Final = 10.0
"""From when all devices are there until they hear something."""

_BETWEEN_S: Final = 10.0
"""From the command to the rollout, and as many seconds more as there are 500s of devices."""

_VERSION: Final = "2.0.0"


@campaign
def fleet(notebook: Notebook, *, quick: bool, seed: int) -> Sequence[Figure]:
    """Connect, command and update fleets of simulated devices; count every row at the end."""
    orders = [Order(str(devices), seed) for devices in ((100,) if quick else _SIZES)]
    return [figure for entry in notebook.fill(orders, _measured) for figure in _figures(entry)]


def _measured(order: Order) -> Mapping[str, JsonValue]:
    """Measure one size. Devices, cloud and broker share this machine."""
    devices = int(order.name)
    scenario = Scenario(
        devices=devices,
        minutes=5.0 + devices / 500.0,
        seed=order.seed,
        interval_s=60.0,
        connect_over_s=0.0,
        commands=(OrderedCommand(_SETTLES_S, "ping", {}),),
        rollouts=(
            OrderedRollout(
                _SETTLES_S + _BETWEEN_S + devices / 500.0,
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
    use = _Use()
    simulation = Simulation(
        scenario,
        SimulationOptions(ends_when_done=True, waits_for_all=True, drain_s=300.0),
        on_glance=lambda glance: use.look(simulation, glance),
    )
    before_s = _children_s()
    outcome = simulation.run()
    figures = [
        *_times(devices, outcome),
        *use.figures(),
        Figure("processor time of everything", _children_s() - before_s, "s"),
    ]
    return {"figures": [asdict(figure) for figure in figures]}


def _figures(entry: Entry) -> list[Figure]:
    """Return the figures of a size from the notebook."""
    return [
        _figure(f"{int(entry.order.name)} devices: ", item)
        for item in entry.outcome["figures"].items()
    ]


def _figure(prefix: str, item: Reader) -> Figure:
    value, target = item["value"], item["target"]
    return Figure(
        prefix + item["name"].text(),
        None if value.is_null else value.number(),
        item["unit"].text(),
        None if target.is_null else target.number(),
        item["at_most"].flag(),
        item["peer"].text(),
    )


def _times(devices: int, outcome: Outcome) -> list[Figure]:
    arriving, merging = outcome.tally.arriving, outcome.tally.merging
    command, rollout = outcome.commands[0], outcome.rollouts[0]
    has_all = len(rollout.reporting) == devices
    unaccounted = sum(abs(loss.missing) for loss in outcome.losses)
    return [
        Figure("connect storm, the last is up after", arriving.longest_s, "s"),
        Figure("connect storm, half are up after", arriving.quantile_s(0.5), "s"),
        Figure("attempts to connect in vain", outcome.tally.failed_connects, "attempts"),
        Figure("connections lost", outcome.tally.losses, "connections", 0.0),
        Figure("command until all have answered", command.all_after_s, "s"),
        Figure(
            "rollout until all have reported",
            rollout.reporting.longest_s if has_all else None,
            "s",
            _TARGETS_S.get(devices),
            peer="" if has_all else f"{len(rollout.reporting)} have",
        ),
        Figure("rollout until half have", rollout.reporting.quantile_s(0.5), "s"),
        Figure("rollout until the cloud calls it done", rollout.ended_after_s, "s"),
        Figure("end of a window until queryable, p50", merging.quantile_s(0.5), "s"),
        Figure("end of a window until queryable, p95", merging.quantile_s(0.95), "s"),
        Figure("rows observed", outcome.observed_rows, "rows"),
        Figure("rows lost or merged twice", unaccounted, "rows", 0.0),
    ]


class _Use:
    """The most memory that cloud and broker ever took, and the processor time of the cloud."""

    def __init__(self) -> None:
        self._most: dict[str, tuple[float, str]] = {}

    def look(self, simulation: Simulation, _glance: Glance) -> None:
        cloud = simulation.own_cloud
        if cloud is None:
            return
        for name, pid in {
            "the cloud with its collector": cloud.pid,
            "the broker": cloud.broker_pid,
        }.items():
            if pid is not None:
                self._note(f"memory of {name}", _most_memory_mb(pid), "MB")
                self._note(f"processor time of {name}, until rows drain", _processor_s(pid), "s")

    def figures(self) -> list[Figure]:
        return [Figure(name, found, unit) for name, (found, unit) in self._most.items()]

    def _note(self, name: str, found: float | None, unit: str) -> None:
        if found is not None:
            self._most[name] = max(self._most.get(name, (0.0, unit))[0], found), unit


def _most_memory_mb(pid: int) -> float | None:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None  # it has just ended, or this is no Linux
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024.0
    return None


def _processor_s(pid: int) -> float | None:
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None  # it has just ended, or this is no Linux
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def _children_s() -> float:
    """Return the processor time of this process and of all that it started and that have ended."""
    return sum(os.times()[:4])
