"""What a whole cloud merges that gets its telemetry through a broker, and how soon."""

import multiprocessing
import os
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.harness import Figure
from cloud_sync.membership import service_login
from edge_contract.errors import UnavailableError
from edge_contract.messages import Acks, Birth, FleetTopics, decode, encode
from edge_contract.messages.broker_url import parse_broker_url
from edge_contract.messages.topics import parse_up_topic
from edge_contract.package import Package
from edgefleet.simulation.own_cloud import OwnCloud

__all__ = ["through_a_broker"]

_FLEET: Final = "default"
_UNREAD: Final = "unread"
"""A fleet whose telemetry only a bare client hears."""

_CALM_PER_S: Final = 250.0
_CALM: Final = 2_000
"""Batches that are sent at a calm pace."""

_PATIENCE_S: Final = 60.0

Wire: TypeAlias = "list[tuple[str, bytes]]"


def through_a_broker(package: Package, wire: Wire, *, store: str, name: str) -> list[Figure]:
    """Send batches as fast as the broker takes them, and then some at a calm pace.

    Args:
        package: That they are about.
        wire: Topics and batches, of which each device has several.
        store: URL of a PostgreSQL database; empty for a file.
        name: Of the store, for people.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        OwnCloud(Path(folder) / "cloud", interval_s=60.0, store=store) as cloud,
    ):
        cloud.push([package])
        login = service_login(Path(folder) / "cloud" / "data" / "broker")
        ours, theirs = multiprocessing.get_context("spawn").Pipe()
        loader = multiprocessing.get_context("spawn").Process(
            target=_load, args=(theirs, cloud.broker_url, login, wire), daemon=True
        )
        loader.start()
        try:
            return _measured(ours, cloud, login, len(wire), name)
        finally:
            loader.kill()
            loader.join()


def _measured(
    loader: Connection, cloud: OwnCloud, login: tuple[str, str], batches: int, name: str
) -> list[Figure]:
    _next(loader)  # all devices are announced
    before_s = _cpu_s(cloud.pid)
    storm = _next(loader)
    used_s = _cpu_s(cloud.pid) - before_s
    calm = _next(loader)
    bare_s = _bare(cloud.broker_url, login, loader, batches)
    what = f"a whole cloud behind a broker, {name}"
    return [
        Figure(f"batches merged by {what}", storm.count / used_s, "1/s of one core"),
        Figure(f"the same by the clock, {what}", storm.count / storm.seconds, "1/s"),
        Figure(f"from flush to queryable at {_CALM_PER_S:.0f}/s, p50, {what}", calm.p50_ms, "ms"),
        Figure(f"from flush to queryable at {_CALM_PER_S:.0f}/s, p95, {what}", calm.p95_ms, "ms"),
        Figure(f"limit: received by a bare paho client, {name}", 1.0 / bare_s, "1/s of one core"),
    ]


@dataclass(frozen=True, slots=True)
class _Load:
    """How a load went: batches acknowledged, in so long, and how long each took."""

    count: int
    seconds: float
    p50_ms: float
    p95_ms: float


def _next(loader: Connection) -> _Load:
    if not loader.poll(2 * _PATIENCE_S):
        raise UnavailableError("the process that makes the load does not answer")
    found: _Load = loader.recv()
    return found


def _cpu_s(pid: int | None) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    ticks = int(fields[11]) + int(fields[12])
    return ticks / float(os.sysconf("SC_CLK_TCK"))


def _bare(url: str, login: tuple[str, str], loader: Connection, batches: int) -> float:
    """Return what it takes to receive a message and do nothing with it, in processor time."""
    client = _connected(url, login, "bare")
    seen = 0

    def on_message(_client: mqtt.Client, _userdata: object, _message: mqtt.MQTTMessage) -> None:
        nonlocal seen
        seen += 1

    client.on_message = on_message
    client.subscribe(f"ef1/{_UNREAD}/t/#", 1)
    ends_s = time.monotonic() + 1.0
    while time.monotonic() < ends_s:
        client.loop(0.1)
    loader.send("now")
    before_s = time.process_time()
    ends_s = time.monotonic() + _PATIENCE_S
    while seen < batches and time.monotonic() < ends_s:
        client.loop(0.1)
    used_s = time.process_time() - before_s
    client.disconnect()
    return used_s / max(seen, 1)


def _connected(url: str, login: tuple[str, str], name: str) -> mqtt.Client:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, f"cloud-{name}-{os.getpid()}")
    client.username_pw_set(*login)
    client.max_inflight_messages = 1000
    client.max_queued_messages = 0
    found = parse_broker_url(url)
    client.connect(found.host, found.port)
    return client


def _load(pipe: Connection, url: str, login: tuple[str, str], wire: Wire) -> None:
    """Be all devices: the other process."""
    load = _Loader(_connected(url, login, "loader"), wire)
    load.announce()
    pipe.send(_Load(0, 0.0, 0.0, 0.0))
    calm = min(_CALM, len(wire) // 4)
    pipe.send(load.run(wire[:-calm], per_s=0.0))
    pipe.send(load.run(wire[-calm:], per_s=_CALM_PER_S))
    pipe.recv()
    load.send_unread(wire)
    pipe.recv()  # until it is ended


class _Loader:
    """Sends batches, and notes when each is acknowledged."""

    def __init__(self, client: mqtt.Client, wire: Wire) -> None:
        self._client = client
        self._devices = sorted({parse_up_topic(topic).device for topic, _ in wire})
        self._sent_s: dict[str, list[float]] = {}
        self._merged: Counter[str] = Counter()
        self._took_s: list[float] = []
        self._last_s = 0.0
        client.on_message = self._on_message
        client.subscribe(f"ef1/{_FLEET}/a/+", 0)
        client.loop_start()

    def announce(self) -> None:
        """Say who all devices are: the cloud believes nobody else."""
        topics = FleetTopics(_FLEET)
        for device in self._devices:
            birth = Birth(device, 1, time.time(), clean=True, agent_version="benchmark")
            self._client.publish(topics.device(device).events, encode(birth), qos=1)
        time.sleep(2.0 + len(self._devices) / 500.0)

    def run(self, wire: Wire, *, per_s: float) -> _Load:
        """Send batches, each device's in their order; 0 a second is as fast as may be."""
        self._took_s.clear()
        began_s = time.monotonic()
        for number, (topic, payload) in enumerate(wire):
            if per_s:
                time.sleep(max(began_s + number / per_s - time.monotonic(), 0.0))
            device = parse_up_topic(topic).device
            self._sent_s.setdefault(device, []).append(time.monotonic())
            self._client.publish(topic, payload, qos=1)
        ends_s = time.monotonic() + _PATIENCE_S
        while len(self._took_s) < len(wire) and time.monotonic() < ends_s:
            time.sleep(0.01)
        if len(self._took_s) != len(wire):
            raise UnavailableError(f"{len(self._took_s)} of {len(wire)} batches were acknowledged")
        p50, p95 = np.quantile(self._took_s, (0.5, 0.95)).tolist()
        return _Load(len(wire), self._last_s - began_s, 1e3 * p50, 1e3 * p95)

    def send_unread(self, wire: Wire) -> None:
        """Send the same to those who only receive."""
        for topic, payload in wire:
            unread = topic.replace(f"/{_FLEET}/", f"/{_UNREAD}/")
            self._client.publish(unread, payload, qos=1)

    def _on_message(
        self, _client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage
    ) -> None:
        acks = decode(bytes(message.payload))
        if not isinstance(acks, Acks):
            return
        sent_s = self._sent_s[message.topic.rsplit("/", 1)[1]]
        self._last_s = time.monotonic()
        for seq in range(self._merged[message.topic], acks.boots[0].floor):
            self._took_s.append(self._last_s - sent_s[seq])
        self._merged[message.topic] = acks.boots[0].floor
