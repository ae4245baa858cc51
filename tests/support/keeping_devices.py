"""Devices on one connection that keep every batch until it is acknowledged."""

import random
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from cloud_sync.adapters.paho_fleet_link import PahoFleetLink
from edge_contract.messages import Acks, BatchId, FleetTopics, decode
from tests.support.telemetry import batch_of, payload_of, window_of

__all__ = ["FLEET", "VALUES", "KeepingDevices"]

FLEET: Final = "faulty"
VALUES: Final = 8
"""How many values a feature may have."""

_DEVICES: Final = 40
_TOPICS: Final = FleetTopics(FLEET)


@dataclass
class KeepingDevices:
    """Devices on one connection: each keeps what the collectors have not acknowledged.

    Attributes:
        link: Not started.
        chance: Decides who observes what, and the order in which it is sent.
        kept: Batches that are not acknowledged, as they are sent.
        rows: That each device observed.
        values: How often each value of the first feature was observed.
        sequence: The number of each device's next batch.
        lock: Guards what is kept.
    """

    link: PahoFleetLink
    chance: random.Random
    kept: dict[BatchId, bytes] = field(default_factory=dict)
    rows: Counter[str] = field(default_factory=Counter)
    values: Counter[int] = field(default_factory=Counter)
    sequence: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def on_connected(self) -> None:
        """Do nothing: what is kept is sent anyway."""

    def on_disconnected(self, reason: str) -> None:
        """Do nothing: what is kept is sent anyway."""

    def on_message(self, topic: str, payload: bytes) -> None:
        """Let go of what is acknowledged."""
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
        values = [self.chance.randrange(VALUES) for _ in range(self.chance.randint(1, 5))]
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
            self.link.publish(_TOPICS.device(name.device).telemetry, payload)
