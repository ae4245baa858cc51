"""One cell as it is laid out in the docs: a NATS cluster, two collectors, PostgreSQL, and devices.

Each device has a connection of its own, knows all servers, and keeps every batch until it is
acknowledged. Whatever is killed, in the end every row must have been counted once.
"""

import random
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from cloud_sync.adapters.listening import free_port
from cloud_sync.adapters.postgres_warehouse import PostgresWarehouse
from cloud_sync.core.increments import DeviceRole
from edge_agent.adapters.paho_link import PahoLink
from edge_agent.ports import LinkOptions
from edge_contract.messages import Acks, BatchId, FleetTopics, decode
from edge_contract.messages.reconnect import Reconnect
from tests.support.collector_ground import CollectorGround
from tests.support.nats_cluster import NatsCluster
from tests.support.telemetry import DIGITS_ROLE, batch_of, payload_of, window_of

__all__ = ["CellVerdict", "CellWorld"]

_FLEET: Final = FleetTopics("cell")
_RESEND_S: Final = 1.5


@dataclass(frozen=True, slots=True)
class CellVerdict:
    """What came of a run.

    Attributes:
        sent_rows: Rows that devices counted, by device.
        merged_rows: Rows that the warehouse has, by device.
        window_rows: Rows of the windows of all devices together.
        left: Batches that are not acknowledged.
        repeated: Messages that came again after they had been merged.
    """

    sent_rows: Mapping[str, int]
    merged_rows: Mapping[str, int]
    window_rows: int
    left: int
    repeated: int

    @property
    def is_exact(self) -> bool:
        """Whether nothing was lost and nothing doubled."""
        sent = sum(self.sent_rows.values())
        return not self.left and self.sent_rows == self.merged_rows and self.window_rows == sent


@dataclass
class _Device:
    """One device on a connection of its own."""

    name: str
    link: PahoLink
    chance: random.Random
    kept: dict[BatchId, tuple[bytes, float]] = field(default_factory=dict)
    rows: int = 0
    sequence: int = 0
    connects: int = 0
    longest_wait_s: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def on_connected(self) -> None:
        self.connects += 1

    def on_disconnected(self, reason: str) -> None:
        pass

    def on_message(self, topic: str, payload: bytes) -> None:
        message = decode(payload)
        assert isinstance(message, Acks)
        with self.lock:
            for name in [n for n in self.kept if any(b.covers(n) for b in message.boots)]:
                _, since_s = self.kept.pop(name)
                self.longest_wait_s = max(self.longest_wait_s, time.monotonic() - since_s)

    def observe(self) -> None:
        """Close a window and send it."""
        count = self.chance.randint(1, 5)
        window = window_of([(2.0, 1.0)] * count, start_unix_s=time.time())
        batch = batch_of(self.sequence, window, device=self.name)
        payload = payload_of(batch)
        self.sequence += 1
        self.rows += count
        with self.lock:
            self.kept[batch.batch_id] = (payload, time.monotonic())
        self.link.publish(_FLEET.device(self.name).telemetry, payload)

    def send_again(self) -> None:
        """Send what nobody has acknowledged for a while."""
        now_s = time.monotonic()
        with self.lock:
            late = [payload for payload, since_s in self.kept.values() if now_s > since_s + 1.0]
        for payload in late:
            self.link.publish(_FLEET.device(self.name).telemetry, payload)


class CellWorld:
    """A cell of real processes.

    Args:
        folder: For data and logs.
        devices: How many.
        seed: Decides how many rows each window has.
    """

    def __init__(self, folder: Path, *, devices: int, seed: int) -> None:
        self.ground = CollectorGround(folder)
        self.cluster = NatsCluster(folder / "cluster")
        self._chance = random.Random(seed)
        self._count = devices
        self._stack = ExitStack()
        self.devices: list[_Device] = []

    def __enter__(self) -> Self:
        """Start everything, and wait until a row of each device is merged."""
        with ExitStack() as stack:
            stack.callback(self.cluster.stop)
            self.cluster.start()
            stack.enter_context(self.ground)
            self.http_port = free_port("127.0.0.1")
            self.start_collector("one")
            self.ground.wait_until("it leads", lambda: self.ground.is_connected("one"))
            self.start_collector("two")
            for number in range(self._count):
                device = self._device(f"cam-{number}")
                stack.callback(device.link.close)
                self.devices.append(device)
            self.observe()
            self.ground.wait_until("a row of each device is merged", self.nothing_waits)
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

    def _device(self, name: str) -> _Device:
        topics = _FLEET.device(name)
        options = LinkOptions(
            url=self.cluster.url,
            client_id=name,
            will_topic=topics.events,
            will_payload=b"",
            subscriptions=(topics.acks,),
        )
        link = PahoLink(options, reconnect=Reconnect(min_s=0.05, max_s=0.5))
        device = _Device(name, link, random.Random(self._chance.random()))
        link.start(device)
        return device

    def start_collector(self, name: str) -> None:
        """Start a collector: the one that leads is called one."""
        leads = ("run", "--http-port", str(self.http_port))
        words = [*(leads if name == "one" else ("collect",))]
        words += ["--broker-files", str(self.cluster.folder)]
        self.ground.start(name, words, broker=self.cluster.url, fleet="cell")

    def observe(self) -> None:
        """Each device closes a window."""
        for device in self.devices:
            device.observe()

    def load(self, lasts_s: float, *, every_s: float) -> None:
        """Let each device close a window every so often, and send again what was not heard."""
        ends_s = time.monotonic() + lasts_s
        next_resend_s = time.monotonic() + _RESEND_S
        while time.monotonic() < ends_s:
            self.observe()
            if time.monotonic() >= next_resend_s:
                next_resend_s = time.monotonic() + _RESEND_S
                for device in self.devices:
                    device.send_again()
            time.sleep(every_s)

    def nothing_waits(self) -> bool:
        """Whether every batch is acknowledged; sends again what is not."""
        for device in self.devices:
            device.send_again()
        return not any(device.kept for device in self.devices)

    def settle(self, within_s: float) -> CellVerdict:
        """From now on nothing breaks: devices send until nothing is left."""
        deadline_s = time.monotonic() + within_s
        while not self.nothing_waits() and time.monotonic() < deadline_s:
            time.sleep(0.3)
        with closing(PostgresWarehouse(self.ground.store)) as warehouse:
            return CellVerdict(
                sent_rows={device.name: device.rows for device in self.devices},
                merged_rows={
                    who.device: counters.rows
                    for who, counters in warehouse.device_totals().items()
                    if who == DeviceRole(who.device, DIGITS_ROLE)
                },
                window_rows=warehouse.cohort(DIGITS_ROLE, self.ground.spec).counters.rows,
                left=sum(len(device.kept) for device in self.devices),
                repeated=warehouse.totals().tally.repeated,
            )
