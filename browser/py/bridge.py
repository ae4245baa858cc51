"""The bridge: one agent core for JavaScript, which gets texts and bytes and gives the same back.

Runs in Pyodide. It translates and decides nothing: every input is a method of the core, called by
its name, and every effect comes out as a JSON object with its name under ``effect``; what is bytes
stands in a list beside it, and the object says where.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol, TypeAlias

from edge_agent.core.agent import AgentConfig, AgentCore
from edge_agent.core.effects import (
    CollectWindows,
    DeleteBatches,
    DeletePackages,
    Effect,
    FetchPackage,
    LoadPackage,
    Log,
    PublishBatch,
    Route,
    SaveBatches,
    SaveState,
    SendEvent,
    UnloadPackage,
)
from edge_contract.errors import EdgeError, MessageError, PackageError
from edge_contract.messages import (
    Counters,
    Report,
    TelemetryBatch,
    WindowEntry,
    decode,
    encode,
)
from edge_contract.onnx_file import require_safe_model
from edge_contract.package import (
    Manifest,
    Reference,
    embedding_size,
    layout_of,
    probabilities_size,
    profile_specs,
)
from edge_contract.reading import JsonObject, JsonValue
from edge_contract.stats import ProfileSpec

__all__ = ["Answer", "Bridge", "Given", "bytes_of", "layouts", "refusal"]

Answer: TypeAlias = "tuple[str, list[bytes]]"
"""Effects as JSON, and the bytes that they speak of by their place in the list."""


class JsBytes(Protocol):
    """A ``Uint8Array``, as Pyodide shows it."""

    def to_bytes(self) -> bytes:
        """Return a copy of its bytes."""
        ...


Given: TypeAlias = "bytes | JsBytes"


def layouts(manifest: Given, reference: Given) -> str:
    """Return how a package's rows are counted, by role: columns, sources and width, as JSON."""
    package = Manifest.from_bytes(bytes_of(manifest))
    specs = profile_specs(package, Reference.from_bytes(bytes_of(reference)))
    found: dict[str, JsonValue] = {}
    for role, spec in specs.items():
        layout = layout_of(role, package, spec)
        found[role] = {
            "columns": list(spec.to_json()),
            "sources": [
                {"positions": list(source.positions), "skips_nan": source.skips_nan}
                for source in layout.sources
            ],
            "width": layout.width,
            "components": embedding_size(spec),
            "probabilities": probabilities_size(spec),
        }
    return json.dumps(found)


def refusal(model: Given, what: str) -> str:
    """Return why a model must not reach the runtime; empty if nothing speaks against it."""
    try:
        require_safe_model(bytes_of(model), what=what)
    except PackageError as error:
        return str(error)
    return ""


class Bridge:
    """One core of one life.

    Args:
        config: Fields of :class:`AgentConfig`, as JSON.
        boot: Number of this life.
        state: What the last ``SaveState`` held, as JSON; empty on the first start.
        batches: Payloads of the batches in the store.
    """

    def __init__(self, config: str, boot: int, state: str, batches: Iterable[Given]) -> None:
        self._core = AgentCore(
            AgentConfig(**json.loads(config)),
            boot,
            state=json.loads(state) if state else None,
            restored=[_batch(bytes_of(payload)) for payload in batches],
        )
        self._specs: dict[str, Mapping[str, ProfileSpec]] = {}
        self._saves: dict[int, SaveBatches] = {}
        self._asked = 0

    # What JavaScript wants to know.

    @property
    def wake_at_s(self) -> float:
        """When ``on_timer`` is due."""
        return self._core.wake_at_s

    @property
    def on_trial(self) -> bool:
        """Whether calls must be told soon."""
        return self._core.deployers.on_trial

    @property
    def waiting_batches(self) -> int:
        """Batches that no collector has acknowledged."""
        return len(self._core.outbox)

    def topics(self) -> str:
        """Return what to subscribe to and where events go, as JSON."""
        topics = self._core.topics
        return json.dumps(
            {
                "events": topics.events,
                "telemetry": topics.telemetry,
                "sealed": [topics.desired, topics.commands, topics.to_all],
                "subscriptions": list(topics.subscriptions),
            }
        )

    def last_will(self) -> bytes:
        """Return what the broker says when this life is lost."""
        return encode(self._core.last_will)

    def farewell(self) -> bytes:
        """Return what the agent says when it leaves on purpose."""
        return encode(self._core.farewell)

    def knows(self, digest: str, manifest: Given, reference: Given) -> None:
        """Note what a package's profiles count."""
        known = Manifest.from_bytes(bytes_of(manifest)), Reference.from_bytes(bytes_of(reference))
        self._specs[digest] = profile_specs(*known)
        self._core.knows(digest, *known)

    # Inputs.

    def on_message(self, topic: str, payload: Given, now_s: float, at_unix_s: float) -> Answer:
        """A message came."""
        return self._answer(
            self._core.on_message(topic, bytes_of(payload), now_s=now_s, at_unix_s=at_unix_s)
        )

    def on_windows(self, entries: str, now_s: float) -> Answer:
        """Counted windows, as JSON, and no marks: what they cover is kept with the batches.

        Sums are cut to the digits that they deserve, as devices do it before they send.
        """
        found = [self._brief(_entry(item)) for item in json.loads(entries)]
        return self._answer(self._core.on_windows(found, {}, now_s))

    def on_saved(self, ask: int, now_s: float) -> Answer:
        """Batches are durable."""
        return self._answer(self._core.on_saved(self._saves.pop(ask), now_s))

    def on_save_failed(self, ask: int, reason: str, now_s: float) -> Answer:
        """The store refused batches."""
        return self._answer(self._core.on_save_failed(self._saves.pop(ask), reason, now_s))

    def on_fetch_failed(self, digest: str, reason: str, now_s: float, permanent: bool) -> Answer:  # noqa: FBT001
        """A download broke off."""
        core = self._core
        return self._answer(core.on_fetch_failed(digest, reason, now_s, permanent=permanent))

    def on_loaded(self, digest: str, provider: str, now_s: float, fallback: str) -> Answer:
        """A package is verified and its session is ready."""
        return self._answer(self._core.on_loaded(digest, provider, now_s, fallback=fallback))

    def call(self, name: str, *arguments: object) -> Answer:
        """Hand the core any other input, by the name of its method."""
        method: Callable[..., Sequence[Effect]] = getattr(self._core, name)
        return self._answer(method(*arguments))

    def _brief(self, entry: WindowEntry) -> WindowEntry:
        spec = self._specs.get(entry.package, {}).get(entry.role)
        if spec is None:  # of a package that is gone: a snapshot of a tab that was closed
            return entry
        return replace(entry, profile=spec.decode(entry.profile).brief().to_state())

    # Effects.

    def _answer(self, effects: Iterable[Effect]) -> Answer:
        blobs: list[bytes] = []
        return json.dumps([self._described(effect, blobs) for effect in effects]), blobs

    def _described(self, effect: Effect, blobs: list[bytes]) -> JsonObject:  # noqa: C901  one case each
        described: dict[str, JsonValue] = {"effect": type(effect).__name__}
        match effect:
            case CollectWindows():
                pass
            case SaveBatches(batches, _marks, replaces):
                self._asked += 1
                self._saves[self._asked] = effect
                described["ask"] = self._asked
                described["batches"] = [
                    {"id": list(batch.batch_id), "payload": _placed(encode(batch), blobs)}
                    for batch in batches
                ]
                described["replaces"] = [list(batch_id) for batch_id in replaces]
            case PublishBatch(message=payload):
                described["payload"] = _placed(payload, blobs)
                batch = _batch(payload)
                described["batch"] = batch.to_body()
                described["windows"] = [_readable(entry) for entry in batch.entries]
            case DeleteBatches(batch_ids):
                described["ids"] = [list(batch_id) for batch_id in batch_ids]
            case SendEvent(message):
                described["payload"] = _placed(encode(message), blobs)
                described["report"] = message.to_body() if isinstance(message, Report) else None
            case SaveState(state):
                described["state"] = json.dumps(state)
            case FetchPackage(digest, url):
                described |= {"digest": digest, "url": url}
            case LoadPackage(digest) | UnloadPackage(digest):
                described["digest"] = digest
            case Route(serve, shadow, fallback, model):
                described |= {"serve": serve, "shadow": shadow, "fallback": fallback}
                described["model"] = model
            case DeletePackages(keep):
                described["keep"] = list(keep)
            case Log(level, text):
                described |= {"level": level, "text": text}
        return described


def bytes_of(given: Given) -> bytes:
    """Return what JavaScript gave as bytes."""
    return given if isinstance(given, bytes) else given.to_bytes()


def _placed(payload: bytes, blobs: list[bytes]) -> int:
    blobs.append(payload)
    return len(blobs) - 1


def _readable(entry: WindowEntry) -> JsonObject:
    """Return a window with its statistics as they are, not as they travel."""
    return {
        "package": entry.package,
        "role": entry.role,
        "start_unix_s": entry.start_unix_s,
        "end_unix_s": entry.end_unix_s,
        "counters": list(entry.counters),
        "profile": [[column, state] for column, state in entry.profile.items()],
    }


def _batch(payload: bytes) -> TelemetryBatch:
    message = decode(payload)
    if not isinstance(message, TelemetryBatch):
        raise MessageError(f"the store holds a {type(message).__name__} where a batch should be")
    return message


def _entry(item: dict[str, object]) -> WindowEntry:
    match item:
        case {
            "package": str(package),
            "role": str(role),
            "start_unix_s": int() | float() as start_unix_s,
            "end_unix_s": int() | float() as end_unix_s,
            "counters": [int(rows), int(calls), int(failures), int(dropped)],
            "profile": list(states),
        }:
            return WindowEntry(
                package,
                role,
                float(start_unix_s),
                float(end_unix_s),
                Counters(rows, calls, failures, dropped),
                {int(column): state for column, state in states},
            )
        case _:
            raise EdgeError(f"{item!r:.200} is no window")
