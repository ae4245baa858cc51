"""The agent as applications use it: runs models on this device, and keeps them up to date."""

import atexit
import contextlib
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import edge_agent.adapters.one_blas_thread  # noqa: F401  before anything loads numpy
from edge_agent.adapters.compiled_models import CompiledModels
from edge_agent.adapters.onnxruntime_engine import OnnxRuntimeEngine
from edge_agent.adapters.providers import runtime_facts
from edge_agent.assembly import Assembly, Limits
from edge_agent.config import default_device, default_state_folder, hardware_facts
from edge_agent.core.agent import AgentConfig
from edge_agent.core.shadow_budget import ShadowLimits
from edge_agent.labels import Labels
from edge_agent.local_package import asked_models
from edge_agent.memory_ceiling import MemoryCeiling
from edge_agent.model import Shared
from edge_agent.models import Models
from edge_agent.ports import InferenceEngine
from edge_agent.shadow import ShadowRunner
from edge_agent.starting import (
    agent_version,
    listed,
    require_packages,
    sample_options,
    shell_of,
    start_with,
    trusted,
)
from edge_agent.variants import VariantPolicy
from edge_agent.way_to_cloud import CloudOptions, way_to_cloud
from edge_contract.names import checked_name
from edge_contract.package import Package

__all__ = ["Agent"]

_DRAIN_S: Final = 3.0


class Agent(Models):
    """Runs a model, or several, on this device and keeps them up to date. Thread-safe.

    ::

        agent = edgefleet.Agent("digits", cloud="mqtts://cloud.example:8883")
        prediction = agent.predict(rows)
        agent.label(prediction.id, truth)

    Of several models each has slots, statistics and rollouts of its own; they share the device's
    name, the link, the state folder and what waits for the cloud::

        agent = edgefleet.Agent(["digits", "gate"], cloud="mqtts://cloud.example:8883")
        prediction = agent["gate"].predict(rows)

    Args:
        model: Name of a model of the fleet, or a model package to start with, or its path; or a
            sequence of these.
        cloud: URL of the broker, ``mqtt://host[:port]`` or ``mqtts``, ``ws``, ``wss``; without it
            the agent only predicts.
        device: Name of this device, unique in the fleet; by default the host's.
        fleet: Name of the fleet.
        state: Folder for what must survive a restart; one per device.
        tags: What the operator calls the device: ``{"site": "oslo"}``.
        interval_s: Length of a telemetry window, until the cloud says otherwise.
        username: For the broker.
        password: For the broker.
        ready_timeout_s: How long ``predict`` waits for a first version of its model.
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
        download_only: Whether new versions are fetched and verified, but begin only by
            :meth:`install_update` or the command ``install-update``.
        maintenance_window: When new versions may begin, by the clock on a wall: ``22:00-05:00
            Europe/Oslo``, ``sat,sun 00:00-24:00 UTC``; several in a list, or with semicolons
            between. By default at any time.
        shadow_sample: Share of the calls that a candidate in the shadow repeats.
        shadow_cpu: Processor cores that it may take on average; it also rests when the calls that
            it repeats become slower, see :mod:`edge_agent.core.shadow_budget`.
        keep_samples: For which purposes (one, or several) rows that the model was unsure of, that
            lie outside of its reference, or that a candidate answers otherwise may be kept and
            handed to the cloud when the operator asks for them; see ``docs/samples.md``. By default
            no row is ever kept or leaves the device.
        samples_mb: MiB of disk that samples may take.
        samples_days: For how many days a sample may stay on the device.
        trusted_root: File with a TUF root, ``root.json`` of `edgefleet keys init`. Only versions
            that it vouches for are then installed, and only its director gives orders.
        join_token: What `edgefleet fleet enroll` printed: the device joins the fleet when it starts
            the first time, and what it gets is in the state folder from then on; ``cloud`` and
            credentials need not be told any more.
        ca_file: File with the certificates to trust for the cloud; by default the system's, or what
            the device got when it joined.
        plain_text: Allows ``mqtt://`` and ``ws://`` beyond this machine.

    Attributes:
        model: Name of the model; of several their names with commas between.
        models: The models by name.
        device: Name of the device.
        state: The state folder.

    Raises:
        UsageError: An argument is wrong, or another process runs this device.
        PackageError: The package at ``model`` is damaged.
        UnavailableError: The state folder cannot be written.
    """

    def __init__(  # noqa: PLR0913  the options that applications set
        self,
        model: "str | os.PathLike[str] | Package | Sequence[str | os.PathLike[str] | Package]",
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
        download_only: bool = False,
        maintenance_window: str | Sequence[str] = (),
        shadow_sample: float = 1.0,
        shadow_cpu: float = 0.25,
        keep_samples: str | Sequence[str] = (),
        samples_mb: float = 16.0,
        samples_days: float = 7.0,
        trusted_root: str | os.PathLike[str] | None = None,
        join_token: str | None = None,
        ca_file: str | os.PathLike[str] | None = None,
        plain_text: bool = False,
    ) -> None:
        asked = asked_models(model)
        self.device = checked_name(device or default_device(), "device")
        way = way_to_cloud(
            CloudOptions(
                cloud,
                username,
                password,
                trusted(trusted_root),
                None if ca_file is None else os.fspath(ca_file),
                plain_text=plain_text,
            ),
            fleet=fleet,
            device=self.device,
            state=None if state is None else Path(state),
            join_token=join_token,
        )
        cloud = way.url
        self._has_cloud = cloud is not None
        if cloud is None and state is None:
            require_packages(asked)
        policy = VariantPolicy.of(variant)
        engine: InferenceEngine
        engine = runtime = OnnxRuntimeEngine(
            profile=profile,
            threads=threads,
            providers=providers,
            device_memory_mb=device_memory_mb,
        )
        self._compiled: CompiledModels | None = None
        self._closing = threading.Lock()
        shadow_limits = ShadowLimits(sample=shadow_sample, cpu=shadow_cpu)
        config = AgentConfig(
            fleet=fleet,
            device=self.device,
            models=tuple(asked),
            interval_s=interval_s,
            agent_version="" if cloud is None else agent_version(),
            facts={**hardware_facts(), **runtime_facts()},
            tags=tags or {},
            outbox_bytes=outbox_bytes,
            ack_timeout_s=ack_timeout_s,
            salt=salt,
            noise_epsilon=noise_epsilon,
            download_only=download_only,
            maintenance_windows=listed(maintenance_window),
        )
        folder = None if state is None else Path(state)
        if folder is None and cloud is not None:
            folder = default_state_folder(fleet, self.device)
        with contextlib.ExitStack() as undo:
            limits = Limits.in_mib(max_memory_mb, max_disk_mb, log_predictions=log_predictions)
            samples = sample_options(keep_samples, samples_mb, samples_days, way=way)
            self._parts = Assembly(config, folder, limits, samples=samples)
            undo.callback(self._parts.close)
            self.state = self._parts.folder
            if max_disk_mb is None:
                compiled = CompiledModels(
                    self._parts.folder / "compiled", outlives_us=folder is not None
                )
                undo.callback(compiled.close)
                runtime.keep_compiled(compiled)
                self._compiled = compiled
            if limits.memory_bytes is not None:
                engine = MemoryCeiling(engine, self._parts.meter, limits.memory_bytes)
            parts = self._parts
            shell = self._shell = shell_of(parts, way, engine, policy)
            shared = Shared(
                device=self.device,
                shell=shell,
                labels=Labels(parts.recorder, parts.store, wake=shell.collect_soon),
                shadow=ShadowRunner(
                    shadow_limits,
                    threads=engine.threads,
                    tell=shell.on_shadow,
                    compared=None if parts.samples is None else parts.samples.compared,
                ),
                observe=parts.observe,
                ready_timeout_s=ready_timeout_s,
            )
            if parts.samples is not None:
                parts.samples.tell_through(shell.on_command_done)
            super().__init__(tuple(asked), shared)
            start_with(shell, parts, [given for given in asked.values() if given is not None])
            undo.pop_all()
        atexit.register(self.close)

    # Updates.

    def hold_updates(self, reason: str = "") -> AbstractContextManager[None]:
        """Let no version take over from another while a block runs.

        ::

            with agent.hold_updates("the arm moves"):
                move(agent.predict(rows))

        New versions are fetched and verified meanwhile, and begin when the last such block of any
        thread ends; the cloud hears why they wait. A version that fails on trial is taken back all
        the same. Blocks may be nested; what is held ends with the process, too.

        Args:
            reason: For people, in ``edgefleet agent status`` and in the cloud.

        Raises:
            UsageError: The agent is closed.
            UnavailableError: The thread that looks after updates does not answer.
        """
        return self._shell.updates.hold(reason)

    @property
    def updates_ready(self) -> Mapping[str, str]:
        """The versions that are here, verified, and wait to begin, by model.

        Raises:
            UsageError: The agent is closed.
            UnavailableError: The thread that looks after updates does not answer.
        """
        return self._shell.updates.ready()

    def install_update(self) -> Mapping[str, str]:
        """Let the versions begin that wait for this (``download_only``) or for their time.

        They serve when this returns, on trial where the cloud wants one; while updates are held,
        when that ends.

        Returns:
            The versions by model; nothing if none waited.

        Raises:
            UsageError: The agent is closed.
            UnavailableError: The thread that looks after updates does not answer.
        """
        return self._shell.updates.install()

    # Commands.

    def on_command(self, name: str, handler: Callable[..., object]) -> None:
        """Let a function do a command of the operator's, for as long as the agent runs.

        ::

            agent.on_command("blink", lambda times=1: f"blinked {lamp.blink(times)} times")

        It gets the command's arguments by name, on the agent's thread, so it must be quick; what it
        returns is the answer, and what it raises is the answer that it could not be done.

        Args:
            name: Lower-case letters, digits and ``-``.
            handler: Does it.

        Raises:
            UsageError: The name is none, or the agent knows such a command already.
            UnavailableError: The thread that looks after updates does not answer.
        """
        from edge_agent.device_commands import action_by

        self._shell.updates.add_command(name, action_by(handler, repr(name)))

    # Life.

    @property
    def has_cloud(self) -> bool:
        """Whether it follows a cloud: the one it was told, or the one of the fleet it joined."""
        return self._has_cloud

    def rows_observed(self) -> int:
        """Return how many rows of calls were observed since this device's rings were made.

        That is at the first start, or after the last reboot where rings lie in memory.
        """
        return self._parts.recorder.rows_observed()

    def is_responsive(self, timeout_s: float) -> bool:
        """Return whether the thread that looks after telemetry and updates answers in that time."""
        return not self._shared.closed.is_set() and self._shell.is_responsive(timeout_s)

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
            if self._shared.closed.is_set():
                return
            self._shared.closed.set()
            atexit.unregister(self.close)
            try:
                for each in {self, *self.models.values()}:
                    each._end_async_calls()
                self._shadow.close()
                if self._compiled is not None:
                    self._compiled.close()
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
