"""What reads bytes of others: messages, packages, orders, join tokens and bodies of the API."""

import io
import json
import random
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from cloud_sync.api.app import create_app
from cloud_sync.api.settings import ApiSettings
from cloud_sync.core.collector import Collector, CollectorConfig
from cloud_sync.core.seen import Marks
from edge_contract.enrolment import JoinToken, Membership
from edge_contract.errors import MessageError
from edge_contract.messages import (
    Acks,
    Assignment,
    BatchId,
    Birth,
    BootAck,
    Command,
    CommandResult,
    Death,
    DesiredState,
    Message,
    Report,
    TelemetryBatch,
    decode,
    encode,
)
from edge_contract.messages import (
    Target as Wanted,
)
from edge_contract.onnx_file import require_safe_model
from edge_contract.package import Manifest, Package
from edge_contract.trust import Seal
from tests.support.asgi import AppClient
from tests.support.fuzzing import Target, damaged_bytes, damaged_json
from tests.support.lived_cloud import lived_cloud
from tests.support.packages import digits, mixed
from tests.support.telemetry import DIGITS, batch_of, payload_of, telemetry_topic, window_of

__all__ = ["targets"]

DIGEST = "sha256:" + "a" * 64


def targets(folder: Path) -> list[Target]:
    """Return all of them; a folder is for what they need."""
    return [
        _codec(),
        _collector(),
        _desired(),
        _manifest(),
        _package(),
        _model(),
        _join(),
        _api(folder),
    ]


def _messages() -> list[bytes]:
    window = window_of([])
    found: list[Message] = [
        TelemetryBatch(BatchId("cam-1", 3, 4), (window,)),
        Birth("cam-1", 1, 1.0, clean=True, agent_version="1.0", facts={"cpus": 4}),
        Death("cam-1", 1, "gone"),
        Report("cam-1", 1, 2, 3),
        CommandResult("cam-1", "c1", ok=True),
        Acks((BootAck(1, 5, (7, 9)),)),
        Command("c1", "ping", 1e9, {"a": [1, {"b": None}]}),
        _order(),
    ]
    return [encode(message) for message in found]


def _order() -> DesiredState:
    wanted = Wanted("1.0.0", DIGEST)
    return DesiredState(7, {"digits": Assignment(serve=wanted)}, packages_url=":8080/blobs")


def _damaged_message(data: bytes, rng: random.Random) -> bytes:
    """Damage the document inside the envelope, or now and then the envelope."""
    if rng.random() < 0.25:
        return damaged_bytes(data, rng)
    try:
        document = zlib.decompressobj().decompress(data[1:], 2_000_000)
    except zlib.error:
        return damaged_bytes(data, rng)
    if rng.random() < 0.01:
        document = b"[" + b" " * rng.choice((10**5, 10**6, 2 * 10**7)) + b"]"
    return data[:1] + zlib.compress(damaged_json(document, rng), 1)


def _codec() -> Target:
    return Target("codec", _messages(), decode, _damaged_message)


def _collector() -> Target:
    """All that telemetry goes through; what is refused is told as a message error."""
    count = [0]

    def read(data: bytes) -> None:
        count[0] += 1
        if count[0] % 500 == 1:
            collectors[:] = [
                Collector(
                    CollectorConfig(),
                    packages={DIGITS.digest: DIGITS}.get,
                    marks=lambda _: Marks(),
                    is_known=lambda _: True,
                )
            ]
        outcome = collectors[0].on_telemetry(telemetry_topic(), data, 1_800_000_080.0)
        if not isinstance(outcome, BatchId):
            raise MessageError(outcome.reason)

    collectors: list[Collector] = []
    rows = [[0.5, -3.0], [0.0, 1e30], [float("nan"), 7.0]]
    seeds = [payload_of(batch_of(size, window_of(rows[:size]))) for size in range(4)]
    return Target("telemetry", seeds, read, _damaged_message)


def _desired() -> Target:
    sealed = Seal("ab" * 32, b"s" * 64, encode(_order())).to_bytes()

    def read(data: bytes) -> object:
        return decode(Seal.stripped(data))

    def damage(data: bytes, rng: random.Random) -> bytes:
        if data[:1] == sealed[:1] and rng.random() < 0.5:
            return data[:97] + _damaged_message(data[97:], rng)
        return damaged_bytes(data, rng) if rng.random() < 0.3 else _damaged_message(data, rng)

    return Target("desired state", [sealed, encode(_order())], read, damage)


def _manifest() -> Target:
    seeds = [digits().package.manifest_bytes, mixed().package.manifest_bytes]
    return Target("manifest", seeds, Manifest.from_bytes, damaged_json)


def _package() -> Target:
    seeds = [digits().package.to_archive()]
    return Target("package", seeds, Package.from_archive, _damaged_archive)


def _damaged_archive(data: bytes, rng: random.Random) -> bytes:
    if rng.random() < 0.5:
        return damaged_bytes(data, rng)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
    except Exception:  # noqa: BLE001  of a zip that is damaged already anything may come
        return damaged_bytes(data, rng)
    name = rng.choice(sorted(members) or ["x"])
    content = members.pop(name, b"")
    match rng.randrange(4):
        case 0:
            members[rng.choice(("../" + name, "/" + name, "a/b", name + "\x00", ""))] = content
        case 1:
            members[name] = damaged_json(content, rng)
        case 2:
            members[name] = damaged_bytes(content, rng)
        case _:
            members |= {name: content, name.upper(): content}
    out = io.BytesIO()
    method = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    with zipfile.ZipFile(out, "w", method) as archive:
        for member, found in members.items():
            archive.writestr(zipfile.ZipInfo(member or "empty"), found, method)
    return out.getvalue()


def _model() -> Target:
    def read(data: bytes) -> None:
        require_safe_model(data, what="it")

    return Target("model", [digits().package.model()], read, damaged_bytes)


def _join() -> Target:
    token = JoinToken(url="https://a:1", fleet="f", token_id="a" * 12, secret="s" * 43)
    given = Membership(fleet="f", device="d", password="p", broker="mqtts://:8883")

    def read(data: bytes) -> object:
        if data[:1] == b"{":
            try:
                return Membership.from_json(json.loads(data))
            except (ValueError, RecursionError) as error:
                raise MessageError(str(error)) from error
        return JoinToken.parse(data.decode("latin-1"))

    def damage(data: bytes, rng: random.Random) -> bytes:
        return damaged_json(data, rng) if data[:1] == b"{" else damaged_bytes(data, rng)

    seeds = [str(token).encode(), json.dumps(given.to_json()).encode()]
    return Target("join token", seeds, read, damage)


_JSON = {"Content-Type": "application/json"}
_BODIES: dict[str, object] = {
    "POST /tokens": {"label": "x", "role": "viewer", "expires_s": 5.0},
    "POST /join-tokens": {"label": "", "device": "", "uses": 2, "expires_s": 60.0},
    "POST /enrolment": {
        "token_id": "a" * 12,
        "secret": "s" * 43,
        "device": "cam-1",
        "public_key": "ab" * 32,
        "proof": "cd" * 64,
        "request": "",
    },
    "POST /enrolment/renew": {"device": "cam-1", "at_unix_s": 1, "proof": "cd" * 64},
    "PUT /quarantine/cam-1": {"reason": "odd"},
    "PUT /groups/oslo": {"filter": 'tag.site == "oslo"', "description": "x"},
    "POST /commands": {"name": "ping", "arguments": {"a": 1}, "devices": ["cam-1"]},
    "POST /rollouts": {"model": "digits", "version": "1.0.0", "strategy": "canary"},
    "POST /rollouts/preview": {"model": "digits", "version": "1.0.0", "strategy": "shadow"},
}


def _api(folder: Path) -> Target:
    app = create_app(
        lived_cloud(folder), settings=ApiSettings(requests_per_s=1e9, failures_per_s=1e9)
    )
    site = AppClient(app)

    def read(data: bytes) -> None:
        line, _, body = data.partition(b"\n")
        order = line.decode("latin-1")
        method, _, path = (order if order in _BODIES else "POST /commands").partition(" ")
        answer = site.ask(method, f"/api/v1{path}", content=body, headers=_JSON)
        if answer.status_code >= 500:
            raise AssertionError(f"{order} answers {answer.status_code}: {answer.text[:200]}")
        if answer.status_code >= 400:
            raise MessageError(f"{order}: {answer.json()['detail']}")

    def damage(data: bytes, rng: random.Random) -> bytes:
        line, _, body = data.partition(b"\n")
        how: Callable[[bytes, random.Random], bytes]
        how = damaged_bytes if rng.random() < 0.1 else damaged_json
        return line + b"\n" + how(body, rng)

    seeds = [f"{order}\n{json.dumps(body)}".encode() for order, body in _BODIES.items()]
    return Target("API bodies", seeds, read, damage)
