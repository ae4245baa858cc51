"""A whole simulation: processes full of devices, orders to the cloud, and the count in the end."""

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cloud_sync.backend import DeviceView
from edge_contract.errors import UnavailableError, UsageError
from edge_contract.messages.broker_url import parse_broker_url
from edge_contract.names import checked_name
from edgefleet.client import Cloud
from edgefleet.simulation.crowd import BrokerAccess
from edgefleet.simulation.limits import allow_files, check_files, check_ports, processes_for
from edgefleet.simulation.orders import Orders
from edgefleet.simulation.outcome import Outcome
from edgefleet.simulation.own_cloud import FIRST_VERSION, OwnCloud, simulated_package
from edgefleet.simulation.scenario import Scenario
from edgefleet.simulation.surroundings import Rows
from edgefleet.simulation.tally import Tally
from edgefleet.simulation.worker import Part
from edgefleet.simulation.workers import Workers

__all__ = ["Glance", "Simulation", "SimulationOptions"]

_TICK_S: Final = 0.1
_LOOK_S: Final = 0.5
_SETTLE_S: Final = 10.0
_SPAWN_S: Final = 2.0
_SPAWN_EACH_S: Final = 0.002
_PHASES: Final = ("devices are made", "running")
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationOptions:
    """Where a simulation runs.

    Attributes:
        cloud: Address of the cloud's API; empty to start one on this machine.
        token: For the API.
        access: How devices reach the broker; not needed for a cloud of its own.
        prefix: What the devices' names begin with.
        processes: That share the devices; 0 for as many as suit.
        drain_s: How long devices may take in the end to have everything acknowledged.
        store: PostgreSQL database of a cloud of its own; empty for a file.
        ends_when_done: Whether it ends as soon as nothing that was ordered is open.
        waits_for_all: Whether times of orders count from when all devices are connected.
    """

    cloud: str = ""
    token: str = ""
    access: BrokerAccess | None = None
    prefix: str = "sim-"
    processes: int = 0
    drain_s: float = 60.0
    store: str = ""
    ends_when_done: bool = False
    waits_for_all: bool = False

    def __post_init__(self) -> None:
        checked_name(f"{self.prefix}00000", "device")
        if bool(self.cloud) != (self.access is not None):
            raise UsageError(
                "a cloud that is there needs both --cloud for its API and --broker for its "
                "devices; give none of them to start one here"
            )
        if self.cloud and self.store:
            raise UsageError("--store is for a cloud that is started here: leave out --cloud")


@dataclass(frozen=True, slots=True)
class Glance:
    """How far a simulation is.

    Attributes:
        elapsed_s: Since it began; below 0 while devices are being made.
        tally: Of all devices.
        orders: What was ordered so far.
        phase: For people.
    """

    elapsed_s: float
    tally: Tally
    orders: Orders
    phase: str


class Simulation:
    """Runs one scenario.

    Args:
        scenario: What happens.
        options: Where.
        on_glance: Is told how far it is, twice a second.
        leaving: When set, it ends early, in good order.

    Attributes:
        own_cloud: The cloud, if it is one of its own, while :meth:`run` runs.
    """

    def __init__(
        self,
        scenario: Scenario,
        options: SimulationOptions,
        *,
        on_glance: Callable[[Glance], None] = lambda _glance: None,
        leaving: threading.Event | None = None,
    ) -> None:
        self._scenario = scenario
        self._options = options
        self._on_glance = on_glance
        self._leaving = leaving or threading.Event()
        self._processes = processes_for(scenario.devices, options.processes)
        self._looks_at_s = 0.0
        self.own_cloud: OwnCloud | None = None

    def run(self) -> Outcome:
        """Run it to its end, or until somebody ends it.

        Raises:
            UsageError: This machine does not allow so many devices, or the cloud does not have
                what the scenario needs.
            UnavailableError: The cloud cannot be reached, or a process ended.
        """
        options = self._options
        check_files(
            self._scenario.devices, processes=self._processes, with_broker=options.access is None
        )
        host = "127.0.0.1" if options.access is None else parse_broker_url(options.access.url).host
        if host in _LOOPBACK:
            check_ports(self._scenario.devices, host)
        allow_files()
        with ExitStack() as stack:
            name = tempfile.TemporaryDirectory(prefix="edgefleet-simulation-")
            folder = Path(stack.enter_context(name))
            url, access = options.cloud, options.access
            if access is None:
                self.own_cloud = own = stack.enter_context(self._own_cloud(folder / "cloud"))
                url, access = own.url, BrokerAccess(own.broker_url)
            cloud = stack.enter_context(
                Cloud(url, program="simulate", token=options.token, timeout_s=60.0)
            )
            return self._run(folder, cloud, access)

    def _run(self, folder: Path, cloud: Cloud, access: BrokerAccess) -> Outcome:
        scenario, options = self._scenario, self._options
        self._require_model(cloud)
        names = [f"{options.prefix}{number:05d}" for number in range(scenario.devices)]
        known = {} if self.own_cloud else _views(cloud, set(names))
        before = {name: view.rows_merged for name, view in known.items()}
        alarms_before = {alarm.alarm_id for alarm in cloud.alarms(model=scenario.model)}
        orders = Orders(scenario, cloud, [] if self.own_cloud else names)
        made_s = _SPAWN_S + _SPAWN_EACH_S * scenario.devices / self._processes
        began_unix_s = time.time() + made_s
        with _workers(self._parts(folder, access, began_unix_s), orders) as workers:
            self._watch(workers, orders, began_unix_s)
            seconds, was_stopped = max(time.time() - began_unix_s, 0.0), self._leaving.is_set()
            self._glance(workers, orders, seconds, "devices send what they have")
            rows = workers.leave()
            tally = workers.tally
        orders.explain()
        merged, seen_serving = self._settled(cloud, rows, before)
        alarms = [
            alarm.sentence
            for alarm in cloud.alarms(model=scenario.model)
            if alarm.alarm_id not in alarms_before
        ]
        return Outcome(
            seconds=seconds,
            tally=tally,
            rows=rows,
            merged=merged,
            seen_serving=seen_serving,
            commands=orders.commands,
            rollouts=orders.rollouts,
            alarms=alarms,
            was_stopped=was_stopped,
        )

    def _watch(self, workers: Workers, orders: Orders, began_unix_s: float) -> None:
        """Give orders until the time is over, or somebody ends it."""
        all_here_s = None if self._options.waits_for_all else 0.0
        while not self._leaving.wait(_TICK_S):
            elapsed_s = time.time() - began_unix_s
            if elapsed_s >= self._scenario.lasts_s:
                return
            workers.check()
            if all_here_s is None and workers.tally.connected == self._scenario.devices:
                all_here_s = elapsed_s
            if all_here_s is not None:
                orders.tick(elapsed_s - all_here_s)
            if self._options.ends_when_done and orders.are_done:
                return
            if time.monotonic() >= self._looks_at_s:
                self._looks_at_s = time.monotonic() + _LOOK_S
                self._glance(workers, orders, elapsed_s, _PHASES[elapsed_s >= 0])

    def _glance(self, workers: Workers, orders: Orders, elapsed_s: float, phase: str) -> None:
        self._on_glance(Glance(elapsed_s, workers.tally, orders, phase))

    def _parts(self, folder: Path, access: BrokerAccess, began_unix_s: float) -> list[Part]:
        devices, count = self._scenario.devices, self._processes
        ends = [devices * number // count for number in range(count + 1)]
        return [
            Part(
                self._scenario,
                range(ends[number], ends[number + 1]),
                access,
                self._options.prefix,
                folder / f"packages-{number}",
                began_unix_s,
                self._options.drain_s,
            )
            for number in range(count)
        ]

    @contextmanager
    def _own_cloud(self, folder: Path) -> Iterator[OwnCloud]:
        scenario = self._scenario
        versions = dict.fromkeys(
            [FIRST_VERSION, *(str(one.order["version"]) for one in scenario.rollouts)]
        )
        packages = [
            simulated_package(
                scenario.model, version, features=scenario.features, seed=scenario.seed
            )
            for version in versions
        ]
        store = self._options.store
        try:
            with OwnCloud(folder, interval_s=scenario.interval_s, store=store) as cloud:
                cloud.push(packages)
                yield cloud
        finally:
            self.own_cloud = None

    def _require_model(self, cloud: Cloud) -> None:
        models = {model.name: model for model in cloud.models()}
        model = models.get(self._scenario.model)
        if model is None:
            raise UsageError(
                f"the cloud at {cloud.url} has no model {self._scenario.model!r}; it has "
                f"{', '.join(sorted(models)) or 'none'}: name one of them as model in [fleet]"
            )
        for order in self._scenario.rollouts:
            version = str(order.order["version"])
            if version not in model.versions:
                raise UsageError(
                    f"the cloud at {cloud.url} has no version {version!r} of {model.name}; it has "
                    f"{', '.join(model.versions)}: push it first"
                )

    def _settled(
        self, cloud: Cloud, rows: dict[str, Rows], before: dict[str, int]
    ) -> tuple[dict[str, int], dict[str, str]]:
        """Return what was merged in this time and what serves, by device, as the cloud sees it.

        It looks again until both are as on the devices, for a while.
        """
        ends_s = time.monotonic() + _SETTLE_S
        while True:
            views = _views(cloud, set(rows))
            merged = {
                name: (views[name].rows_merged if name in views else 0) - before.get(name, 0)
                for name in rows
            }
            serving = {name: _serving(view, self._scenario.model) for name, view in views.items()}
            adds_up = all(
                merged[name] == found.observed - found.lost
                and serving.get(name, "") == found.serving
                for name, found in rows.items()
            )
            if adds_up or time.monotonic() >= ends_s:
                return merged, serving
            time.sleep(_LOOK_S)


@contextmanager
def _workers(parts: list[Part], orders: Orders) -> Iterator[Workers]:
    workers = Workers(parts, on_served=orders.on_served)
    try:
        yield workers
    finally:
        workers.kill()


def _views(cloud: Cloud, names: set[str]) -> dict[str, DeviceView]:
    try:
        return {view.name: view for view in cloud.devices() if view.name in names}
    except UnavailableError as error:
        raise UnavailableError(f"cannot count what the cloud has merged: {error}") from error


def _serving(view: DeviceView, model: str) -> str:
    match view.models.get(model):
        case {"serving": str(digest)}:
            return digest
    return ""
