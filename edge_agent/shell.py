"""The shell of a device: carries out the core's effects with real stores, links and sessions.

It decides nothing. Every ``if`` about telemetry or deployment belongs in ``edge_agent.core``, where
the browser gets it too.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import assert_never

from edge_agent.adapters.recorder import Recorder
from edge_agent.adapters.ring import RingMark
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
from edge_agent.core_loop import CoreLoop, Input
from edge_agent.housekeeping import Housekeeping
from edge_agent.noise import WindowNoise
from edge_agent.package_worker import PackageWorker
from edge_agent.ports import BatchStore, InferenceEngine, Link, PackageSource, PackageStore
from edge_agent.retired import MOST, Retired
from edge_agent.servable import Servable
from edge_agent.switch import Routing, Switch
from edge_agent.updates import Updates
from edge_agent.variants import Loaded, VariantPolicy
from edge_contract.errors import EdgeError, UnavailableError
from edge_contract.messages import Downloads, Report, encode
from edge_contract.package import Reference, Role

__all__ = ["Shell"]

_log = logging.getLogger("edgefleet.agent")


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
        ready: Is set when the first version serves, or none on this device is on its way to.
        on_report: Is told every reported state, for the status file.
        on_sent: Is given every batch as it leaves, for people who want to know what does.
        variants: Which variant of a model to run.
        housekeeping: Measures the device and keeps it tidy; ``None`` for nobody.
        retired: How many sessions that serve no more are kept while calls come, see
            :class:`edge_agent.retired.Retired`.
    """

    def __init__(  # noqa: PLR0913  one argument for each thing that it works with
        self,
        core: AgentCore,
        *,
        store: BatchStore,
        packages: PackageStore,
        source: PackageSource | None,
        engine: InferenceEngine,
        recorder: Recorder,
        link: Link | None,
        ready: threading.Event | None = None,
        on_report: Callable[[Report], None],
        variants: VariantPolicy = VariantPolicy.EXACT,
        housekeeping: Housekeeping | None = None,
        retired: int = MOST,
        on_sent: Callable[[bytes], None] = lambda _payload: None,
    ) -> None:
        self._core = core
        self._store = store
        self._packages = packages
        self._recorder = recorder
        self._link = link
        self._ready = threading.Event() if ready is None else ready
        self._is_loading = False
        self._tells_status = True
        self._on_report = on_report
        self._on_sent = on_sent
        self._housekeeping = housekeeping
        self._noise = WindowNoise(core.config.noise_epsilon, recorder)
        self._worker = PackageWorker(
            packages=packages,
            source=source,
            engine=engine,
            recorder=recorder,
            salt=core.config.hash_salt(own=f"{store.identity():016x}"),
            variants=variants,
            news=self,
        )
        self._loaded: dict[str, Servable] = {}
        self._retired = Retired(recorder.rows_observed, most=retired)
        self._loop = CoreLoop(core, carry_out=self._carry_out, watch=self._watch)
        self.updates = Updates(core, self._loop)
        """For what the application says about updates."""
        self._collecting = threading.Event()
        self._connected = threading.Event()
        self.switches: Mapping[str, Switch] = {model: Switch() for model in core.config.models}
        """Where calls go, by model."""
        self._watched = dict.fromkeys(self.switches, RingMark())
        self.trouble = ""
        """Why nothing serves, for people."""

    # For other threads.

    def start(self, first: Input | None = None) -> None:
        """Begin the core's life, then hand it ``first``, and connect."""
        self._tells_status = False  # once is enough
        self._loop.attempt(lambda now_s: self._core.on_start(now_s, time.time()))
        if first is not None:
            self._loop.attempt(first)
        self._tells_status = True
        self._tell_status()
        self._loop.start()
        self._worker.start()
        if not self._is_loading:
            self._ready.set()
        if self._link is not None:
            self._link.start(self)

    def collect_soon(self) -> None:
        """Ask for observed rows to be counted and saved now, because a ring fills up."""
        if not self._collecting.is_set():
            self._collecting.set()
            self._loop.put(lambda _now_s: [CollectWindows()])

    def on_connected(self) -> None:
        """The link is up."""
        _log.info("connected to the broker")
        self._connected.set()
        self._loop.put(self._core.on_connected)

    def on_disconnected(self, reason: str) -> None:
        """The link is down."""
        _log.warning("disconnected: %s", reason)
        self._connected.clear()
        self._loop.put(lambda _now_s: self._core.on_disconnected())

    def on_message(self, topic: str, payload: bytes) -> None:
        """A message came."""
        self._loop.put(
            lambda now_s: self._core.on_message(topic, payload, now_s=now_s, at_unix_s=time.time())
        )

    def on_fetched(self, digest: str, spent: Downloads) -> None:
        """A package is in the store."""
        self._loop.put(lambda now_s: self._core.on_fetched(digest, now_s, spent=spent))

    def on_fetch_failed(
        self, digest: str, reason: str, *, permanent: bool, spent: Downloads
    ) -> None:
        """A package could not be fetched."""
        self._loop.put(
            lambda now_s: self._core.on_fetch_failed(
                digest, reason, now_s, permanent=permanent, spent=spent
            )
        )

    def on_loaded(self, servable: Servable, reference: Reference, loaded: Loaded) -> None:
        """A package can predict."""

        def note(now_s: float) -> Sequence[Effect]:
            self._loaded[servable.digest] = servable
            self._core.knows(servable.digest, servable.manifest, reference)
            provider, fallback = servable.session.provider, loaded.fallback
            if fallback:
                what = f"{servable.reference} ({loaded.variant})"
                _log.warning("%s runs on %s: %s", what, provider, fallback)
            return self._core.on_loaded(
                servable.digest, provider, now_s, fallback=fallback, variant=loaded.variant
            )

        self._loop.put(note)

    def on_load_failed(self, digest: str, reason: str) -> None:
        """A package cannot be used here."""
        self._loop.put(lambda now_s: self._core.on_load_failed(digest, reason, now_s))

    def on_shadow(self, digest: str, reason: str) -> None:
        """A candidate in the shadow rests for a while, or does no longer."""
        self._loop.put(lambda now_s: self._core.on_shadow(digest, reason, now_s))

    def on_command_done(self, command_id: str, ok: bool, answer: str) -> None:  # noqa: FBT001
        """A command that was taken up is done, or failed as ``answer`` says."""
        self._loop.put(lambda _now_s: self._core.on_command_done(command_id, ok=ok, answer=answer))

    def is_responsive(self, timeout_s: float) -> bool:
        """Return whether the core's thread answers within that time."""
        return self._loop.drain(timeout_s)

    def waiting_batches(self) -> int:
        """Return how many batches no collector has acknowledged."""
        return len(self._core.outbox)

    def close(self, *, drain_s: float) -> None:
        """Save everything, give the collector ``drain_s`` to acknowledge it, leave in order."""
        for switch in self.switches.values():
            switch.close()
        self._worker.close()
        self.updates.close()
        self._loop.put(lambda _now_s: self._core.on_close())
        self._loop.drain()
        deadline_s = time.monotonic() + drain_s
        while self._connected.is_set() and self.waiting_batches():
            if time.monotonic() >= deadline_s:
                break
            time.sleep(0.02)
        self._loop.close()
        self._retired.close()
        self._tell_status()
        if self._link is not None:
            self._link.close(farewell=(self._core.topics.events, encode(self._core.farewell)))

    # The core's thread.

    def _carry_out(self, effects: Iterable[Effect]) -> None:
        """Carry out effects in order; one that fails does not keep the others from it."""
        for effect in effects:
            try:
                self._carry_out_one(effect)
            except EdgeError as error:
                _log.warning("%s", error)
            except Exception:  # noqa: BLE001  whatever it is, the model must go on serving
                _log.exception("a defect in the agent: this step is skipped, predictions go on")

    def _watch(self, now_s: float) -> Sequence[Effect]:
        """Tell the core how many calls the serving versions have answered since the last time."""
        return [effect for model in self.switches for effect in self._watch_one(model, now_s)]

    def _watch_one(self, model: str, now_s: float) -> Sequence[Effect]:
        routing, before = self.switches[model].routing, self._watched[model]
        if routing is None:
            return []
        digest = routing.serve.digest
        mark = self._watched[model] = self._recorder.mark_of(digest, Role.PRIMARY)
        if mark == before:
            return []
        return self._core.on_calls(
            digest, mark.calls - before.calls, mark.failures - before.failures, now_s
        )

    def _carry_out_one(self, effect: Effect) -> None:  # noqa: C901, PLR0912  one case each
        match effect:
            case CollectWindows():
                self._collect()
            case SaveBatches():
                self._save(effect)
            case DeleteBatches(batch_ids):
                self._store.delete(batch_ids)
            case PublishBatch(message=payload):
                self._publish(self._core.topics.telemetry, payload)
                self._on_sent(payload)
            case SendEvent(message):
                self._publish(self._core.topics.events, encode(message))
                if isinstance(message, Report):
                    self._on_report(message)
            case SaveState():
                self._save_state(effect)
            case FetchPackage(digest, url):
                self._worker.fetch(digest, url)
            case LoadPackage(digest):
                self._is_loading = True
                self._worker.load(digest)
            case UnloadPackage(digest):
                gone = self._loaded.pop(digest, None)
                if gone is not None:
                    self._retired.add(gone)
            case Route():
                self._route(effect)
            case DeletePackages(keep):
                self._delete_packages(keep)
            case Log(level, text):
                _log.log(logging.WARNING if level == "warning" else logging.INFO, "%s", text)
                self.trouble = text if level == "warning" else self.trouble
            case _:
                assert_never(effect)

    def _collect(self, *, looks: bool = True) -> None:
        self._collecting.clear()
        if self._housekeeping is not None and looks:
            self._core.on_resources(self._housekeeping.look())
        counted, marks = self._recorder.collect(time.time())
        entries = self._noise.added(counted)
        self._carry_out(self._core.on_windows(entries, marks, time.monotonic()))

    def _save(self, save: SaveBatches) -> None:
        try:
            self._store.save(save.batches, save.marks, save.replaces)
        except UnavailableError as error:
            # The core holds the batches in memory. Their rows may be overwritten meanwhile: were
            # they kept, a full disk would soon cost every new row instead.
            self._recorder.release(save.marks)
            self._carry_out(self._core.on_save_failed(save, str(error), time.monotonic()))
            return
        self._recorder.release(save.marks)
        self._carry_out(self._core.on_saved(save, time.monotonic()))

    def _save_state(self, save: SaveState) -> None:
        try:
            self._store.save_state(save.state)
        except UnavailableError as error:
            self._carry_out(self._core.on_state_save_failed(str(error), time.monotonic()))
        self._tell_status()

    def _publish(self, topic: str, payload: bytes) -> None:
        if self._link is not None:
            self._link.publish(topic, payload)

    def _route(self, route: Route) -> None:
        serve, shadow = self._loaded.get(route.serve), self._loaded.get(route.shadow)
        fallback = self._loaded.get(route.fallback)
        switch = self.switches[route.model]
        before = switch.routing
        if before is None or before.serve is not serve:
            self._watched[route.model] = self._recorder.mark_of(route.serve, Role.PRIMARY)
        if shadow is not None and not shadow.begin_shadow():
            _log.warning("%s cannot run in the shadow: no room for its ring", shadow.reference)
            shadow = None
        switch.turn(None if serve is None else Routing(serve, shadow, fallback))
        if serve is not None:
            self._ready.set()

    def _delete_packages(self, keep: tuple[str, ...]) -> None:
        self._packages.prune(keep)
        self._collect(looks=False)  # rings of packages that are gone for good are removed
        self._recorder.forget_others(self._packages.digests())

    def _tell_status(self) -> None:
        if self._tells_status:
            self._on_report(self._core.report())
