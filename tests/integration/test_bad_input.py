"""Whatever is wrong with what comes in: it is refused with a reason, and nothing else suffers."""

import json
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from cloud_sync.backend import DeviceView
from edge_contract.messages import FleetTopics
from edge_contract.messages.broker_url import parse_broker_url
from edge_contract.package import ArtifactRole, Package
from tests.integration.processes import Cameras, CloudProcess, cli, eventually
from tests.integration.system import read_ledger


@pytest.fixture
def cloud(tmp_path: Path, packages: dict[str, Path]) -> Iterator[CloudProcess]:
    """A cloud as it comes, whose fleet runs 1.0.0."""
    with CloudProcess(tmp_path) as cloud:
        cloud.client.push(packages["1.0.0"])
        yield cloud


@pytest.fixture
def camera(cloud: CloudProcess, tmp_path: Path) -> Iterator[Cameras]:
    """A device whose rows arrive."""
    with Cameras(tmp_path / "devices", ["cam-1"], broker=cloud.broker_url) as camera:
        eventually("rows arrive", lambda: cloud.client.summary().rows_merged)
        yield camera


def assert_its_rows_arrive(cloud: CloudProcess, camera: Cameras) -> None:
    camera.pause()
    rows = camera.tally.returned
    eventually("all rows are merged", lambda: cloud.client.summary().rows_merged >= rows)
    assert camera.tally.failed == 0
    assert read_ledger(cloud.data).rows == rows


def posted(cloud: CloudProcess, archive: bytes) -> tuple[int, str]:
    """Push bytes over the API; return status and detail."""
    request = urllib.request.Request(
        f"{cloud.url}/api/v1/models",
        data=archive,
        headers={"Content-Type": "application/octet-stream"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10.0) as answer:
            return answer.status, ""
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, str(json.loads(refused.read())["detail"])


def flipped(data: bytes, position: int) -> bytes:
    return data[:position] + bytes([data[position] ^ 0x10]) + data[position + 1 :]


def model_file(package: Path) -> tuple[str, bytes]:
    """Digest and bytes of the ONNX model in a package."""
    opened = Package.from_archive(package.read_bytes())
    artifact = opened.manifest.artifact(ArtifactRole.MODEL)
    return artifact.digest, opened.files[artifact.path]


def with_schema(package: Path, schema: int) -> bytes:
    """The package as a later edgefleet might write it."""
    opened = Package.from_archive(package.read_bytes())
    manifest = json.loads(opened.manifest_bytes)
    manifest["schema"] = schema
    newer = json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode()
    return Package(opened.manifest, newer, opened.files).to_archive()


def telemetry(
    device: str = "cam-1", *, seq: int = 0, rows: int = 1, package: str = "sha256:" + "0" * 64
) -> object:
    """A batch of one window, as JSON; of a life that the device never had."""
    window = [package, "primary", 1.0, 2.0, [rows, rows, 0, 0], [[], []]]
    return ["t", [device, 1, seq, 1, 0, [window], "", ""]]


def packed(document: object) -> bytes:
    return b"\x01" + zlib.compress(json.dumps(document).encode(), 1)


def publish(cloud: CloudProcess, messages: Sequence[tuple[str, bytes]]) -> None:
    """Publish for all devices, by a broker that somebody took; return when it has everything."""
    url = parse_broker_url(cloud.broker_url)
    client = mqtt.Client(CallbackAPIVersion.VERSION2, "stranger")
    client.username_pw_set(*cloud.broker_login)
    client.connect(url.host, url.port)
    client.loop_start()
    try:
        for topic, payload in messages:
            client.publish(topic, payload, qos=1).wait_for_publish(10.0)
    finally:
        client.disconnect()
        client.loop_stop()


def slot_of(device: DeviceView, version: str) -> dict[str, str]:
    """What a device says about a version."""
    report = json.loads(json.dumps(device.models))["gate"]
    found: dict[str, str] = next((s for s in report["slots"] if s["version"] == version), {})
    return found


def test_messages_that_cannot_be_true_are_counted_and_disturb_nobody(
    cloud: CloudProcess, camera: Cameras
) -> None:
    topics = FleetTopics("default")
    mine, strange = topics.device("cam-1"), topics.device("cam-strange")
    digest = cloud.client.version("gate", "1.0.0").digest
    refused = [
        (mine.telemetry, b"hello"),
        (mine.telemetry, b""),
        (mine.telemetry, b"\x01" + zlib.compress(b"{not json")),
        (mine.telemetry, b"\x01" + zlib.compress(b"[" * 1_000_000)),
        (mine.telemetry, b"\x01" + zlib.compress(b" " * 50_000_000, 9)),
        (mine.telemetry, b"\x02" + packed(telemetry())[1:]),
        (mine.telemetry, packed(telemetry(rows=-5, package=digest))),
        (mine.telemetry, packed(telemetry(seq=1, rows=10**15, package=digest))),
        (mine.telemetry, packed(telemetry(seq=2))),
        (mine.telemetry, packed(telemetry("cam-2", package=digest))),
        (strange.telemetry, packed(telemetry("cam-strange", package=digest))),
        (f"{topics.all_telemetry[:-1]}63/cam-1", packed(telemetry(package=digest))),
        (mine.events, b"hello"),
        (mine.events, packed(["b", ["cam-1"]])),
        (mine.events, packed(telemetry(package=digest))),
    ]

    publish(cloud, refused)

    eventually("all are counted", lambda: cloud.client.summary().messages_refused >= len(refused))
    assert_its_rows_arrive(cloud, camera)
    assert cloud.client.summary().messages_refused == len(refused)
    assert [device.name for device in cloud.client.devices()] == ["cam-1"]


def test_a_package_with_one_flipped_byte_is_refused(
    cloud: CloudProcess, packages: dict[str, Path], tmp_path: Path
) -> None:
    good = packages["1.1.0"].read_bytes()
    _, model = model_file(packages["1.1.0"])
    damaged = tmp_path / "gate-1.1.0.modelpkg"
    damaged.write_bytes(flipped(good, good.index(model) + len(model) // 2))

    pushed = cli("model", "push", damaged, cloud=cloud.url)

    assert (pushed.code, pushed.out) == (1, "")
    assert pushed.err.startswith("error: ")
    assert "model.onnx" in pushed.err
    assert "Traceback" not in pushed.err
    status, detail = posted(cloud, damaged.read_bytes())
    assert status == 422
    assert "model.onnx" in detail
    assert list(cloud.client.models()[0].versions) == ["1.0.0"]


def test_wherever_a_package_is_damaged_nothing_else_gets_into_the_registry(
    cloud: CloudProcess, packages: dict[str, Path]
) -> None:
    good = packages["1.1.0"].read_bytes()
    digest = Package.from_archive(good).digest

    answers = [posted(cloud, flipped(good, position)) for position in range(0, len(good), 397)]

    # Where the archive says when a file was written, for example, a byte means nothing.
    assert {status for status, _ in answers} <= {201, 422}
    assert all(detail for status, detail in answers if status == 422)
    assert sum(status == 422 for status, _ in answers) > 0.9 * len(answers)
    known = [cloud.client.version("gate", version) for version in cloud.client.models()[0].versions]
    assert {view.digest for view in known} <= {digest, cloud.client.version("gate", "1.0.0").digest}


def test_a_package_of_a_newer_schema_is_refused_with_advice(
    cloud: CloudProcess, packages: dict[str, Path], tmp_path: Path
) -> None:
    newer = tmp_path / "gate-1.1.0.modelpkg"
    newer.write_bytes(with_schema(packages["1.1.0"], 99))

    pushed = cli("model", "push", newer, cloud=cloud.url)

    assert (pushed.code, pushed.out) == (1, "")
    assert "manifest has schema 99" in pushed.err
    assert "upgrade edgefleet" in pushed.err
    status, detail = posted(cloud, newer.read_bytes())
    assert status == 422
    assert "manifest has schema 99" in detail


def test_a_device_refuses_a_package_that_the_registry_damaged_and_goes_on_serving(
    cloud: CloudProcess, camera: Cameras, packages: dict[str, Path]
) -> None:
    cloud.client.push(packages["1.1.0"])
    digest, model = model_file(packages["1.1.0"])
    digits = digest.removeprefix("sha256:")
    blob = cloud.data / "blobs" / "sha256" / digits[:2] / digits
    assert blob.read_bytes() == model
    blob.write_bytes(flipped(model, 100))
    start = ["rollout", "start", "gate@1.1.0", "--strategy", "all-at-once", "--wait"]
    quick = ["--bake", "1", "--max-wait", "20", "--min-rows", "30"]

    failed = cli(*start, *quick, cloud=cloud.url)

    assert failed.code == 1, failed
    assert "cam-1" in failed.out
    assert "the registry is damaged" in failed.out
    device = cloud.client.device("cam-1")
    assert "the registry is damaged" in slot_of(device, "1.1.0")["detail"]
    assert slot_of(device, "1.1.0")["state"] == "bad"
    assert slot_of(device, "1.0.0")["state"] == "active"

    assert cli("model", "push", packages["1.1.0"], cloud=cloud.url).code == 0
    assert cli("fleet", "command", "clear-bad", cloud=cloud.url).code == 0
    mended = cli(*start, *quick, cloud=cloud.url)

    assert mended.code == 0, mended
    assert slot_of(cloud.client.device("cam-1"), "1.1.0")["state"] == "active"
    assert_its_rows_arrive(cloud, camera)
