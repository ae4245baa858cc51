"""A cloud in memory: real packages and views behind the port ``CloudBackend``, no devices.

What devices and alarms would do is put in by hand with ``put_device`` and the like. Rollouts move
only as an operator steers them.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from cloud_sync.access_desk import AccessDesk
from cloud_sync.adapters.local_authority import NoAuthority
from cloud_sync.backend import (
    AlarmView,
    Audience,
    AuditView,
    DeviceView,
    ErasureView,
    ForecastView,
    ModelView,
    NotFoundError,
    PinView,
    PreflightView,
    RolloutEventView,
    RolloutOrder,
    RolloutView,
    StageView,
    StatisticsView,
    SummaryView,
    VersionView,
)
from cloud_sync.core.facts import DeviceFacts, DeviceStatus
from cloud_sync.core.records import AuditRecord
from cloud_sync.core.rollout import Step
from cloud_sync.enrolment_desk import EnrolmentDesk
from cloud_sync.enrolment_terms import Terms
from cloud_sync.group_desk import GroupDesk
from cloud_sync.measure import Measure
from cloud_sync.measures import measures_of
from cloud_sync.record_views import audit_view
from cloud_sync.roster import Roster
from edge_contract.delta import FileOffer, Offer, Parcel
from edge_contract.errors import UsageError
from edge_contract.messages import CommandResult
from edge_contract.names import Version
from edge_contract.package import Manifest, Package, digest_of
from edge_contract.reading import JsonObject
from tests.support.memory_cell import MemoryCell
from tests.support.memory_commands import START_UNIX_S, MemoryCommands
from tests.support.memory_office import MemoryOffice
from tests.support.memory_samples import MemoryLabels, MemorySamples

__all__ = ["START_UNIX_S", "MemoryCloud"]

_MOVES: Mapping[str, Mapping[str, str]] = {
    "awaiting_approval": {"approve": "running", "abort": "aborted"},
    "running": {"pause": "paused", "abort": "aborted", "rollback": "rolled_back"},
    "paused": {"resume": "running", "abort": "aborted", "rollback": "rolled_back"},
}
_ENDS = ("aborted", "rolled_back")


class MemoryCloud:
    """Implements ``CloudBackend``; ``folder`` takes the files of packages."""

    def __init__(self, folder: Path, *, fleet: str = "lab", token: str = "") -> None:
        self._folder = folder
        self._fleet = fleet
        self._lock = threading.RLock()
        self._revision = 1
        self._devices: dict[str, DeviceView] = {}
        self._versions: dict[tuple[str, str], VersionView] = {}
        self._statistics: dict[tuple[str, str, str], StatisticsView] = {}
        self._rollouts: dict[str, RolloutView] = {}
        self._alarms: list[AlarmView] = []
        self._audit: list[AuditRecord] = []
        self.kept_answers = MemoryOffice()
        self.groups = GroupDesk(self.kept_answers, self._facts, self._note)
        self.cell = MemoryCell(fleet)
        self.wrong: dict[str, str] = {}
        self.commands = MemoryCommands(self.groups, self._note)
        self.enrolment = EnrolmentDesk(
            Roster(self.kept_answers),
            Terms(
                fleet=fleet,
                broker=lambda: "mqtt://:1883",
                websocket=lambda: "",
                authority=NoAuthority(),
                root=lambda: b"",
                broker_hash=lambda _password: "",
            ),
            note=self._note,
        )
        self.access = AccessDesk(self.kept_answers, admin_token=token, note=self._note)
        self.samples = MemorySamples(folder)
        self.labels = MemoryLabels()
        self.on_start: Callable[[RolloutView], None] = lambda _: None

    def erase(self, device: str, *, by: str) -> ErasureView:
        """See ``CloudBackend``."""
        with self._change():
            if self._devices.pop(device, None) is None:
                raise NotFoundError(f"nothing is known of a device {device!r}")
        self._note(by, "device.erase", device, {})
        return ErasureView(device, 0, 0, 0, ())

    # What a fleet would do.

    def put_device(self, device: DeviceView) -> None:
        """Add a device or replace what is known of it."""
        with self._change():
            self._devices[device.name] = device

    def put_version(self, version: VersionView) -> None:
        """Replace what the fleet saw of a version."""
        with self._change():
            self._versions[version.name, version.version] = version

    def put_statistics(self, statistics: StatisticsView) -> None:
        """Say what a version, or a segment of it, saw."""
        with self._change():
            key = (statistics.name, statistics.version, statistics.segment)
            self._statistics[key] = statistics

    def put_rollout(self, rollout: RolloutView) -> None:
        """Add a rollout or move it on."""
        with self._change():
            self._rollouts[rollout.rollout_id] = rollout

    def raise_alarm(self, alarm: AlarmView) -> None:
        """Add an alarm."""
        with self._change():
            self._alarms.insert(0, alarm)

    def answer(self, command_id: str, device: str, *, ok: bool, detail: str = "") -> None:
        """Answer a command as a device would."""
        with self._change():
            self.commands.answer(CommandResult(device, command_id, ok=ok, detail=detail))

    # What the API asks.

    def summary(self) -> SummaryView:
        """See ``CloudBackend``."""
        devices = list(self._devices.values())
        rows = sum(device.rows_merged for device in devices)
        return SummaryView(
            fleet=self._fleet,
            devices=len(devices),
            online=sum(device.status == "online" for device in devices),
            rows_merged=rows,
            calls_merged=rows // 2,
            failures_merged=0,
            batches_merged=rows // 100,
            batches_repeated=0,
            messages_refused=0,
            open_alarms=len(self._alarms),
            running_rollouts=sum(r.ended_unix_s is None for r in self._rollouts.values()),
        )

    def pin(self, model: str, version: str, *, audience: Audience, by: str) -> PinView:
        """See ``CloudBackend``."""
        if version:
            self.version(model, version)
        names = self.groups.names_of(audience)
        if not names:
            raise UsageError(f"no device is now meant by {audience.title!r}")
        for name in names:
            pins = {other: kept for other, kept in self.device(name).pins.items() if other != model}
            pins |= {model: version} if version else {}
            self.put_device(replace(self.device(name), pins=pins))
        self._note(by, "pin" if version else "unpin", model, {"version": version})
        return PinView(model, version, names)

    def devices(
        self,
        *,
        status: str = "",
        after: str = "",
        limit: int = 100,
        audience: Audience | None = None,
    ) -> Sequence[DeviceView]:
        """See ``CloudBackend``."""
        names = self.groups.names_of(audience or Audience())
        found = [self._devices[name] for name in names if name > after]
        return [device for device in found if status in ("", device.status)][:limit]

    def device(self, name: str) -> DeviceView:
        """See ``CloudBackend``."""
        if name not in self._devices:
            raise NotFoundError(f"no device {name!r} in fleet {self._fleet!r}")
        return self._devices[name]

    def models(self) -> Sequence[ModelView]:
        """See ``CloudBackend``."""
        models = []
        for name in sorted({name for name, _ in self._versions}):
            found = [view for view in self._versions.values() if view.name == name]
            found.sort(key=lambda view: Version.parse(view.version), reverse=True)
            stable = next((view.version for view in found if view.stable), "")
            models.append(ModelView(name, stable, [view.version for view in found]))
        return models

    def version(self, model: str, version: str, *, brief: bool = False) -> VersionView:
        """See ``CloudBackend``."""
        if (model, version) not in self._versions:
            raise NotFoundError(f"no {model}@{version} in the registry")
        return self._versions[model, version]

    def statistics(
        self,
        model: str,
        version: str,
        *,
        segment: str = "",
        since_unix_s: float | None = None,
        brief: bool = False,
    ) -> StatisticsView:
        """See ``CloudBackend``: what was put in by hand, else what the version's view holds."""
        seen = self.version(model, version)
        known = self._statistics.get((model, version, segment))
        if known is None and segment:
            raise UsageError(f"no device is in segment {segment!r}")
        if known is None:
            known = StatisticsView(
                name=model,
                version=version,
                digest=seen.digest,
                task=seen.task,
                segment="",
                since_unix_s=START_UNIX_S,
                until_unix_s=START_UNIX_S + 3600.0,
                rows=seen.rows,
                devices=seen.devices,
                reference_rows=5000,
                variance_inflation=1.0,
                suppressed=seen.suppressed,
                features=seen.features,
                estimated=seen.estimated,
                labelled=seen.labelled,
                alarms=[alarm for alarm in self._alarms if alarm.model == model],
            )
        return known if since_unix_s is None else replace(known, since_unix_s=since_unix_s)

    def push(self, archive: bytes, *, by: str) -> VersionView:
        """See ``CloudBackend``."""
        package = Package.from_archive(archive)
        manifest = package.manifest
        with self._change():
            known = self._versions.get((manifest.name, manifest.version))
            if known is not None and known.digest != package.digest:
                raise UsageError(
                    f"{manifest.reference} exists with other content; raise its version"
                )
            if known is not None:
                return known
            for data in (package.manifest_bytes, *package.files.values()):
                (self._folder / digest_of(data).replace(":", "-")).write_bytes(data)
            view = VersionView(
                name=manifest.name,
                version=manifest.version,
                digest=package.digest,
                pushed_unix_s=START_UNIX_S,
                task=manifest.task.value,
                size=sum(artifact.size for artifact in manifest.artifacts),
                stable=not any(name == manifest.name for name, _ in self._versions),
                devices=0,
                rows=0,
                manifest={"description": manifest.description, "pushed_by": by}
                | {"evidence": manifest.evidence.to_json()},
            )
            self._versions[manifest.name, manifest.version] = view
            return view

    def blob_path(self, digest: str) -> Path:
        """See ``CloudBackend``."""
        path = self._folder / digest.replace(":", "-")
        if not path.is_file():
            raise NotFoundError(f"no file {digest} in the registry")
        return path

    def offer(self, digest: str, *, have: Sequence[str], compressions: Sequence[str]) -> Offer:
        """See ``CloudBackend``: whole files alone; ``have`` and ``compressions`` help nobody."""
        manifest = Manifest.from_bytes(self.blob_path(digest).read_bytes())
        digests = [digest, *(artifact.digest for artifact in manifest.artifacts)]
        parcels = [Parcel.of(self.blob_path(each).read_bytes()) for each in digests]
        return Offer(tuple(FileOffer(parcel) for parcel in parcels))

    def start_rollout(self, order: RolloutOrder, *, by: str) -> RolloutView:
        """See ``CloudBackend``."""
        plan = order.plan
        self.version(plan.model, plan.version)
        with self._change():
            running = [r for r in self._rollouts.values() if r.ended_unix_s is None]
            if any(r.model == plan.model for r in running):
                raise UsageError(f"a rollout of {plan.model!r} is running; end it first")
            steps = plan.widenings or (Step(fraction=0.1), Step(fraction=1.0))
            state = "awaiting_approval" if plan.approval else "running"
            rollout = RolloutView(
                rollout_id=f"r{len(self._rollouts) + 1}",
                model=plan.model,
                version=plan.version,
                previous=next(m.stable for m in self.models() if m.name == plan.model),
                strategy=plan.strategy,
                state=state,
                sentence=f"{plan.strategy} of {plan.model}@{plan.version} is {state}",
                started_unix_s=START_UNIX_S,
                ended_unix_s=None,
                stages=[
                    StageView(f"canary {step.title}", step.fraction, "waiting", step.count)
                    for step in steps
                ],
                executions={},
                devices_exposed=[],
                events=[RolloutEventView(START_UNIX_S, f"started by {by}", {})],
                actions=list(_MOVES[state]),
                target=plan.target,
            )
            self._rollouts[rollout.rollout_id] = rollout
        self.on_start(rollout)
        return rollout

    def examine_rollout(self, order: RolloutOrder) -> PreflightView:
        """See ``CloudBackend``; every device is fit here, and nothing is known of traffic."""
        plan, devices = order.plan, sorted(self._devices)
        self.version(plan.model, plan.version)
        return PreflightView(
            model=plan.model,
            version=plan.version,
            previous=next(m.stable for m in self.models() if m.name == plan.model),
            strategy=plan.strategy,
            devices=len(devices),
            problems=[] if devices else ["there is no device yet"],
            warnings=[],
            stages=[
                ForecastView(
                    name=stage.name,
                    mode=stage.mode.value,
                    devices=len(devices),
                    first=devices[:10],
                    control=0,
                    shortest_s=stage.bake_s,
                    sentence=f"{stage.name}, {len(devices)} devices",
                    sights=[],
                )
                for stage in plan.stages()
            ],
            plan=plan.to_json(),
        )

    def rollouts(self) -> Sequence[RolloutView]:
        """See ``CloudBackend``."""
        return list(reversed(self._rollouts.values()))

    def rollout(self, rollout_id: str) -> RolloutView:
        """See ``CloudBackend``."""
        if rollout_id == "latest" and self._rollouts:
            return self.rollouts()[0]
        if rollout_id not in self._rollouts:
            raise NotFoundError(f"no rollout {rollout_id!r}")
        return self._rollouts[rollout_id]

    def steer_rollout(self, rollout_id: str, action: str, *, by: str) -> RolloutView:
        """See ``CloudBackend``."""
        with self._change():
            rollout = self.rollout(rollout_id)
            moves = _MOVES.get(rollout.state, {})
            if action not in moves:
                can = ", ".join(moves) or "nothing"
                raise UsageError(
                    f"rollout {rollout.rollout_id!r} is {rollout.state}: {action!r} refused "
                    f"(can: {can})"
                )
            state = moves[action]
            moved = replace(
                rollout,
                state=state,
                sentence=f"{action} by {by}",
                ended_unix_s=START_UNIX_S + 60.0 if state in _ENDS else None,
                events=[
                    *rollout.events,
                    RolloutEventView(START_UNIX_S + 60.0, f"{action} by {by}", {}),
                ],
                actions=list(_MOVES.get(state, {})),
            )
            self._rollouts[rollout.rollout_id] = moved
            return moved

    def alarms(self, *, model: str = "", limit: int = 100) -> Sequence[AlarmView]:
        """See ``CloudBackend``."""
        return [alarm for alarm in self._alarms if model in ("", alarm.model)][:limit]

    def alarm(self, alarm_id: str) -> AlarmView:
        """See ``CloudBackend``."""
        for alarm in self._alarms:
            if alarm.alarm_id == alarm_id:
                return alarm
        raise NotFoundError(f"there is no alarm {alarm_id!r}")

    def acknowledge_alarm(self, alarm_id: str, *, note: str, by: str) -> AlarmView:
        """See ``CloudBackend``."""
        seen = replace(
            self.alarm(alarm_id), acknowledged_by=by, acknowledged_unix_s=START_UNIX_S, note=note
        )
        with self._change():
            self._alarms = [seen if a.alarm_id == alarm_id else a for a in self._alarms]
        self._note(by, "alarm.acknowledge", alarm_id, {"note": note})
        return seen

    def audit(
        self, *, limit: int = 100, before: int | None = None, action: str = ""
    ) -> Sequence[AuditView]:
        """See ``CloudBackend``."""
        found = [
            audit_view(record)
            for record in reversed(self._audit)
            if (before is None or record.number < before)
            and f"{record.action}.".startswith(f"{action}." if action else "")
        ]
        return found[:limit]

    def _note(self, by: str, action: str, subject: str, detail: JsonObject) -> None:
        with self._change():
            number = len(self._audit) + 1
            self._audit.append(
                AuditRecord(START_UNIX_S, by, action, subject, detail, number=number)
            )

    def _facts(self) -> dict[str, DeviceFacts]:
        return {
            view.name: DeviceFacts(
                view.name,
                DeviceStatus(view.status),
                boots=view.boots,
                facts=view.facts,
                tags=view.tags,
            )
            for view in self._devices.values()
        }

    def measures(self) -> Sequence[Measure]:
        """See ``CloudBackend``."""
        return measures_of(
            self.summary(),
            statuses=(device.status for device in self._devices.values()),
            rollouts=(rollout.state for rollout in self._rollouts.values()),
            commands={},
        )

    def troubles(self) -> Mapping[str, str]:
        """See ``CloudBackend``."""
        return self.wrong

    def revision(self) -> int:
        """See ``CloudBackend``."""
        return self._revision

    @contextmanager
    def _change(self) -> Iterator[None]:
        with self._lock:
            yield
            self._revision += 1
