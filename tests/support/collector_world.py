"""Collectors as real processes that die, with the broker and the database that do so too.

Devices keep every batch until it is acknowledged, and send it again and again, some of it twice and
in any order. Whatever happens, in the end every row must have been counted once.
"""

import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from cloud_sync.adapters.paho_fleet_link import FleetLinkOptions, PahoFleetLink
from cloud_sync.adapters.postgres_warehouse import PostgresWarehouse
from cloud_sync.core.increments import DeviceRole
from edge_contract.messages.reconnect import Reconnect
from edge_contract.stats import Sketch
from tests.support.brokers import Broker
from tests.support.collector_ground import CollectorGround
from tests.support.keeping_devices import FLEET, VALUES, KeepingDevices
from tests.support.telemetry import DIGITS_ROLE

__all__ = ["FAULTS", "CollectorWorld", "Verdict"]

_NAMES: Final = ("one", "two")
_RESEND_S: Final = 0.7


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a run.

    Attributes:
        sent_rows: Rows that devices counted, by device.
        merged_rows: Rows that the warehouse has, by device.
        sent_values: How often each value of the first feature was observed.
        merged_values: The same out of the windows of the whole fleet.
        device_values: The same out of the windows of single devices.
        batches: Batches merged.
        repeated: Messages that came again after that.
        left: Batches that are not acknowledged.
    """

    sent_rows: Mapping[str, int]
    merged_rows: Mapping[str, int]
    sent_values: Mapping[int, int]
    merged_values: Mapping[int, int]
    device_values: Mapping[int, int]
    batches: int
    repeated: int
    left: int

    @property
    def is_exact(self) -> bool:
        """Whether nothing was lost and nothing doubled."""
        return (
            not self.left
            and self.sent_rows == self.merged_rows
            and self.sent_values == self.merged_values == self.device_values
        )


class CollectorWorld:
    """Two collectors, a broker, a database that is durable, and devices.

    Args:
        folder: For data and logs.
        broker: Not started.
        seed: Decides what happens when.
    """

    def __init__(self, folder: Path, broker: Broker, *, seed: int) -> None:
        self.ground = CollectorGround(folder)
        self.broker = broker
        self.chance = random.Random(seed)
        self.happened: list[str] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Start everything."""
        with ExitStack() as stack:
            stack.callback(self.broker.stop)
            self.broker.start()
            stack.enter_context(self.ground)
            link = PahoFleetLink(
                FleetLinkOptions(
                    url=self.broker.url,
                    client_id="all-devices",
                    subscriptions=(f"ef1/{FLEET}/a/+",),
                ),
                reconnect=Reconnect(min_s=0.05, max_s=0.2),
            )
            self.devices = KeepingDevices(link, self.chance)
            stack.callback(link.close)
            link.start(self.devices)
            for name in _NAMES:
                self.start_collector(name)
            self.ground.wait_until("the collectors are connected", self._all_connected)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End everything."""
        self._stack.close()

    def start_collector(self, name: str) -> None:
        """Start a collector of a name, again or for the first time."""
        words = ("collect", "--lease", "1")
        self.ground.start(name, words, broker=self.broker.url, fleet=FLEET)

    def _all_connected(self) -> bool:
        return all(map(self.ground.is_connected, _NAMES))

    def run(self, faults: int, *, every_s: float) -> None:
        """Let devices send, and something break, until so much is broken."""
        next_send_s = time.monotonic()
        next_fault_s = next_send_s + every_s
        while len(self.happened) < faults:
            now_s = time.monotonic()
            self.devices.observe(time.time())
            if now_s >= next_send_s:
                next_send_s = now_s + _RESEND_S
                self.devices.send()
            if now_s >= next_fault_s:
                name = self.chance.choice(sorted(FAULTS))
                FAULTS[name](self)
                self.happened.append(name)
                next_fault_s = time.monotonic() + every_s * self.chance.uniform(0.5, 1.5)
            time.sleep(0.005)

    def settle(self, within_s: float) -> Verdict:
        """From now on nothing breaks: devices send until nothing is left."""
        for name in _NAMES:
            if name not in self.ground.running or self.ground.running[name].poll() is not None:
                self.start_collector(name)
        deadline_s = time.monotonic() + within_s
        while self.devices.kept and time.monotonic() < deadline_s:
            self.devices.send()
            wait_until_s = time.monotonic() + _RESEND_S
            while self.devices.kept and time.monotonic() < wait_until_s:
                time.sleep(0.02)
        return self._verdict()

    def _verdict(self) -> Verdict:
        with closing(PostgresWarehouse(self.ground.store)) as warehouse:
            tally = warehouse.totals().tally
            everybody = warehouse.cohort(DIGITS_ROLE, self.ground.spec)
            named = frozenset(self.devices.rows)
            single = warehouse.cohort(DIGITS_ROLE, self.ground.spec, devices=named)
            return Verdict(
                sent_rows=dict(self.devices.rows),
                merged_rows={
                    who.device: counters.rows
                    for who, counters in warehouse.device_totals().items()
                    if who == DeviceRole(who.device, DIGITS_ROLE)
                },
                sent_values=dict(self.devices.values),
                merged_values=_values_of(everybody.profile[0]),
                device_values=_values_of(single.profile[0]),
                batches=tally.batches,
                repeated=tally.repeated,
                left=len(self.devices.kept),
            )


def _values_of(column: object) -> dict[int, int]:
    assert isinstance(column, Sketch)
    found = {
        value: column.counts.get(column.spec.code_of(2.0**value), 0) for value in range(VALUES)
    }
    return {value: count for value, count in found.items() if count}


def _kill_a_collector(world: CollectorWorld) -> None:
    name = world.chance.choice(_NAMES)
    if name in world.ground.running:
        world.ground.kill(name)
    else:
        world.start_collector(name)


def _restart_a_collector(world: CollectorWorld) -> None:
    name = world.chance.choice(_NAMES)
    if name in world.ground.running:
        world.ground.kill(name)
    world.start_collector(name)


def _freeze_a_collector(world: CollectorWorld) -> None:
    """It is taken for dead, and wakes up with counts that are another one's by then."""
    name = world.chance.choice(_NAMES)
    process = world.ground.running.get(name)
    if process is None or process.poll() is not None:
        return
    os.kill(process.pid, signal.SIGSTOP)
    threading.Timer(1.6, _thaw, [process]).start()


def _thaw(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        os.kill(process.pid, signal.SIGCONT)


def _kill_the_database(world: CollectorWorld) -> None:
    world.ground.postgres.kill9()
    world.ground.postgres.start()


def _restart_the_database(world: CollectorWorld) -> None:
    world.ground.postgres.stop()
    world.ground.postgres.start()


def _kill_the_broker(world: CollectorWorld) -> None:
    world.broker.kill9()
    world.broker.restart()


FAULTS: Final[Mapping[str, Callable[[CollectorWorld], None]]] = {
    "collector killed, or started": _kill_a_collector,
    "collector killed and started": _restart_a_collector,
    "collector frozen past its lease": _freeze_a_collector,
    "database killed": _kill_the_database,
    "database restarted": _restart_the_database,
    "broker killed": _kill_the_broker,
}
"""What may break, by what people call it."""
