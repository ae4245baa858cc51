"""A device with its real store, packages, engine and rings; broker and registry are in memory."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from edge_agent.adapters.folder_packages import FolderPackages
from edge_agent.adapters.onnxruntime_engine import OnnxRuntimeEngine
from edge_agent.adapters.recorder import Recorder
from edge_agent.adapters.sqlite_store import SqliteBatchStore
from edge_agent.core.agent import AgentConfig, AgentCore
from edge_agent.ports import InferenceEngine, InferenceSession, PackageSource, PackageStore
from edge_agent.shell import Shell
from edge_contract.errors import PackageError, UnavailableError
from edge_contract.messages import (
    Assignment,
    BatchId,
    DesiredState,
    Downloads,
    Report,
    Target,
    TelemetryBatch,
)
from edge_contract.package import Package
from edge_contract.reading import JsonObject
from tests.support.links import wait_until
from tests.support.memory_device_link import MemoryDeviceLink

__all__ = ["Device", "MoodyEngine", "MoodyStore", "Shelf"]

_ROW: Final = np.zeros((1, 64), np.float32)


class MoodyStore(SqliteBatchStore):
    """A store whose disk is full, or slow, while the test says so."""

    full = False
    slow_s = 0.0

    def _check(self) -> None:
        time.sleep(self.slow_s)
        if self.full:
            raise UnavailableError("cannot save to batch store: the disk is full")

    def save(
        self,
        batches: Sequence[TelemetryBatch],
        marks: Mapping[str, tuple[int, ...]],
        replaces: Sequence[BatchId] = (),
    ) -> None:
        self._check()
        super().save(batches, marks, replaces)

    def delete(self, batch_ids: Sequence[BatchId]) -> None:
        self._check()
        super().delete(batch_ids)

    def save_state(self, state: JsonObject) -> None:
        self._check()
        super().save_state(state)


@dataclass
class Shelf:
    """A registry in memory; implements ``PackageSource``."""

    packages: list[Package] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    trouble: list[Exception] = field(default_factory=list)

    def fetch(self, digest: str, url: str, store: PackageStore) -> None:
        self.fetched.append(digest)
        if self.trouble:
            raise self.trouble.pop()
        for package in self.packages:
            if package.digest == digest:
                store.add(package)
                return
        raise PackageError(f"{digest} does not exist in the registry")

    def spent(self) -> Downloads:
        return Downloads(whole_bytes=1000)

    def close(self) -> None:
        self.trouble.clear()


class MoodyEngine:
    """The real engine, after the troubles that the test has for it."""

    def __init__(self) -> None:
        self.trouble: list[Exception] = []
        self._engine = OnnxRuntimeEngine()
        self.threads = 1

    def load(self, package: Package) -> InferenceSession:
        if self.trouble:
            raise self.trouble.pop()
        return self._engine.load(package)


class Device:
    """One life of a device in a folder."""

    def __init__(
        self,
        folder: Path,
        source: PackageSource | None,
        engine: InferenceEngine,
        *,
        download_only: bool = False,
        rings: Path | None = None,
        on_report: Callable[[Report], None] = lambda _report: None,
    ) -> None:
        self.source = source
        self.store = MoodyStore(folder / "agent.db", wait_s=0.0)
        self.packages = FolderPackages(folder / "packages")
        self.rings = rings or folder / "rings"
        self.rings.mkdir(exist_ok=True)
        self.recorder = Recorder(self.rings, self.store.marks(), owner=self.store.identity())
        self.core = AgentCore(
            AgentConfig(
                fleet="lab",
                device="cam-7",
                models=("digits",),
                interval_s=0.1,
                download_only=download_only,
            ),
            self.store.next_boot(time.time()),
            state=self.store.state(),
            restored=self.store.batches(),
        )
        for digest in self.packages.digests():
            known = self.packages.description(digest)
            if known is not None:
                self.recorder.knows(digest, *known)
                self.core.knows(digest, *known)
        self.link = MemoryDeviceLink()
        self.reports: list[Report] = []
        self.shell = Shell(
            self.core,
            store=self.store,
            packages=self.packages,
            source=source,
            engine=engine,
            recorder=self.recorder,
            link=self.link,
            on_report=self._hear,
        )
        self._on_report = on_report
        self._closed = False

    def _hear(self, report: Report) -> None:
        self.reports.append(report)
        self._on_report(report)

    def start(self, package: Package | None = None) -> None:
        """Begin, with a package put into the store by hand if one is given."""
        if package is None:
            self.shell.start()
        else:
            self.packages.add(package)
            adopted = "digits", package.manifest.version, package.digest
            self.shell.start(lambda _now_s: self.core.adopt(*adopted))

    def wait_for_version(self, version: str) -> None:
        wait_until(lambda: self.version == version)

    @property
    def version(self) -> str:
        routing = self.shell.switches["digits"].routing
        return "" if routing is None else routing.serve.manifest.version

    def predict(self, calls: int = 1) -> None:
        for _ in range(calls):
            routing = self.shell.switches["digits"].routing
            assert routing is not None
            routing.serve.serve(_ROW, wake=self.shell.collect_soon)

    def desire(
        self,
        generation: int,
        serve: Package,
        *,
        shadow: Package | None = None,
        url: str = "http://127.0.0.1:1",
        **terms: float,
    ) -> None:
        target = Target(
            serve.manifest.version,
            serve.digest,
            trial_calls=int(terms.get("trial_calls", 0)),
            trial_s=terms.get("trial_s", 0.0),
        )
        beside = None if shadow is None else Target(shadow.manifest.version, shadow.digest)
        state = DesiredState(generation, {"digits": Assignment(target, beside)}, url)
        self.link.deliver(self.core.topics.desired, state)

    def states(self) -> dict[str, str]:
        """Version and state of both slots, as reported last."""
        slots = self.reports[-1].models["digits"].slots
        return {slot.version: slot.state for slot in slots if slot.digest}

    def rows_in_batches(self) -> int:
        return sum(entry.counters.rows for batch in self.store.batches() for entry in batch.entries)

    def rows_sent(self) -> int:
        batches = {batch.batch_id: batch for batch in self.link.said(TelemetryBatch)}
        return sum(e.counters.rows for batch in batches.values() for e in batch.entries)

    def close(self, *, drain_s: float = 0.0) -> None:
        if not self._closed:
            self._closed = True
            self.shell.close(drain_s=drain_s)
            self.recorder.close()

    def let_go(self) -> None:
        self.close()
        self.store.close()
