"""A fleet whose telemetry goes through the real collector, warehouse and alarm desk, by its clock.

Rows have two features, ``x`` and ``y``; what devices see of them is drawn from windows made
beforehand, so that many devices cost little.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from cloud_sync.adapters.folder_registry import FolderRegistry
from cloud_sync.adapters.sqlite_warehouse import SqliteWarehouse
from cloud_sync.adapters.warehouse_evidence import WarehouseEvidence
from cloud_sync.alarm_desk import AlarmDesk
from cloud_sync.core.collector import Collector, CollectorConfig
from cloud_sync.core.facts import DeviceFacts, DeviceStatus, PackageFacts
from cloud_sync.core.segment_index import SegmentIndex, SegmentRules
from cloud_sync.core.volume_cap import VolumeCap
from edge_contract.messages import Counters, WindowEntry
from edge_contract.package import (
    Artifact,
    ArtifactRole,
    Feature,
    Manifest,
    OutputRole,
    OutputSpec,
    Package,
    Reference,
    Role,
    Strata,
    StrataKind,
    StrataSpec,
    Stratum,
    Task,
    TensorSpec,
    digest_of,
    feature_subject,
)
from edge_contract.stats import Column, LabelsSpec, Profile, ProfileSpec, SketchSpec
from tests.support.onnx_files import file_with_note
from tests.support.telemetry import batch_of, facts_of, payload_of, telemetry_topic

__all__ = [
    "START_UNIX_S",
    "WatchedFleet",
    "hourly_package",
    "labelled_package",
    "plain_package",
    "rows_of",
    "truths_of",
]

START_UNIX_S = 1_800_057_600.0  # midnight
MINUTE_S = 60.0
_SPEC = ProfileSpec(
    (
        Column(feature_subject("x"), SketchSpec("centred", 0.0, 1.0)),
        Column(feature_subject("y"), SketchSpec("centred", 0.0, 1.0)),
    )
)
_TRUTHS = ProfileSpec((Column("labels", LabelsSpec(2)),))


def rows_of(rng: random.Random, rows: int, *, x: float = 0.0) -> Profile:
    """What a device counts of rows; ``x`` is the mean of the first feature, else it is 0."""
    profile = _SPEC.empty()
    for _ in range(rows):
        profile.observe(0, (rng.gauss(x, 1.0),))
        profile.observe(1, (rng.gauss(0.0, 1.0),))
    return profile


def plain_package(version: str = "1.0.0", *, rows: int = 2000, seed: int = 1) -> Package:
    """A package whose reference has no strata."""
    return _packaged(version, Reference(rows, rows_of(random.Random(seed), rows)))


def hourly_package(
    level: Callable[[float], float], *, rows: int, strata: bool, seed: int = 1
) -> Package:
    """A package of rows whose ``x`` has a level that depends on the hour of the day."""
    rng = random.Random(seed)
    parts = {
        key: Stratum(rows, rows_of(rng, rows, x=level(float(hour))))
        for hour, key in enumerate(StrataSpec(StrataKind.HOUR_OF_DAY).keys)
    }
    pooled = _SPEC.empty()
    for part in parts.values():
        pooled = pooled.merged(part.profile)
    known = Strata(StrataSpec(StrataKind.HOUR_OF_DAY), parts) if strata else None
    return _packaged("1.0.0", Reference(rows * len(parts), pooled, strata=known))


def truths_of(rng: random.Random, rows: int, *, accuracy: float = 0.9) -> Profile:
    """What a device counts of truths for predictions of two classes that are right so often."""
    profile = _TRUTHS.empty()
    for _ in range(rows):
        predicted = rng.randrange(2)
        truth = predicted if rng.random() < accuracy else 1 - predicted
        profile.observe(0, (float(predicted), float(truth), 0.9))
    return profile


def labelled_package(*, rows: int = 2000, seed: int = 1) -> Package:
    """A package of two classes whose author knew the truths; nine in ten predictions are right."""
    rng = random.Random(seed)
    reference = Reference(rows, rows_of(rng, rows), labels=truths_of(rng, rows))
    return _packaged("1.0.0", reference, task=Task.BINARY)


def _packaged(version: str, reference: Reference, *, task: Task = Task.OTHER) -> Package:
    files = {"model.onnx": file_with_note(version.encode()), "reference.json": reference.to_bytes()}
    roles = {"model.onnx": ArtifactRole.MODEL, "reference.json": ArtifactRole.REFERENCE}
    manifest = Manifest(
        name="gate",
        version=version,
        created="2026-02-03T04:05:06Z",
        task=task,
        classes=("odd", "even") if task is Task.BINARY else (),
        inputs=(TensorSpec("rows", "float32", ("batch", 2)),),
        outputs=(OutputSpec(TensorSpec("z", "float32", ("batch", 1)), OutputRole.OTHER),),
        features=(Feature("x", 0, 0), Feature("y", 0, 1)),
        artifacts=tuple(
            Artifact(role, path, "application/octet-stream", digest_of(data), len(data))
            for path, role in roles.items()
            for data in [files[path]]
        ),
    )
    return Package.verified(manifest.to_bytes(), files)


@dataclass
class _Device:
    facts: DeviceFacts
    seq: int = 0


@dataclass
class WatchedFleet(AbstractContextManager["WatchedFleet"]):
    """Devices that send a window each whenever time passes.

    Attributes:
        folder: For the warehouse and the registry.
        per_month: False alarms that are allowed.
        rules: How devices are told apart.
        window_s: How long devices count.
        now_unix_s: The time; moves by :meth:`pass_by`.
        cap: Bounds what alarms take from one device; ``None`` for nothing.
    """

    folder: Path
    per_month: float = 1.0
    rules: SegmentRules = field(default_factory=SegmentRules)
    window_s: float = MINUTE_S
    now_unix_s: float = START_UNIX_S
    cap: VolumeCap | None = None
    devices: dict[str, _Device] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._packages: dict[str, PackageFacts] = {}
        self._open()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def push(self, package: Package) -> PackageFacts:
        """Add a package to the registry."""
        self.registry.put(package, at_unix_s=self.now_unix_s)
        facts = self._packages[package.digest] = facts_of(package)
        return facts

    def add(self, name: str, **tags: str) -> None:
        """A device is born, or born again with other tags."""
        facts = DeviceFacts(name, DeviceStatus.ONLINE, tags=tags)
        device = self.devices.setdefault(name, _Device(facts))
        device.facts = facts
        self.segments.note(facts)

    def add_unborn(self, name: str) -> None:
        """A device whose telemetry is heard although its birth was not."""
        self.devices[name] = _Device(DeviceFacts(name, DeviceStatus.UNREACHABLE))

    def add_sites(self, sites: int, *, devices: int) -> None:
        """So many devices at each site: ``s00-0`` is the first of the first site."""
        for site in range(sites):
            for number in range(devices):
                self.add(f"s{site:02d}-{number}", site=f"s{site:02d}")

    def pass_by(
        self,
        seen: Mapping[str, Profile],
        *,
        package: PackageFacts,
        length_s: float | None = None,
        role: str = Role.PRIMARY,
    ) -> int:
        """Let a window pass in which devices saw something; return how many alarms were raised."""
        start_unix_s = self.now_unix_s
        self.now_unix_s += self.window_s if length_s is None else length_s
        for name, profile in seen.items():
            rows = profile[0].count
            window = WindowEntry(
                package=package.digest,
                role=role,
                start_unix_s=start_unix_s,
                end_unix_s=self.now_unix_s,
                counters=Counters(rows=rows, calls=rows),
                profile=profile.to_state(),
            )
            device = self.devices[name]
            payload = payload_of(batch_of(device.seq, window, device=name))
            device.seq += 1
            merged = self.collector.on_telemetry(telemetry_topic(name), payload, self.now_unix_s)
            assert merged, merged
        commit = self.collector.take_commit()
        if commit is not None:
            self.warehouse.commit(commit)
            self.collector.committed()
        return self.desk.tick(self.now_unix_s)

    def restart(self) -> Self:
        """End the cloud and start it again."""
        self._close()
        self._open()
        return self

    def sentences(self) -> Sequence[str]:
        """What the operator reads, oldest first."""
        return [str(alarm.document["sentence"]) for alarm in reversed(self.warehouse.alarms())]

    def _open(self) -> None:
        self.warehouse = SqliteWarehouse(self.folder)
        self.registry = FolderRegistry(self.folder)
        known = [device.facts for device in self.devices.values()]
        self.segments = SegmentIndex(self.rules, known)
        self.desk = AlarmDesk(
            self.warehouse,
            self.registry,
            WarehouseEvidence(self.registry, self.warehouse),
            per_month=self.per_month,
            grouping_s=10 * self.window_s,
            members=self.segments.devices_of,
            left_out=self.cap.left_out if self.cap else lambda _package: {},
        )
        self.desk.restore(self.now_unix_s)
        self.collector = Collector(
            CollectorConfig(),
            packages=self.registry.find,
            marks=self.warehouse.marks,
            is_known=lambda name: name in self.devices,
            segments=self.segments.of,
            cap=self.cap,
        )

    def _close(self) -> None:
        self.warehouse.close()
        self.registry.close()
