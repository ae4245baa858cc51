"""The agent as applications use it: runs models on this device, and keeps them up to date."""

import atexit
import contextlib
import os
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Final, Self

from edge_agent.adapters.onnxruntime_engine import OnnxRuntimeEngine
from edge_agent.assembly import Assembly, Limits
from edge_agent.config import default_device, default_state_folder, hardware_facts
from edge_agent.core.agent import AgentConfig
from edge_agent.core.effects import Effect
from edge_agent.core.shadow_budget import ShadowLimits
from edge_agent.labels import Labels
from edge_agent.local_package import asked_models
from edge_agent.memory_ceiling import MemoryCeiling
from edge_agent.model import Model, Shared
from edge_agent.ports import InferenceEngine, Link, PackageSource
from edge_agent.retired import MOST
from edge_agent.shadow import ShadowRunner
from edge_agent.shell import Shell
from edge_agent.switch import Routing, Switch
from edge_agent.variants import VariantPolicy
from edge_contract.errors import UsageError
from edge_contract.names import checked_name
from edge_contract.package import Manifest, Package

__all__ = ["Agent"]

_DRAIN_S: Final = 3.0


class Agent(Model):
    """Runs a model, or several, on this device and keeps them up to date. Thread-safe.

    ::

        agent = edgefleet.Agent("digits", cloud="mqtt://cloud.example:1883")
        prediction = agent.predict(rows)
        agent.label(prediction.id, truth)

    Of several models each has slots, statistics and rollouts of its own; they share the device's
    name, the link, the state folder and what waits for the cloud::

        agent = edgefleet.Agent(["digits", "gate"], cloud="mqtt://cloud.example:1883")
        prediction = agent["gate"].predict(rows)
        agent.label(prediction.id, truth)

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
        trusted_root: File with a TUF root, ``root.json`` of `edgefleet keys init`. Only versions
            that it vouches for are then installed, and only its director gives orders.

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
        trusted_root: str | os.PathLike[str] | None = None,
    ) -> None:
        asked = asked_models(model)
        if cloud is None and state is None:
            _require_packages(asked)
        self.device = checked_name(device or default_device(), "device")
        policy = VariantPolicy.of(variant)
        engine: InferenceEngine = OnnxRuntimeEngine(
            profile=profile,
            threads=threads,
            providers=providers,
            device_memory_mb=device_memory_mb,
        )
        self._closing = threading.Lock()
        shadow_limits = ShadowLimits(sample=shadow_sample, cpu=shadow_cpu)
        config = AgentConfig(
            fleet=fleet,
            device=self.device,
            models=tuple(asked),
            interval_s=interval_s,
            agent_version="" if cloud is None else _version(),
            facts=hardware_facts(),
            tags=tags or {},
            outbox_bytes=outbox_bytes,
            ack_timeout_s=ack_timeout_s,
            salt=salt,
            noise_epsilon=noise_epsilon,
            download_only=download_only,
            maintenance_windows=_listed(maintenance_window),
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
            undo.callback(self._parts.close)
            self.state = self._parts.folder
            if limits.memory_bytes is not None:
                engine = MemoryCeiling(engine, self._parts.meter, limits.memory_bytes)
            self._shell = self._make_shell(
                cloud, username, password, engine, policy, _root(trusted_root)
            )
            self._take_up_models(tuple(asked), ready_timeout_s, shadow_limits, engine.threads)
            self._start([package for package in asked.values() if package is not None])
            undo.pop_all()
        atexit.register(self.close)

    # Models.

    def __getitem__(self, name: str) -> Model:
        """Return a model by its name; raises ``UsageError`` if the agent does not run it."""
        found = self.models.get(name)
        if found is None:
            known = ", ".join(map(repr, self.models))
            raise UsageError(f"agent {self.device!r} runs no model {name!r} (it runs {known})")
        return found

    @property
    def version(self) -> str:
        """The version that serves now; empty while none does. Of several, with commas between."""
        if self._is_single:
            return super().version
        return ", ".join(each.version for each in self.models.values())

    @property
    def manifest(self) -> Manifest | None:
        """What the version that serves now is, takes and gives; ``None`` while none does.

        Raises:
            UsageError: The agent runs several models.
        """
        if not self._is_single:
            raise self._is_several("manifest")
        return super().manifest

    def wait_ready(self, timeout_s: float | None = None) -> str:
        """Wait until a version serves, of several models one of each, and return them.

        Raises:
            UnavailableError: None does within ``timeout_s`` (by default ``ready_timeout_s``).
        """
        if self._is_single:
            return super().wait_ready(timeout_s)
        wait_s = self._shared.ready_timeout_s if timeout_s is None else timeout_s
        ends_s = time.monotonic() + wait_s
        return ", ".join(
            each.wait_ready(max(ends_s - time.monotonic(), 0.0)) for each in self.models.values()
        )

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

    # Life.

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

    def _take_up_models(
        self, names: Sequence[str], ready_timeout_s: float, limits: ShadowLimits, threads: int
    ) -> None:
        """Make what predicts; an agent of one model is that model itself."""
        parts, shell = self._parts, self._shell
        shared = Shared(
            device=self.device,
            shell=shell,
            labels=Labels(parts.recorder, parts.store, wake=shell.collect_soon),
            shadow=ShadowRunner(limits, threads=threads, tell=shell.on_shadow),
            predictions=parts.predictions,
            ready_timeout_s=ready_timeout_s,
        )
        self._is_single = len(names) == 1
        switch = shell.switches[names[0]] if self._is_single else Switch()
        super().__init__(", ".join(names), switch, shared)
        self.models: Mapping[str, Model] = MappingProxyType(
            {names[0]: self}
            if self._is_single
            else {name: Model(name, shell.switches[name], shared) for name in names}
        )

    def _start(self, packages: Sequence[Package]) -> None:
        for package in packages:
            self._parts.packages.add(package)
        core = self._parts.core

        def adopt(_now_s: float) -> Sequence[Effect]:
            effects: list[Effect] = []
            for package in packages:
                manifest = package.manifest
                effects += core.adopt(manifest.name, manifest.version, package.digest)
            return effects

        self._shell.start(adopt if packages else None)

    def _make_shell(
        self,
        cloud: str | None,
        username: str | None,
        password: str | None,
        engine: InferenceEngine,
        policy: VariantPolicy,
        root: bytes | None,
    ) -> Shell:
        parts = self._parts
        link: Link | None = None
        source: PackageSource | None = None
        if cloud is not None:
            from edge_agent.cloud_link import Trust, cloud_link

            link, source = cloud_link(
                parts.core,
                cloud,
                username=username,
                password=password,
                memory_left=parts.memory_left,
                trust=None if root is None else Trust(root, parts.folder / "trust"),
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

    def _first_routing(self, timeout_s: float | None = None) -> Routing:
        if not self._is_single:
            raise self._is_closed() if self._shared.closed.is_set() else self._is_several("predict")
        return super()._first_routing(timeout_s)

    def _is_several(self, what: str) -> UsageError:
        return UsageError(
            f"agent {self.device!r} runs the models {self.model}: say which one, like "
            f"agent[{next(iter(self.models))!r}].{what}"
        )


def _require_packages(asked: Mapping[str, Package | None]) -> None:
    for name, package in asked.items():
        if package is None:
            raise UsageError(
                f"model {name!r} is no package file, and there is no cloud to get it from: "
                "give the path of a .modelpkg, or cloud='mqtt://...'"
            )


def _listed(windows: str | Sequence[str]) -> tuple[str, ...]:
    texts = windows.split(";") if isinstance(windows, str) else windows
    return tuple(text for text in texts if text.strip())


def _root(path: str | os.PathLike[str] | None) -> bytes | None:
    if path is None:
        return None
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UsageError(
            f"cannot read the trusted root {str(path)!r}: {error.strerror}; it is the file "
            "root.json that `edgefleet keys init` made"
        ) from error


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version  # slow, and for the cloud only

    try:
        return version("edgefleet")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "0+unknown"
