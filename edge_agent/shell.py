"""The shell of a device: carries out the core's effects with real stores, links and sessions.

It decides nothing. Every ``if`` about telemetry or deployment belongs in ``edge_agent.core``, where
the browser gets it too.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeAlias, assert_never

from edge_agent.adapters.recorder import Recorder
from edge_agent.core.agent import AgentCore
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
from edge_agent.ports import BatchStore, InferenceEngine, Link, PackageSource, PackageStore
from edge_agent.servable import Servable
from edge_contract.errors import EdgeError, PackageError, UnavailableError
from edge_contract.messages import Report, encode
from edge_contract.package import Role

__all__ = ["Routing", "Shell"]

_log = logging.getLogger("edgefleet.agent")

_WATCH_S: Final = 0.25  # how often the calls of a version on trial are looked at

Input: TypeAlias = Callable[[float], Sequence[Effect]]


@dataclass(frozen=True, slots=True)
class Routing:
    """Where calls go now."""

    serve: Servable
    shadow: Servable | None = None
    fallback: Servable | None = None


class Shell:
    """Runs one core on one thread; everything else hands it inputs.

    Args:
        core: What decides.
        store: For batches, marks and the journal.
        packages: Packages on this device.
        source: Where others come from; ``None`` without a cloud.
        engine: Makes sessions.
        recorder: Where observed rows wait.
        link: To the broker; ``None`` without a cloud.
        on_report: Is told every reported state, for the status file.
    """

    def __init__(
        self,
        core: AgentCore,
        *,
        store: BatchStore,
        packages: PackageStore,
        source: PackageSource | None,
        engine: InferenceEngine,
        recorder: Recorder,
        link: Link | None,
        on_report: Callable[[Report], None],
    ) -> None:
        self._core = core
        self._store = store
        self._packages = packages
        self._source = source
        self._engine = engine
        self._recorder = recorder
        self._link = link
        self._on_report = on_report
        self._loaded: dict[str, Servable] = {}
        self._inputs: queue.SimpleQueue[Input | None] = queue.SimpleQueue()
        self._jobs = ThreadPoolExecutor(1, thread_name_prefix="edgefleet-packages")
        self._thread = threading.Thread(target=self._run, name="edgefleet-agent", daemon=True)
        self._collecting = threading.Event()
        self._watched = ("", 0, 0)
        self.routing: Routing | None = None
        self.routed = threading.Condition()
        self.trouble = ""
        """Why nothing serves, for people."""

    # For other threads.

    def start(self, first: Callable[[float], Sequence[Effect]] | None = None) -> None:
        """Begin the core's life, then hand it ``first``, and connect."""
        self._carry_out(self._core.on_start(time.monotonic(), time.time()))
        if first is not None:
            self._carry_out(first(time.monotonic()))
        self._tell_status()
        self._thread.start()
        if self._link is not None:
            self._link.start(self)

    def put(self, given: Input) -> None:
        """Hand the core an input; it gets the monotonic time."""
        self._inputs.put(given)

    def collect_soon(self) -> None:
        """Ask for observed rows to be counted and saved now, because a ring fills up."""
        if not self._collecting.is_set():
            self._collecting.set()
            self.put(lambda _now_s: [CollectWindows()])

    def on_connected(self) -> None:
        """The link is up."""
        _log.info("connected to the broker")
        self.put(self._core.on_connected)

    def on_disconnected(self, reason: str) -> None:
        """The link is down."""
        _log.warning("disconnected: %s", reason)
        self.put(lambda _now_s: self._core.on_disconnected())

    def on_message(self, topic: str, payload: bytes) -> None:
        """A message came."""
        self.put(
            lambda now_s: self._core.on_message(topic, payload, now_s=now_s, at_unix_s=time.time())
        )

    def waiting_batches(self) -> int:
        """Return how many batches no collector has acknowledged."""
        return len(self._core.outbox)

    def close(self, *, drain_s: float) -> None:
        """Save everything, give the collector ``drain_s`` to acknowledge it, leave in order."""
        self._jobs.shutdown(wait=True, cancel_futures=True)
        self.put(lambda _now_s: self._core.on_close())
        deadline_s = time.monotonic() + drain_s
        while self._link is not None and time.monotonic() < deadline_s:
            if self._inputs.empty() and not self.waiting_batches():
                break
            time.sleep(0.02)
        self._inputs.put(None)
        self._thread.join()
        if self._link is not None:
            self._link.close(farewell=(self._core.topics.events, encode(self._core.farewell)))

    # The core's thread.

    def _run(self) -> None:
        while True:
            now_s = time.monotonic()
            wait_s = max(self._core.wake_at_s - now_s, 0.0)
            if self._core.deployer.on_trial:
                wait_s = min(wait_s, _WATCH_S)
            try:
                given = self._inputs.get(timeout=wait_s)
                if given is None:
                    return
                self._attempt(given)
            except queue.Empty:
                pass
            self._attempt(self._watch)
            if time.monotonic() >= self._core.wake_at_s:
                self._attempt(lambda now_s: self._core.on_timer(now_s, time.time()))

    def _attempt(self, given: Input) -> None:
        """Carry out what an input asks for; an error is logged, and the agent goes on serving."""
        try:
            self._carry_out(given(time.monotonic()))
        except EdgeError as error:
            _log.warning("%s", error)
        except Exception:  # noqa: BLE001  whatever it is, the model must go on serving
            _log.exception("a defect in the agent: this step is skipped, predictions go on")

    def _watch(self, now_s: float) -> Sequence[Effect]:
        """Tell the core how many calls the serving version has answered since the last time."""
        routing = self.routing
        if routing is None:
            return []
        digest = routing.serve.digest
        mark = self._recorder.mark_of(digest, Role.PRIMARY)
        before = self._watched
        self._watched = (digest, mark.calls, mark.failures)
        if before[0] != digest:
            return []
        return self._core.on_calls(digest, mark.calls - before[1], mark.failures - before[2], now_s)

    def _carry_out(self, effects: Iterable[Effect]) -> None:  # noqa: C901, PLR0912  one case each
        for effect in effects:
            match effect:
                case CollectWindows():
                    self._collect()
                case SaveBatches():
                    self._save(effect)
                case DeleteBatches(batch_ids):
                    self._store.delete(batch_ids)
                case PublishBatch(batch):
                    self._publish(self._core.topics.telemetry, encode(batch))
                case SendEvent(message):
                    self._publish(self._core.topics.events, encode(message))
                    if isinstance(message, Report):
                        self._on_report(message)
                case SaveState(state):
                    self._store.save_state(state)
                    self._tell_status()
                case FetchPackage(digest, url):
                    self._jobs.submit(self._fetch, digest, url)
                case LoadPackage(digest):
                    self._jobs.submit(self._load, digest)
                case UnloadPackage(digest):
                    self._loaded.pop(digest, None)
                case Route():
                    self._route(effect)
                case DeletePackages(keep):
                    self._packages.prune(keep)
                case Log(level, text):
                    _log.log(logging.WARNING if level == "warning" else logging.INFO, "%s", text)
                    self.trouble = text if level == "warning" else self.trouble
                case _:
                    assert_never(effect)

    def _collect(self) -> None:
        self._collecting.clear()
        entries, marks = self._recorder.collect(time.time())
        self._carry_out(self._core.on_windows(entries, marks, time.monotonic()))

    def _save(self, save: SaveBatches) -> None:
        try:
            self._store.save(save.batches, save.marks, save.replaces)
        except UnavailableError as error:
            # The core holds the batches in memory. Their rows may be overwritten meanwhile: were
            # they kept, a full disk would soon cost every new row instead.
            self._recorder.release(save.marks, time.time())
            self._carry_out(self._core.on_save_failed(save, str(error), time.monotonic()))
            return
        self._recorder.release(save.marks, time.time())
        self._carry_out(self._core.on_saved(save, time.monotonic()))

    def _publish(self, topic: str, payload: bytes) -> None:
        if self._link is not None:
            self._link.publish(topic, payload)

    def _route(self, route: Route) -> None:
        shadow, fallback = self._loaded.get(route.shadow), self._loaded.get(route.fallback)
        with self.routed:
            self.routing = Routing(self._loaded[route.serve], shadow, fallback)
            self.routed.notify_all()

    def _tell_status(self) -> None:
        self._on_report(self._core.report())

    # The thread that fetches and loads packages.

    def _fetch(self, digest: str, url: str) -> None:
        try:
            if self._source is None:
                raise PackageError(f"package {digest} is not here and there is no cloud")
            self._source.fetch(digest, url, self._packages)
        except EdgeError as error:
            reason, permanent = str(error), not isinstance(error, UnavailableError)
            self.put(
                lambda now_s: self._core.on_fetch_failed(digest, reason, now_s, permanent=permanent)
            )
        else:
            self.put(lambda now_s: self._core.on_fetched(digest, now_s))

    def _load(self, digest: str) -> None:
        try:
            package = self._packages.load(digest)
            reference = package.reference()
            self._recorder.knows(digest, package.manifest, reference)
            servable = Servable(
                package,
                digest,
                session=self._engine.load(package),
                recorder=self._recorder,
                salt=self._core.config.fleet,
            )
            servable.check_golden(package)
        except EdgeError as error:
            reason = str(error)
            self.put(lambda now_s: self._core.on_load_failed(digest, reason, now_s))
            return

        def loaded(now_s: float) -> Sequence[Effect]:
            self._core.knows(digest, package.manifest, reference)
            self._loaded[digest] = servable
            return self._core.on_loaded(digest, servable.session.provider, now_s)

        self.put(loaded)
