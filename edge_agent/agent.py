"""The agent as applications use it: predict, label, and never think of the rest."""

import atexit
import contextlib
import json
import os
import shutil
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from edge_agent.adapters.folder_packages import FolderPackages
from edge_agent.adapters.http_source import HttpSource
from edge_agent.adapters.inputs import Rows
from edge_agent.adapters.onnxruntime_engine import OnnxRuntimeEngine
from edge_agent.adapters.paho_link import PahoLink
from edge_agent.adapters.recorder import Recorder
from edge_agent.adapters.sqlite_store import SqliteBatchStore
from edge_agent.config import (
    default_device,
    default_state_folder,
    hardware_facts,
    made,
    ring_folder,
)
from edge_agent.core.agent import AgentConfig, AgentCore
from edge_agent.left_rings import claim_rings, sweep_rings
from edge_agent.local_package import read_package
from edge_agent.ports import LinkOptions
from edge_agent.prediction import Prediction, parse_id
from edge_agent.shadow import ShadowRunner
from edge_agent.shell import Routing, Shell
from edge_agent.truths import truth_rows
from edge_contract.errors import UnavailableError, UsageError
from edge_contract.messages import Report, encode
from edge_contract.messages.broker_url import parse_broker_url
from edge_contract.names import checked_name
from edge_contract.package import PACKAGE_SUFFIX, Package, Role

if TYPE_CHECKING:
    from edge_agent.servable import Served

__all__ = ["Agent"]

_REMEMBERED_LABELS: Final = 100_000
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
        threads: Threads for one call of the model.

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
        threads: int = 1,
    ) -> None:
        package = _package_at(model)
        name = package.manifest.name if package is not None else checked_name(str(model), "model")
        if package is None and cloud is None and state is None:
            raise UsageError(
                f"model {name!r} is no package file, and there is no cloud to get it from: "
                "give the path of a .modelpkg, or cloud='mqtt://...'"
            )
        self.device = checked_name(device or default_device(), "device")
        self._ready_timeout_s = ready_timeout_s
        self._labelled: OrderedDict[tuple[str, int], None] = OrderedDict()
        self._labels_lock = threading.Lock()
        self._shadow = ShadowRunner()
        self._closed = False
        self._temporary = state is None and cloud is None
        self.state = self._state_folder(state, fleet)
        config = AgentConfig(
            fleet=fleet,
            device=self.device,
            model=name,
            interval_s=interval_s,
            agent_version=_version(),
            facts=hardware_facts(),
            tags=tags or {},
            outbox_bytes=outbox_bytes,
            ack_timeout_s=ack_timeout_s,
        )
        self._rings = made(ring_folder(self.state))
        claim_rings(self._rings, self.state)
        sweep_rings(self._rings)
        self._store = SqliteBatchStore(self.state / "agent.db")
        boot = self._store.next_boot(time.time())
        self._core = AgentCore(
            config, boot, state=self._store.state(), restored=self._store.batches()
        )
        self._packages = FolderPackages(made(self.state / "packages"))
        self._recorder = Recorder(self._rings, self._store.marks())
        self._know_stored_packages()
        self._shell = self._make_shell(cloud, username, password, threads)
        if package is not None:
            self._packages.add(package)
            version, digest = package.manifest.version, package.digest
            self._shell.start(lambda _now_s: self._core.adopt(version, digest))
        else:
            self._shell.start()
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
        routing = self._shell.routing or self._first_routing()
        servable = routing.serve
        try:
            served = servable.serve(rows, wake=self._shell.collect_soon)
        except UnavailableError:
            if routing.fallback is None:
                raise
            servable = routing.fallback  # the version on trial failed: the one behind it answers
            served = servable.serve(rows, wake=self._shell.collect_soon)
        if routing.shadow is not None:
            self._shadow.offer(routing.shadow, served)
        return _prediction(servable.manifest.reference, servable.digest, served)

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
        """
        parsed = parse_id(prediction_id)
        digest = self._recorder.package_digest(parsed.package)
        rows = truth_rows(self._recorder.manifest(digest), parsed, truth)
        keep = [self._is_new(digest, parsed.position + row) for row in range(len(rows))]
        rows = rows[np.array(keep, bool)]
        stream = self._recorder.stream(digest, Role.LABELS)
        step = stream.ring.rows // 2
        for first in range(0, len(rows), step):
            part = rows[first : first + step]
            if stream.ring.free < len(part):
                self._shell.collect_soon()
            fits = stream.wait_for_room(len(part))
            if not fits or stream.append([part], len(part), time.time(), calls=0) is None:
                stream.count(dropped=len(part))
        return len(rows)

    # Life.

    @property
    def version(self) -> str:
        """The version that serves now; empty while none does."""
        routing = self._shell.routing
        return "" if routing is None else routing.serve.manifest.version

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
        return self._recorder.rows_observed()

    def batches_saved(self) -> int:
        """Return how many batches of telemetry this device ever made."""
        return self._store.batches_saved()

    def waiting_batches(self) -> int:
        """Return how many batches of telemetry the cloud has not acknowledged yet."""
        return self._shell.waiting_batches()

    def close(self, *, drain_s: float = _DRAIN_S) -> None:
        """Save all statistics, send what can be sent within ``drain_s`` seconds, and leave.

        Idempotent. Predicting afterwards is an error.
        """
        if self._closed:
            return
        self._closed = True
        atexit.unregister(self.close)
        self._shadow.close()
        self._shell.close(drain_s=drain_s)
        self._recorder.close()
        self._store.close()
        if self._temporary:
            shutil.rmtree(self.state, ignore_errors=True)
            shutil.rmtree(self._rings, ignore_errors=True)

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

    def _state_folder(self, state: str | os.PathLike[str] | None, fleet: str) -> Path:
        if state is not None:
            return made(Path(state))
        if self._temporary:
            return Path(tempfile.mkdtemp(prefix="edgefleet-agent-"))
        return made(default_state_folder(fleet, self.device))

    def _make_shell(
        self, cloud: str | None, username: str | None, password: str | None, threads: int
    ) -> Shell:
        link: PahoLink | None = None
        source: HttpSource | None = None
        if cloud is not None:
            topics = self._core.topics
            link = PahoLink(
                LinkOptions(
                    url=cloud,
                    client_id=self.device,
                    username=username,
                    password=password,
                    will_topic=topics.events,
                    will_payload=encode(self._core.last_will),
                    subscriptions=topics.subscriptions,
                )
            )
            source = HttpSource(parse_broker_url(cloud).host, self._packages.partial)
        return Shell(
            self._core,
            store=self._store,
            packages=self._packages,
            source=source,
            engine=OnnxRuntimeEngine(threads=threads),
            recorder=self._recorder,
            link=link,
            on_report=self._write_status,
        )

    def _know_stored_packages(self) -> None:
        """Take up rings that an earlier life left, whichever package they belong to."""
        for digest in self._packages.digests():
            found = self._packages.description(digest)
            if found is not None:
                self._recorder.knows(digest, *found)
                self._core.knows(digest, *found)
        self._store.forget_marks(self._recorder.stale_marks())

    def _first_routing(self, timeout_s: float | None = None) -> Routing:
        if self._closed:
            raise UsageError(f"agent {self.device!r} is closed: make a new one")
        shell = self._shell
        wait_s = self._ready_timeout_s if timeout_s is None else timeout_s
        with shell.routed:
            shell.routed.wait_for(lambda: shell.routing is not None, wait_s)
        if shell.routing is None:
            trouble = f" ({shell.trouble})" if shell.trouble else ""
            raise UnavailableError(
                f"no version of model {self._core.config.model!r} is on device {self.device!r} "
                f"after {wait_s:.0f} s{trouble}: check that the cloud is reachable and has one"
            )
        return shell.routing

    def _is_new(self, digest: str, position: int) -> bool:
        with self._labels_lock:
            if (digest, position) in self._labelled:
                return False
            self._labelled[digest, position] = None
            while len(self._labelled) > _REMEMBERED_LABELS:
                self._labelled.popitem(last=False)
            return True

    def _write_status(self, report: Report) -> None:
        """Write ``status.json``, which ``edgefleet agent status`` reads."""
        status = {"written_unix_s": time.time(), "pid": os.getpid(), **asdict(report)}
        path = self.state / "status.json"
        new = path.with_suffix(".new")
        with contextlib.suppress(OSError):  # a full disk must not stop the agent
            new.write_text(json.dumps(status))
            new.replace(path)


def _package_at(model: str | os.PathLike[str] | Package) -> Package | None:
    """Return the package that is given or at a path; ``None`` if ``model`` is a name."""
    if isinstance(model, Package):
        return model
    text = os.fspath(model)
    looks_like_path = text.endswith(PACKAGE_SUFFIX) or os.sep in text or "/" in text
    if not looks_like_path and not isinstance(model, os.PathLike) and not Path(text).is_dir():
        return None
    return read_package(Path(text))


def _prediction(model: str, digest: str, served: "Served") -> Prediction:
    return Prediction(served.decoded, model=model, digest=digest, position=served.position)


def _version() -> str:
    try:
        return version("edgefleet")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "0+unknown"
