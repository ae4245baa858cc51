"""Ports: what a shell needs from the outside world. Adapters implement them, by shape."""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from edge_agent.core.kept_batches import StoredBatch
from edge_contract.messages import BatchId, Downloads, Resources, TelemetryBatch
from edge_contract.package import Manifest, Package, Reference
from edge_contract.reading import JsonObject
from edge_contract.records import dataclass, field

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Tensor: TypeAlias = NDArray[np.generic]

__all__ = [
    "BatchStore",
    "InferenceEngine",
    "InferenceSession",
    "LabelStore",
    "Link",
    "LinkHandler",
    "LinkOptions",
    "PackageSource",
    "PackageStore",
    "ResourceMeter",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkOptions:
    """How to reach the broker, and what to say and hear there.

    Attributes:
        url: ``mqtt://host[:port]``, ``mqtts://``, ``ws://`` or ``wss://``, without credentials.
        client_id: Unique in the fleet; a broker throws out the elder of two.
        username: ``None`` if the broker asks for none.
        password: Goes with ``username``.
        password_now: Returns the password for each new connection; ``None`` where it stays.
        ca_file: Certificates to trust; ``None`` trusts what the system trusts.
        cert_file: This device's certificate, PEM.
        key_file: Its key; ``None`` if it is in ``cert_file``.
        will_topic: Where the broker says that this device is gone when it left without a farewell.
        will_payload: What it says there, at QoS 1, not retained.
        subscriptions: Filters to hear, at QoS 0, subscribed again after each connect.
        keepalive_s: After this long without a sign of life the other side counts as gone.
    """

    url: str
    client_id: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    password_now: Callable[[], str | None] | None = field(default=None, repr=False)
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    will_topic: str
    will_payload: bytes
    subscriptions: tuple[str, ...]
    keepalive_s: int = 30


class LinkHandler(Protocol):
    """Hears what happens on a link: one call at a time, on the link's thread, so be quick.

    Messages come only between :meth:`on_connected` and the next :meth:`on_disconnected`.
    """

    def on_connected(self) -> None:
        """The broker has confirmed every subscription; from now on ``publish`` works."""
        ...

    def on_disconnected(self, reason: str) -> None:
        """The connection is lost, or still cannot be made, for a reason that was not told yet."""
        ...

    def on_message(self, topic: str, payload: bytes) -> None:
        """A message came; it may be a repetition."""
        ...


class Link(Protocol):
    """A connection to a broker that comes back for ever.

    Checked by ``tests/ports/test_link.py`` for every adapter.
    """

    def start(self, handler: LinkHandler) -> None:
        """Return at once and connect in the background; a lost connection is made again.

        Raises:
            UsageError: It was started before.
        """
        ...

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Hand a message to the broker at QoS 1; it may still be lost. Never blocks.

        Returns:
            Whether it is on its way. ``False`` while the link is down or too much is on its way:
            nothing is kept, so hand it over again later.

        Raises:
            UsageError: No message can be published to such a topic.
        """
        ...

    def close(self, *, farewell: tuple[str, bytes] | None = None) -> None:
        """Leave in good order, so that the broker does not publish the will. Idempotent.

        Not to be called by the handler. Afterwards the handler hears nothing more.

        Args:
            farewell: Topic and payload of a last message; up to 2 s are spent on having the broker
                confirm it.
        """
        ...


class BatchStore(Protocol):
    """What must survive a crash: batches, ring marks, the journal and the number of the life.

    One process at a time, any of its threads. Checked by ``tests/ports/test_batch_store.py`` for
    every adapter. Every method raises ``UnavailableError`` when the disk is full or the file is out
    of reach; then nothing has changed.
    """

    def identity(self) -> int:
        """Return a number below 2**64 that no other store has, nor one made anew in its place."""
        ...

    def next_boot(self, at_unix_s: float) -> int:
        """Return a number for a new life that is greater than any given before."""
        ...

    def save(
        self,
        batches: Sequence[TelemetryBatch],
        marks: Mapping[str, tuple[int, ...]],
        replaces: Sequence[BatchId] = (),
    ) -> None:
        """Keep ``batches`` and ``marks`` and forget ``replaces``, all or nothing.

        On return they survive loss of power. Saving a batch twice keeps one.
        """
        ...

    def batches_saved(self) -> int:
        """Return how many batches were ever saved, those less that others replaced."""
        ...

    def delete(self, batch_ids: Sequence[BatchId]) -> None:
        """Forget batches; a missing one is no error."""
        ...

    def batches(self) -> list[TelemetryBatch]:
        """Return all batches, oldest first."""
        ...

    def messages(self, device: str) -> list[StoredBatch]:
        """Return all batches of a device as they are sent, oldest first; none is damaged."""
        ...

    def marks(self) -> Mapping[str, tuple[int, ...]]:
        """Return all ring marks."""
        ...

    def forget_marks(self, rings: Collection[str]) -> None:
        """Forget the marks of rings that are gone."""
        ...

    def save_state(self, state: JsonObject) -> None:
        """Keep the journal; on return it survives loss of power."""
        ...

    def state(self) -> "JsonObject | None":
        """Return the journal; ``None`` if there is none yet."""
        ...

    def close(self) -> None:
        """Close the store; using it afterwards is an error."""
        ...


class LabelStore(Protocol):
    """Remembers which rows have had their truth, so that none is counted twice.

    Bounded: of the rows noted last it remembers so many, each for so many days. A truth that is
    told again later than that is counted again. Checked by ``tests/ports/test_label_store.py`` for
    every adapter.
    """

    def note_labelled(self, keys: Sequence[int], at_unix_s: float) -> list[bool]:
        """Note rows as labelled; return of each whether it was not before.

        What was noted survives the end of the process at once, without waiting for the disk. It
        survives loss of power at the latest when the next batch does, where both are in one store.

        Args:
            keys: Signed numbers of 64 bits.
            at_unix_s: Now.

        Raises:
            UnavailableError: The disk is full or out of reach; nothing is noted.
        """
        ...


class PackageStore(Protocol):
    """Packages on this device, by digest.

    Checked by ``tests/ports/test_package_store.py`` for every adapter.
    """

    def add(self, package: Package) -> None:
        """Keep a package; it is there wholly or not at all. Adding it twice is no error.

        Raises:
            UnavailableError: The disk is full or cannot be written; nothing has changed.
        """
        ...

    def load(self, digest: str) -> Package:
        """Return a package, verified anew; raises ``PackageError`` if it is damaged or missing."""
        ...

    def intact_file(self, digest: str, path: str) -> bytes | None:
        """Return a file of a package (its manifest too) if it is here and has its digest."""
        ...

    def file_of(self, digest: str) -> bytes | None:
        """Return the file of a digest, whichever package it belongs to, if it is here."""
        ...

    def whole(self) -> list[str]:
        """Return packages all of whose files are here, the latest first; they may be damaged."""
        ...

    def downloads(self, digest: str) -> Path:
        """Return the folder where the files of a package wait until all of them are here."""
        ...

    def free_bytes(self) -> int:
        """Return how much may still be written; raises ``UnavailableError`` if nobody can tell."""
        ...

    def description(self, digest: str) -> tuple[Manifest, Reference] | None:
        """Return manifest and reference, also of a package whose model was pruned."""
        ...

    def digests(self) -> list[str]:
        """Return all packages of which something is here."""
        ...

    def prune(self, keep: Collection[str]) -> None:
        """Remove the models of all packages but these, and what is left of their downloads.

        Descriptions of some that were kept until now stay, for labels that come late.
        """
        ...


class PackageSource(Protocol):
    """Where packages are fetched from."""

    def fetch(self, digest: str, url: str, store: PackageStore) -> None:
        """Bring a package into the store, resuming a download that broke off.

        Raises:
            UnavailableError: The source is out of reach or the disk is full; try again later.
            PackageError: What came is not the package; trying again does not help.
        """
        ...

    def spent(self) -> Downloads:
        """Return what came since this was asked the last time, also for a fetch that failed."""
        ...

    def close(self) -> None:
        """Let a :meth:`fetch` on another thread end soon, with ``UnavailableError``."""
        ...


class InferenceSession(Protocol):
    """One loaded model, ready to run. Thread-safe.

    Checked by ``tests/ports/test_engine.py`` for every engine.
    """

    @property
    def provider(self) -> str:
        """Execution provider that runs it, such as ``CPUExecutionProvider``."""
        ...

    @property
    def fallback(self) -> str:
        """Why no provider that was preferred to this one is used; empty if there was none."""
        ...

    def run(self, feeds: "Mapping[str, Tensor]") -> "Sequence[Tensor]":
        """Run the model once.

        Args:
            feeds: One tensor per input of the manifest, such as ``{"X": float32[batch, 64]}``.
                They are not changed and not kept.

        Returns:
            The outputs in the manifest's order, such as ``[int64[batch], float32[batch, 10]]``.

        Raises:
            UnavailableError: The model or its runtime failed on these inputs.
        """
        ...

    def bound(
        self, inputs: "Mapping[str, Tensor]", outputs: "Mapping[str, Tensor]"
    ) -> Callable[[], None] | None:
        """Return what runs the model on fixed memory, or ``None`` if the session cannot do that.

        Each call reads ``inputs``, one tensor per input of the model, and writes ``outputs``, some
        or all of what it gives, of the very types and shapes that they have for such inputs. Their
        memory must last as long as what is returned, of which one thread at a time may make use.
        A call raises whatever the runtime does if it fails; :meth:`run` on the same inputs says
        why.
        """
        ...


class InferenceEngine(Protocol):
    """Makes sessions.

    Checked by ``tests/ports/test_engine.py`` for every engine.
    """

    @property
    def threads(self) -> int:
        """How many threads a call gets; a session that gets more than one keeps some of its own."""
        ...

    def load(self, package: Package) -> InferenceSession:
        """Return a session of the package's model.

        Raises:
            PackageError: The model cannot run here; the message says why.
        """
        ...


class ResourceMeter(Protocol):
    """Measures this process and its device.

    Checked by ``tests/ports/test_resource_meter.py`` for every adapter.
    """

    def process_bytes(self) -> int | None:
        """Return the memory of this process; ``None`` where the system does not say."""
        ...

    def read(self) -> Resources:
        """Return the figures of now; shares are of the time since the last call. Never raises."""
        ...
