"""New versions reach real devices over HTTP: in few bytes, and whatever happens on the way."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import httpx
import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

import edgefleet
from cloud_sync.adapters.listening import free_port
from cloud_sync.config import CloudConfig
from cloud_sync.service import CloudService
from edge_agent.agent import Agent
from edge_contract.delta import Offer
from edge_contract.package import ArtifactRole, Package
from edge_contract.reading import JsonObject
from edgefleet import Cloud
from tests.integration.processes import Cameras, eventually
from tests.integration.wire import Wire, wire_to

MODEL = "gate"
TREES = 60


@pytest.fixture(scope="module")
def forests() -> tuple[Package, Package]:
    """1.0.0, and 1.1.0 with a tenth more trees."""
    rng = np.random.default_rng(7)
    rows = rng.normal(size=(6000, 4)).astype(np.float32)
    truths = (rows[:, 0] + 0.5 * rows[:, 1] + rng.normal(0.0, 0.5, len(rows)) > 0).astype(int)
    forest = RandomForestClassifier(TREES, random_state=1, warm_start=True)
    packages = []
    for version, trees in (("1.0.0", TREES), ("1.1.0", TREES + TREES // 10)):
        forest.set_params(n_estimators=trees).fit(rows[:1000], truths[:1000])
        packages.append(
            edgefleet.convert(forest, rows[1000:], truths[1000:], name=MODEL, version=version)
        )
    return packages[0], packages[1]


class DiskUsage(NamedTuple):
    """As ``shutil`` tells it."""

    total: int
    used: int
    free: int


class Field(NamedTuple):
    """A cloud, and the wire over which its devices fetch packages."""

    service: CloudService
    client: Cloud
    wire: Wire

    def push(self, *packages: Package) -> None:
        """Push packages, and wait until all ways to the last one are made."""
        for package in packages:
            self.client.push(package)
        have = [package.digest for package in packages[:-1]]
        url = f"{self.service.url}/api/v1/blobs/{packages[-1].digest}/offer"
        query = {"have": have, "with": ["zstd", "zlib"]}

        def is_ready() -> bool:
            return not Offer.from_bytes(httpx.get(url, params=query).content).is_growing

        eventually("all deltas are made", is_ready)

    def roll_out(self, version: str) -> None:
        self.client.start_rollout(MODEL, version, strategy="all-at-once", bake_s=1)

    def told(self, device: str = "cam-1") -> JsonObject:
        """What a device reports of its model."""
        report = self.client.device(device).models[MODEL]
        assert isinstance(report, dict)
        return report

    def downloads(self, device: str = "cam-1") -> dict[str, int]:
        """What a device tells of its downloads."""
        found = self.told(device)["downloads"]
        assert isinstance(found, dict)
        return found


def field_in(folder: Path, stack: ExitStack, *, max_delta_bytes: int = 2**30) -> Field:
    http_port = free_port("127.0.0.1")
    wire = stack.enter_context(wire_to(http_port))
    config = CloudConfig(
        data=folder / "cloud",
        http_port=http_port,
        mqtt_port=free_port("127.0.0.1", besides=[http_port]),
        packages_url=wire.url,
        interval_s=0.5,
        max_delta_bytes=max_delta_bytes,
    )
    service = stack.enter_context(CloudService(config))
    return Field(service, stack.enter_context(Cloud(service.url, program="test")), wire)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def field(tmp_path: Path, stack: ExitStack) -> Field:
    return field_in(tmp_path, stack)


@pytest.fixture
def field_without_deltas(tmp_path: Path, stack: ExitStack) -> Field:
    return field_in(tmp_path, stack, max_delta_bytes=0)


@pytest.fixture
def camera(field: Field, tmp_path: Path, stack: ExitStack) -> Agent:
    return agent_of(field, tmp_path, stack)


def agent_of(field: Field, folder: Path, stack: ExitStack) -> Agent:
    agent = Agent(
        MODEL,
        cloud=field.service.broker_url,
        device="cam-1",
        state=folder / "cam-1",
        interval_s=0.5,
        ready_timeout_s=30.0,
    )
    stack.callback(agent.close, drain_s=0.0)
    return agent


def size_of(package: Package) -> int:
    return len(package.manifest_bytes) + sum(map(len, package.files.values()))


def model_of(package: Package) -> str:
    return package.manifest.artifact(ArtifactRole.MODEL).digest


def test_the_next_version_comes_as_a_delta_and_the_bytes_are_told(
    field: Field, camera: Agent, forests: tuple[Package, Package]
) -> None:
    old, new = forests
    field.push(old, new)
    assert camera.wait_ready() == "1.0.0"
    eventually("1.0.0 is reported", lambda: field.told()["version"] == "1.0.0")
    before = field.wire.sent_bytes
    first = field.downloads()

    field.roll_out("1.1.0")
    eventually("1.1.0 serves", lambda: camera.version == "1.1.0")
    eventually("it is reported", lambda: field.told()["version"] == "1.1.0")

    told = field.downloads()
    assert told["delta_bytes"] > 0
    assert told["whole_bytes"] == first["whole_bytes"]
    assert told["fallbacks"] == 0
    spent = field.wire.sent_bytes - before
    assert spent < size_of(new) / 10
    kinds = ("whole_bytes", "packed_bytes", "delta_bytes", "offer_bytes")
    assert sum(told[kind] for kind in kinds) == field.wire.sent_bytes
    assert field.wire.of(model_of(new)) == []


def test_a_device_without_an_older_version_gets_files_compressed_alone(
    field: Field, camera: Agent, forests: tuple[Package, Package]
) -> None:
    field.push(forests[0])

    assert camera.wait_ready() == "1.0.0"
    eventually("it is reported", lambda: field.told()["version"] == "1.0.0")

    told = field.downloads()
    assert told["delta_bytes"] == told["fallbacks"] == 0
    assert 0 < told["packed_bytes"] < size_of(forests[0]) / 2


def test_a_damaged_delta_is_told_and_the_version_comes_all_the_same(
    field: Field, camera: Agent, forests: tuple[Package, Package]
) -> None:
    old, new = forests
    field.push(old, new)
    camera.wait_ready()
    offer = field.client, f"{field.service.url}/api/v1/blobs/{new.digest}/offer"
    query = {"have": [old.digest], "with": ["zstd"]}
    found = Offer.from_bytes(httpx.get(offer[1], params=query).content).of(model_of(new))
    assert found is not None
    deltas = {way.parcel.digest for way in found.ways if way.old}
    assert len(deltas) == 1

    def damaged(name: str, _wanted: str, data: bytes) -> bytes:
        return data[:-1] + bytes([data[-1] ^ 1]) if name in deltas else data

    field.wire.change = damaged
    field.roll_out("1.1.0")
    eventually("1.1.0 serves", lambda: camera.version == "1.1.0")
    eventually("it is reported", lambda: field.told()["version"] == "1.1.0")

    told = field.downloads()
    assert told["fallbacks"] == 1
    assert "the registry is damaged or was tampered with" in str(told["reason"])
    assert told["again_bytes"] > 0, "the damaged chunk was asked for again first"


def test_a_download_goes_on_where_kill_9_broke_it_off(
    field: Field, tmp_path: Path, stack: ExitStack, forests: tuple[Package, Package]
) -> None:
    field.push(forests[0])
    field.wire.stall_after = 20_000
    cameras = Cameras(tmp_path / "cams", ["cam-9"], broker=field.service.broker_url)
    stack.enter_context(cameras)
    assert field.wire.stalled.wait(30.0)
    cut = field.wire.asked[-1]
    partial = tmp_path / "cams" / "cam-9" / "packages" / "partial"

    def arrived() -> list[Path]:
        return [path for path in partial.rglob("sha256-*") if path.is_file()]

    eventually("it is on the disk", lambda: any(p.stat().st_size == 20_000 for p in arrived()))

    cameras.kill9()
    field.wire.stall_after = 0
    field.wire.go_on.set()
    cameras.start()
    eventually("1.0.0 serves", lambda: cameras.tally.returned > 0)

    assert [one.wanted for one in field.wire.of(cut.name)] == ["", "bytes=20000-"]
    assert field.wire.of(cut.name)[-1].sent_bytes == cut.sent_bytes - 20_000


def test_a_chunk_that_was_damaged_on_the_way_comes_again_alone(
    field_without_deltas: Field,
    tmp_path: Path,
    stack: ExitStack,
    forests: tuple[Package, Package],
) -> None:
    field, (package, _) = field_without_deltas, forests
    model = model_of(package)
    size = package.manifest.artifact(ArtifactRole.MODEL).size
    assert size > 300_000
    field.push(package)

    def damaged(name: str, wanted: str, data: bytes) -> bytes:
        return data[:300_000] + b"?" + data[300_001:] if name == model and not wanted else data

    field.wire.change = damaged
    camera = agent_of(field, tmp_path, stack)
    assert camera.wait_ready() == "1.0.0"

    last = min(2 * 262_144, size) - 1
    assert [one.wanted for one in field.wire.of(model)] == ["", f"bytes=262144-{last}"]


def test_a_digest_that_failed_is_not_fetched_again_until_it_is_commanded(
    field_without_deltas: Field,
    tmp_path: Path,
    stack: ExitStack,
    forests: tuple[Package, Package],
) -> None:
    field, (old, new) = field_without_deltas, forests
    field.push(old, new)
    camera = agent_of(field, tmp_path, stack)
    assert camera.wait_ready() == "1.0.0"
    wrong = model_of(new)
    field.wire.change = lambda name, _, data: bytes(len(data)) if name == wrong else data

    field.roll_out("1.1.0")
    bad = eventually("1.1.0 is refused", lambda: bad_slots(field))
    asked = len(field.wire.of(wrong))
    camera.close(drain_s=0.0)
    field.wire.change = lambda _name, _wanted, data: data
    camera = agent_of(field, tmp_path, stack)
    assert camera.wait_ready() == "1.0.0"
    again = roll_out_in_vain(field)

    assert "the registry is damaged or was tampered with" in bad
    assert again == "rolled_back"
    assert len(field.wire.of(wrong)) == asked
    command = field.client.send("clear-bad", devices=["cam-1"])
    field.client.wait_for_command(command.command_id)
    field.roll_out("1.1.0")
    eventually("1.1.0 serves", lambda: camera.version == "1.1.0")
    assert len(field.wire.of(wrong)) == asked + 1


def roll_out_in_vain(field: Field) -> str:
    """Roll 1.1.0 out again, and return how that ended."""
    eventually("the first one has ended", lambda: field.client.rollout().ended_unix_s)
    field.roll_out("1.1.0")
    eventually("this one has ended", lambda: field.client.rollout().ended_unix_s)
    return field.client.rollout().state


def bad_slots(field: Field) -> str:
    """Why a version is bad on the device; empty if none is."""
    slots = field.told()["slots"]
    assert isinstance(slots, list)
    return " ".join(slot["detail"] for slot in slots if slot["state"] == "bad")


def test_a_disk_without_room_is_told_with_figures_and_nothing_is_fetched(
    field: Field,
    tmp_path: Path,
    stack: ExitStack,
    forests: tuple[Package, Package],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    field.push(forests[0])
    full = DiskUsage(total=10**9, used=10**9 - 2_000_000, free=2_000_000)
    monkeypatch.setattr("shutil.disk_usage", lambda _: full)

    agent_of(field, tmp_path, stack)

    def has_reported() -> bool:
        return any(MODEL in device.models for device in field.client.devices())

    def detail() -> str:
        slots = field.told()["slots"]
        assert isinstance(slots, list)
        return str(slots[0]["detail"])

    eventually("the device has reported", has_reported)
    told = eventually("it is told", lambda: "no room" in detail() and detail())
    assert "2000000 are free; free " in str(told)
    assert field.wire.of(model_of(forests[0])) == []
