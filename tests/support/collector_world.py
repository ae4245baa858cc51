"""Collectors as real processes that die, with the broker and the database that do so too.

Devices keep every batch until it is acknowledged, and send it again and again, some of it twice and
in any order. Whatever happens, in the end every row must have been counted once.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from cloud_sync.adapters.folder_registry import FolderRegistry
from cloud_sync.adapters.paho_fleet_link import FleetLinkOptions, PahoFleetLink
from cloud_sync.adapters.postgres_warehouse import PostgresWarehouse
from cloud_sync.core.increments import DeviceRole
from edge_contract.messages import Acks, BatchId, FleetTopics, decode
from edge_contract.messages.reconnect import Reconnect
from edge_contract.package import Role
from edge_contract.stats import Sketch
from tests.support.brokers import Broker
from tests.support.postgres import PostgresServer
from tests.support.telemetry import (
    DIGITS_ROLE,
    batch_of,
    counting_package,
    facts_of,
    payload_of,
    window_of,
)

__all__ = ["FAULTS", "CollectorWorld", "Verdict"]

_ROOT: Final = Path(__file__).parents[2]
_FLEET: Final = FleetTopics("faulty")
_DEVICES: Final = 40
_RESEND_S: Final = 0.7
_VALUES: Final = 8


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


@dataclass
class _Devices:
    """Devices on one connection: each keeps what the collectors have not acknowledged."""

    link: PahoFleetLink
    chance: random.Random
    kept: dict[BatchId, bytes] = field(default_factory=dict)
    rows: Counter[str] = field(default_factory=Counter)
    values: Counter[int] = field(default_factory=Counter)
    sequence: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def on_connected(self) -> None:
        pass

    def on_disconnected(self, reason: str) -> None:
        pass

    def on_message(self, topic: str, payload: bytes) -> None:
        device = topic.rpartition("/")[2]
        message = decode(payload)
        assert isinstance(message, Acks)
        with self.lock:
            for name in [name for name in self.kept if name.device == device]:
                if any(boot.covers(name) for boot in message.boots):
                    del self.kept[name]

    def observe(self, at_unix_s: float) -> None:
        """One device closes a window."""
        device = f"cam-{self.chance.randrange(_DEVICES)}"
        values = [self.chance.randrange(_VALUES) for _ in range(self.chance.randint(1, 5))]
        seq = self.sequence[device]
        self.sequence[device] += 1
        self.rows[device] += len(values)
        self.values.update(values)
        window = window_of([(2.0**value, 1.0) for value in values], start_unix_s=at_unix_s)
        batch = batch_of(seq, window, device=device)
        with self.lock:
            self.kept[batch.batch_id] = payload_of(batch)

    def send(self) -> None:
        """Send everything that is kept, in any order, a tenth of it twice."""
        with self.lock:
            waiting = list(self.kept.items())
        waiting += self.chance.sample(waiting, len(waiting) // 10)
        self.chance.shuffle(waiting)
        for name, payload in waiting:
            self.link.publish(_FLEET.device(name.device).telemetry, payload)


class CollectorWorld:
    """Two collectors, a broker, a database that is durable, and devices.

    Args:
        folder: For data and logs.
        broker: Not started.
        seed: Decides what happens when.
    """

    def __init__(self, folder: Path, broker: Broker, *, seed: int) -> None:
        self.folder = folder
        self.broker = broker
        self.chance = random.Random(seed)
        self.happened: list[str] = []
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Start everything."""
        with ExitStack() as stack:
            package = counting_package()
            with closing(FolderRegistry(self.folder)) as registry:
                registry.put(package, at_unix_s=1.0)
            self.spec = facts_of(package).specs[Role.PRIMARY]
            self.postgres = PostgresServer(durable=True)
            stack.callback(self.postgres.close)
            self.postgres.start()
            self.store = self.postgres.new_database()
            stack.callback(self.broker.stop)
            self.broker.start()
            link = PahoFleetLink(
                FleetLinkOptions(
                    url=self.broker.url,
                    client_id="all-devices",
                    subscriptions=("ef1/faulty/a/+",),
                ),
                reconnect=Reconnect(min_s=0.05, max_s=0.2),
            )
            self.devices = _Devices(link, self.chance)
            stack.callback(link.close)
            link.start(self.devices)
            for name in ("one", "two"):
                self.start_collector(name)
            stack.callback(self._end_collectors)
            self._wait_for_collectors()
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
        command = [sys.executable, "-m", "edgefleet", "cloud", "collect", "--name", name]
        command += ["--store", self.store, "--broker", self.broker.url, "--fleet", "faulty"]
        command += ["--data", str(self.folder), "--interval", "10", "--lease", "1"]
        with (self.folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                [*command, "--open-enrolment"], cwd=_ROOT, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def _wait_for_collectors(self) -> None:
        deadline_s = time.monotonic() + 30.0
        while not all(
            "connected" in (self.folder / f"{name}.log").read_text() for name in self._running
        ):
            assert time.monotonic() < deadline_s, "the collectors did not start"
            time.sleep(0.02)

    def kill_collector(self, name: str) -> None:
        """End a collector as a crash would; wait for nothing."""
        process = self._running.pop(name)
        process.kill()
        process.wait()

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
        for name in ("one", "two"):
            if name not in self._running or self._running[name].poll() is not None:
                self.start_collector(name)
        deadline_s = time.monotonic() + within_s
        while self.devices.kept and time.monotonic() < deadline_s:
            self.devices.send()
            wait_until_s = time.monotonic() + _RESEND_S
            while self.devices.kept and time.monotonic() < wait_until_s:
                time.sleep(0.02)
        return self._verdict()

    def _verdict(self) -> Verdict:
        with closing(PostgresWarehouse(self.store)) as warehouse:
            tally = warehouse.totals().tally
            everybody = warehouse.cohort(DIGITS_ROLE, self.spec)
            named = frozenset(self.devices.rows)
            single = warehouse.cohort(DIGITS_ROLE, self.spec, devices=named)
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

    def _end_collectors(self) -> None:
        for name in list(self._running):
            self.kill_collector(name)


def _values_of(column: object) -> dict[int, int]:
    assert isinstance(column, Sketch)
    found = {
        value: column.counts.get(column.spec.code_of(2.0**value), 0) for value in range(_VALUES)
    }
    return {value: count for value, count in found.items() if count}


def _kill_a_collector(world: CollectorWorld) -> None:
    name = world.chance.choice(["one", "two"])
    if name in world._running:
        world.kill_collector(name)
    else:
        world.start_collector(name)


def _restart_a_collector(world: CollectorWorld) -> None:
    name = world.chance.choice(["one", "two"])
    if name in world._running:
        world.kill_collector(name)
    world.start_collector(name)


def _freeze_a_collector(world: CollectorWorld) -> None:
    """It is taken for dead, and wakes up with counts that are another one's by then."""
    name = world.chance.choice(["one", "two"])
    process = world._running.get(name)
    if process is None or process.poll() is not None:
        return
    os.kill(process.pid, signal.SIGSTOP)
    threading.Timer(1.6, _thaw, [process]).start()


def _thaw(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        os.kill(process.pid, signal.SIGCONT)


def _kill_the_database(world: CollectorWorld) -> None:
    world.postgres.kill9()
    world.postgres.start()


def _restart_the_database(world: CollectorWorld) -> None:
    world.postgres.stop()
    world.postgres.start()


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
