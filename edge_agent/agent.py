"""The agent as applications use it: predict, label, and never think of the rest."""

import atexit
import contextlib
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from edge_agent.adapters.inputs import Rows
from edge_agent.adapters.onnxruntime_engine import OnnxRuntimeEngine
from edge_agent.assembly import Assembly, Limits
from edge_agent.config import default_device, default_state_folder, hardware_facts
from edge_agent.core.agent import AgentConfig
from edge_agent.labels import Labels
from edge_agent.local_package import package_at
from edge_agent.memory_ceiling import MemoryCeiling
from edge_agent.ports import InferenceEngine, Link, PackageSource
from edge_agent.prediction import Answer, Prediction
from edge_agent.retired import MOST
from edge_agent.servable import Servable, Served
from edge_agent.shadow import ShadowRunner
from edge_agent.shell import Shell
from edge_agent.switch import Routing
from edge_agent.variants import VariantPolicy
from edge_contract.errors import EdgeError, UnavailableError, UsageError
from edge_contract.names import checked_name
from edge_contract.package import Manifest, Package

if TYPE_CHECKING:
    from edge_agent.async_calls import AsyncCalls

__all__ = ["Agent"]

_DRAIN_S: Final = 3.0


class Agent:
    """Runs one model on this device and keeps it up to date. Thread-safe.

    ::

        agent = edgefleet.Agent("digits", cloud="mqtt://cloud.example:1883")
        prediction = agent.predict(rows)
        agent.label(prediction.id, truth)

    Args:
        model: Name of a model of the fleet, or a model package to start with, or its path.
        cloud: URL of the broker, ``mqtt://host[:port]`` or ``mqtts``, ``ws``, ``wss``; without it
            the agent only predicts.
        device: Name of this device, unique in the fleet; by default the host's.
        fleet: Name of the fleet.
        state: Folder for what must survive a restart; one per device and model.
        tags: What the operator calls the device: ``{"site": "oslo"}``.
        interval_s: Length of a telemetry window, until the cloud says otherwise.
        username: For the broker.
        password: For the broker.
        ready_timeout_s: How long ``predict`` waits for a first model.
        outbox_bytes: How much telemetry may wait while the cloud is out of reach.
        ack_timeout_s: How long to wait for the cloud to confirm telemetry before it is sent again.
        profile: What the model may take of the device: ``low-power`` (one core, no memory kept
            between calls), ``balanced`` (one core) or ``throughput`` (all cores that this process
            may use).
        threads: Threads for one call of the model, other than the profile says.
        providers: Where the model runs, by preference: ``cuda``, ``tensorrt``, ``openvino``,
            ``coreml``, ``directml``, ``cpu``, or ``auto`` for whatever accelerator there is. The
            processor serves in any case; why is told by status and reports.
        device_memory_mb: What an accelerator may take for itself, in MiB.
        variant: Which variant of a model to run where its package holds several: ``exact``,
            ``smallest``, or ``fastest``, which is measured here when the package is loaded. One
            that cannot run here, or not as its author saw it, is passed over for the exact one.
        salt: Secret of the fleet, the same on all its devices and at least 16 characters long, with
            which texts that are no known category are hashed; by default each device has its own,
            and the same text on two devices counts as two.
        noise_epsilon: Adds noise to all counts that leave, so that nobody can tell what any single
            row held: each column of a window is epsilon-differentially private, see
            :mod:`edge_contract.stats.noise`. Useful values are about 0.5 to 5; 0 adds none.
        max_memory_mb: Versions with which the process would take more MiB are refused.
        max_disk_mb: MiB that the state folder may hold, see :mod:`edge_agent.housekeeping`.
        log_predictions: Share of the calls that are written into ``predictions.jsonl`` of the state
            folder, for people to look at; see :mod:`edge_agent.prediction_log`.

    Raises:
        UsageError: An argument is wrong, or another process runs this device.
        PackageError: The package at ``model`` is damaged.
        UnavailableError: The state folder cannot be written.
    """

    def __init__(  # noqa: PLR0913  the options that applications set
        self,
        model: str | os.PathLike[str] | Package,
        *,
        cloud: str | None = None,
        device: str | None = None,
        fleet: str = "default",
        state: str | os.PathLike[str] | None = None,
        tags: Mapping[str, str] | None = None,
        interval_s: float = 60.0,
        username: str | None = None,
        password: str | None = None,
        ready_timeout_s: float = 60.0,
        outbox_bytes: int = 32_000_000,
        ack_timeout_s: float = 10.0,
        profile: str = "balanced",
        threads: int | None = None,
        providers: Sequence[str] = ("cpu",),
        device_memory_mb: int | None = None,
        variant: str = "exact",
        salt: str | None = None,
        noise_epsilon: float = 0.0,
        max_memory_mb: int | None = None,
        max_disk_mb: int | None = None,
        log_predictions: float = 0.0,
    ) -> None:
        package = model if isinstance(model, Package) else package_at(model)
        name = package.manifest.name if package is not None else checked_name(str(model), "model")
        if package is None and cloud is None and state is None:
            raise UsageError(
                f"model {name!r} is no package file, and there is no cloud to get it from: "
                "give the path of a .modelpkg, or cloud='mqtt://...'"
            )
        self.model = name
        self.device = checked_name(device or default_device(), "device")
        policy = VariantPolicy.of(variant)
        engine: InferenceEngine = OnnxRuntimeEngine(
            profile=profile,
            threads=threads,
            providers=providers,
            device_memory_mb=device_memory_mb,
        )
        self._ready_timeout_s = ready_timeout_s
        self._closing = threading.Lock()
        self._closed = False
        config = AgentConfig(
            fleet=fleet,
            device=self.device,
            model=name,
            interval_s=interval_s,
            agent_version="" if cloud is None else _version(),
            facts=hardware_facts(),
            tags=tags or {},
            outbox_bytes=outbox_bytes,
            ack_timeout_s=ack_timeout_s,
            salt=salt,
            noise_epsilon=noise_epsilon,
        )
        folder = None if state is None else Path(state)
        if folder is None and cloud is not None:
            folder = default_state_folder(fleet, self.device)
        with contextlib.ExitStack() as undo:
            limits = Limits(
                memory_bytes=None if max_memory_mb is None else max_memory_mb * 2**20,
                disk_bytes=None if max_disk_mb is None else max_disk_mb * 2**20,
                log_predictions=log_predictions,
            )
            self._parts = Assembly(config, folder, limits)
            self._predictions = self._parts.predictions
            undo.callback(self._parts.close)
            self.state = self._parts.folder
            if limits.memory_bytes is not None:
                engine = MemoryCeiling(engine, self._parts.meter, limits.memory_bytes)
            self._shell = self._make_shell(cloud, username, password, engine, policy)
            self._switch = self._shell.switch
            self._async_calls: AsyncCalls | None = None
            self._collect_soon = self._shell.collect_soon
            self._labels = Labels(self._parts.recorder, self._parts.store, wake=self._collect_soon)
            self._shadow = ShadowRunner()
            if package is not None:
                self._parts.packages.add(package)
                adopted = package.manifest.version, package.digest
                self._shell.start(lambda _now_s: self._parts.core.adopt(*adopted))
            else:
                self._shell.start()
            undo.pop_all()
        atexit.register(self.close)

    # Predicting.

    def predict(self, rows: Rows) -> Prediction:
        """Predict some rows and observe them.

        Args:
            rows: An array, nested lists, one row, columns by name, or a DataFrame.

        Raises:
            UsageError: The rows do not fit the model; the message names input, type and shape.
            UnavailableError: No model is here yet, or the model failed.
        """
        routing = self._switch.routing or self._first_routing()
        servable = routing.serve
        path = servable.row_path
        if path is not None and routing.shadow is None:
            prediction = path.predict(rows, self._collect_soon)
            if prediction is not None:
                if self._predictions is not None:
                    self._predictions.offer(rows, prediction)
                return prediction
        try:
            served = servable.serve(rows, wake=self._collect_soon)
        except EdgeError as error:
            if routing.fallback is None:
                raise
            served = self._fall_back(servable, routing.fallback, rows, error)
            servable = routing.fallback
        if routing.shadow is not None:
            self._shadow.offer(routing.shadow, served)
        prediction = Prediction(Answer(served.decoded, served.outputs), servable.origin)
        if self._predictions is not None:
            self._predictions.offer(rows, prediction)
        return prediction

    async def apredict(self, rows: Rows) -> Prediction:
        """Do what :meth:`predict` does, for event loops, which it does not hold up.

        A quick model answers at once; a slow one runs on another thread. Raises the same errors.
        """
        return await self._asynchronous().predict(rows)

    def label(self, prediction_id: str, truth: object) -> int:
        """Tell what came true; days later is fine.

        Args:
            prediction_id: ``prediction.id`` of a call, or one of ``prediction.ids``.
            truth: The class as the author wrote it or the number; a sequence for a call of many
                rows.

        Returns:
            How many rows were labelled; rows that had a label already are not counted again.

        Raises:
            UsageError: The identifier is none, there are too few or many truths, a truth is no
                class of the model, or the version is long gone.
            UnavailableError: The disk is full or out of reach: tell it again later.
        """
        if self._closed:
            raise self._is_closed()
        return self._labels.add(prediction_id, truth)

    # Life.

    @property
    def version(self) -> str:
        """The version that serves now; empty while none does."""
        routing = self._shell.switch.routing
        return "" if routing is None else routing.serve.manifest.version

    @property
    def manifest(self) -> Manifest | None:
        """What the version that serves now is, takes and gives; ``None`` while none does."""
        routing = self._shell.switch.routing
        return None if routing is None else routing.serve.manifest

    def wait_ready(self, timeout_s: float | None = None) -> str:
        """Wait until a model serves and return its version.

        Raises:
            UnavailableError: None does within ``timeout_s`` (by default ``ready_timeout_s``).
        """
        return self._first_routing(timeout_s).serve.manifest.version

    def rows_observed(self) -> int:
        """Return how many rows of calls were observed since this device's rings were made.

        That is at the first start, or after the last reboot where rings lie in memory.
        """
        return self._parts.recorder.rows_observed()

    def is_responsive(self, timeout_s: float) -> bool:
        """Return whether the thread that looks after telemetry and updates answers in that time."""
        return not self._closed and self._shell.is_responsive(timeout_s)

    def batches_saved(self) -> int:
        """Return how many batches of telemetry this device ever made."""
        return self._parts.store.batches_saved()

    def waiting_batches(self) -> int:
        """Return how many batches of telemetry the cloud has not acknowledged yet."""
        return self._shell.waiting_batches()

    def close(self, *, drain_s: float = _DRAIN_S) -> None:
        """Save all statistics, send what can be sent within ``drain_s`` seconds, and leave.

        Idempotent. Predicting afterwards is an error.
        """
        with self._closing:
            if self._closed:
                return
            self._closed = True
            atexit.unregister(self.close)
            try:
                if self._async_calls is not None:
                    self._async_calls.close()
                self._shadow.close()
                self._parts.status.close()
                self._shell.close(drain_s=drain_s)
            finally:
                self._parts.close()

    def __enter__(self) -> Self:
        """Return the agent."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the agent."""
        self.close()

    # Inside.

    def _asynchronous(self) -> "AsyncCalls":
        if self._async_calls is None:
            from edge_agent.async_calls import AsyncCalls  # few programs have an event loop

            with self._closing:
                if self._async_calls is None:
                    self._async_calls = AsyncCalls(self.predict, self._switch)
                    if self._closed:
                        self._async_calls.close()
        return self._async_calls

    def _make_shell(
        self,
        cloud: str | None,
        username: str | None,
        password: str | None,
        engine: InferenceEngine,
        policy: VariantPolicy,
    ) -> Shell:
        parts = self._parts
        link: Link | None = None
        source: PackageSource | None = None
        if cloud is not None:
            from edge_agent.cloud_link import cloud_link

            link, source = cloud_link(
                parts.core,
                cloud,
                username=username,
                password=password,
                memory_left=parts.memory_left,
            )
        return Shell(
            parts.core,
            store=parts.store,
            packages=parts.packages,
            source=source,
            engine=engine,
            recorder=parts.recorder,
            link=link,
            on_report=parts.status.write,
            variants=policy,
            housekeeping=parts.housekeeping,
            retired=0 if isinstance(engine, MemoryCeiling) else MOST,
        )

    def _fall_back(
        self, tried: Servable, fallback: Servable, rows: Rows, error: EdgeError
    ) -> Served:
        """Let the version behind the one on trial answer, which failed or refuses these rows."""
        served = fallback.serve(rows, wake=self._collect_soon)
        if isinstance(error, UsageError):  # the rows are right: the good version takes them
            tried.count_failure()
        return served

    def _first_routing(self, timeout_s: float | None = None) -> Routing:
        shell = self._shell
        wait_s = self._ready_timeout_s if timeout_s is None else timeout_s
        routing = None if self._closed else shell.switch.wait(wait_s)
        if self._closed:
            raise self._is_closed()
        if routing is None:
            trouble = f" ({shell.trouble})" if shell.trouble else ""
            model = self._parts.core.config.model
            raise UnavailableError(
                f"no version of model {model!r} is on device {self.device!r} "
                f"after {wait_s:.0f} s{trouble}: check that the cloud is reachable and has one"
            )
        return routing

    def _is_closed(self) -> UsageError:
        return UsageError(f"agent {self.device!r} is closed: make a new one")


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version  # slow, and for the cloud only

    try:
        return version("edgefleet")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "0+unknown"
