"""Answers to what the API asks: views of the warehouse, the registry and the cores."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Final

from cloud_sync.access_desk import AccessDesk
from cloud_sync.alarm_desk import AlarmDesk
from cloud_sync.backend import (
    AccessBook,
    AlarmView,
    Audience,
    AuditView,
    Commands,
    DeviceView,
    EnrolmentBook,
    ErasureView,
    GroupBook,
    LabelBook,
    ModelView,
    NotFoundError,
    PinView,
    PreflightView,
    RolloutOrder,
    RolloutView,
    SampleBook,
    StatisticsView,
    SummaryView,
    VersionView,
)
from cloud_sync.cell_views import CellBook
from cloud_sync.command_desk import CommandDesk
from cloud_sync.conductor import Conductor
from cloud_sync.config import CloudConfig
from cloud_sync.core.facts import DeviceStatus, EvidenceSource
from cloud_sync.core.records import AcknowledgementRecord, AuditRecord
from cloud_sync.erasure_desk import ErasureDesk
from cloud_sync.group_desk import GroupDesk, Note
from cloud_sync.labelling import Labelling
from cloud_sync.measure import Measure
from cloud_sync.measures import measures_of, measures_of_pulse
from cloud_sync.offer_desk import OfferDesk
from cloud_sync.ports import AccessStore, PackageRepository, PackageVersion, Warehouse
from cloud_sync.record_views import (
    alarm_view,
    audit_view,
    device_view,
    manifest_json,
    with_test,
)
from cloud_sync.rollout_answers import RolloutAnswers
from cloud_sync.statistics import StatisticsDesk
from edge_contract.delta import Offer
from edge_contract.errors import UnavailableError, UsageError
from edge_contract.messages import Target
from edge_contract.package import Package, Role
from edge_contract.reading import JsonObject

__all__ = ["Answers"]

_ENDED: Final = ("succeeded", "aborted", "rolled_back", "superseded")
_ALARMS_IN_REPORT: Final = 20
_ALARMS_LOOKED_THROUGH: Final = 500
_ALARMS_KEPT: Final = 100_000


class Answers:
    """The :class:`cloud_sync.backend.CloudBackend` of a running cloud.

    Args:
        config: Of the cloud.
        conductor: Owns the cores; orders go through it.
        alarms: Where the detectors stand.
        warehouse: What was merged.
        packages: The registry.
        offers: Ways to packages.
        evidence: Statistics by cohort.
        enrolment: Makes who belongs to the fleet known, given who writes the record.
        labelling: Makes the desks of samples and labels.
        cell: What those above merge.
    """

    def __init__(  # noqa: PLR0913  all that there is to be asked about
        self,
        config: CloudConfig,
        *,
        conductor: Conductor,
        alarms: AlarmDesk,
        warehouse: Warehouse,
        packages: PackageRepository,
        offers: OfferDesk,
        evidence: EvidenceSource,
        enrolment: Callable[[Note], EnrolmentBook],
        labelling: Labelling,
        cell: CellBook,
    ) -> None:
        self._config = config
        self._conductor = conductor
        self._alarms = alarms
        self._warehouse = warehouse
        self._packages = packages
        self._offers = offers
        self._cell = cell
        self._evidence = evidence
        self._groups = GroupDesk(warehouse, lambda: conductor.snapshot.facts, self._audit)
        self._commands = CommandDesk(conductor, warehouse, self._groups, self._audit)
        self._rollouts = RolloutAnswers(conductor, packages, evidence, note=self._audit)
        self._enrolment = enrolment(self._audit)
        self._samples = labelling.samples(conductor, self._audit)
        self._labels = labelling.labels(conductor, self._audit)
        self._erasure = ErasureDesk(
            conductor,
            warehouse,
            self._samples,
            pseudonym=labelling.tickets.pseudonym,
            note=self._audit,
        )
        self._access = AccessDesk(warehouse, admin_token=config.token, note=self._audit)
        self._statistics = StatisticsDesk(
            evidence,
            warehouse,
            alarms,
            rules=config.segment_rules,
            min_cohort=config.min_cohort,
            live_s=config.live_s,
        )

    def measures(self) -> Sequence[Measure]:
        """Return the figures of the fleet and of the process."""
        snapshot = self._conductor.snapshot
        return [
            *measures_of(
                self.summary(),
                statuses=(facts.status.value for facts in snapshot.facts.values()),
                rollouts=(rollout.state for rollout in snapshot.rollouts.values()),
                commands=self._commands.open_counts(),
            ),
            *measures_of_pulse(self._conductor.pulse, waiting=self._conductor.waiting),
        ]

    def troubles(self) -> Mapping[str, str]:
        """Return what keeps the cloud from serving, by part."""
        found = self._conductor.pulse.troubles()
        try:
            self._warehouse.groups()
        except UnavailableError as error:
            found["warehouse"] = str(error)
        return found

    def revision(self) -> int:
        """Return a number that rises whenever anything changes."""
        return self._conductor.snapshot.revision

    def summary(self) -> SummaryView:
        """Return the fleet in numbers."""
        snapshot = self._conductor.snapshot
        totals = self._warehouse.totals()
        served = totals.by_role.get(Role.PRIMARY)
        return SummaryView(
            fleet=self._config.fleet,
            devices=len(snapshot.facts),
            online=sum(f.status is DeviceStatus.ONLINE for f in snapshot.facts.values()),
            rows_merged=served.rows if served else 0,
            calls_merged=served.calls if served else 0,
            failures_merged=served.failures if served else 0,
            batches_merged=totals.tally.batches,
            batches_repeated=totals.tally.repeated,
            messages_refused=sum(totals.refused.values()),
            open_alarms=sum(watched.is_open for watched in self._alarms.watched.values()),
            running_rollouts=sum(r.state not in _ENDED for r in snapshot.rollouts.values()),
        )

    @property
    def cell(self) -> CellBook:
        """What those above merge with the windows of other cells."""
        return self._cell

    @property
    def groups(self) -> GroupBook:
        """Groups of devices."""
        return self._groups

    @property
    def commands(self) -> Commands:
        """Commands to devices."""
        return self._commands

    @property
    def samples(self) -> SampleBook:
        """Samples that devices sent."""
        return self._samples

    @property
    def labels(self) -> LabelBook:
        """Truths that people found out."""
        return self._labels

    @property
    def access(self) -> AccessBook:
        """Tokens of the API."""
        return self._access

    @property
    def enrolment(self) -> EnrolmentBook:
        """Who belongs to the fleet."""
        return self._enrolment

    def erase(self, device: str, *, by: str) -> ErasureView:
        """Forget what is known of a device."""
        return self._erasure.erase(device, by=by)

    @property
    def kept_answers(self) -> AccessStore:
        """Where answers to orders are kept that may be sent again."""
        return self._warehouse

    def pin(self, model: str, version: str, *, audience: Audience, by: str) -> PinView:
        """Hold devices to a version of a model, whatever rollouts want; empty lets them go."""
        found = self._found(model, version) if version else None
        target = None if found is None else Target(found.version, found.digest)
        names = self._groups.names_of(audience)
        if not names:
            raise UsageError(f"nobody would be held: no device is now meant by {audience.title!r}")

        def pin() -> None:
            fleet, now_unix_s = self._conductor.fleet, time.time()
            for name in names:
                effects = fleet.set_pin(name, model, target=target, now_unix_s=now_unix_s)
                self._conductor.carry_out(effects)

        self._conductor.order(pin)
        detail: JsonObject = {
            "version": version,
            "audience": audience.title,
            "devices": len(names),
        }
        self._audit(by, "pin" if version else "unpin", model, detail)
        return PinView(model, version, names)

    def devices(
        self,
        *,
        status: str = "",
        after: str = "",
        limit: int = 100,
        audience: Audience | None = None,
    ) -> Sequence[DeviceView]:
        """Return devices by rising name."""
        twins = self._conductor.snapshot.twins
        names = sorted(twins) if audience is None else self._groups.names_of(audience)
        meant = (
            name
            for name in names
            if name > after and name in twins and status in ("", twins[name].status.value)
        )
        page = list(islice(meant, limit))
        rows = self._rows_by_device(page)
        return [device_view(twins[name], rows.get(name, 0)) for name in page]

    def device(self, name: str) -> DeviceView:
        """Return one device."""
        twin = self._conductor.snapshot.twins.get(name)
        if twin is None:
            raise NotFoundError(f"there is no device {name!r} in fleet {self._config.fleet!r}")
        return device_view(twin, self._rows_by_device([name]).get(name, 0))

    def models(self) -> Sequence[ModelView]:
        """Return all models."""
        return [
            ModelView(
                name=model,
                stable=self._packages.stable(model).version,
                versions=[found.version for found in self._packages.versions(model)],
            )
            for model in self._packages.models()
        ]

    def version(self, model: str, version: str, *, brief: bool = False) -> VersionView:
        """Return one version with its drift, histograms and quality."""
        found = self._found(model, version)
        package = self._evidence.package(found.digest)
        look = self._statistics.seen_lately if brief else self._statistics.seen
        seen = look(package)
        facts = self._conductor.snapshot.facts
        segments = () if seen.suppressed else self._statistics.segments_watched(package, facts)
        return VersionView(
            name=model,
            version=version,
            digest=found.digest,
            pushed_unix_s=found.pushed_unix_s,
            task=package.manifest.task.value,
            size=sum(artifact.size for artifact in package.manifest.artifacts),
            stable=self._packages.stable(model).version == version,
            devices=self._serving(model, found.digest),
            rows=seen.rows,
            manifest=manifest_json(package),
            features=seen.features,
            estimated=seen.estimated,
            labelled=seen.labelled,
            suppressed=seen.suppressed,
            segments=segments,
        )

    def statistics(
        self,
        model: str,
        version: str,
        *,
        segment: str = "",
        since_unix_s: float | None = None,
        brief: bool = False,
    ) -> StatisticsView:
        """Return what a version saw, for a report."""
        found = self._found(model, version)
        facts = self._conductor.snapshot.facts

        view = self._statistics.view(
            found, facts, segment=segment, since_unix_s=since_unix_s, brief=brief
        )
        alarms = self.alarms(model=model, limit=_ALARMS_LOOKED_THROUGH)
        mine = [
            alarm
            for alarm in alarms
            if alarm.version == version
            and (not view.segment or alarm.segment in ("", view.segment))
        ]
        return replace(
            view,
            features=[with_test(feature, mine) for feature in view.features],
            alarms=mine[:_ALARMS_IN_REPORT],
        )

    def push(self, archive: bytes, *, by: str) -> VersionView:
        """Add a package to the registry."""
        package = Package.from_archive(archive)
        package.golden()  # a package without golden vectors would be refused by every device
        found = self._packages.put(package, at_unix_s=time.time())
        self._offers.prepare(found)
        self._audit(by, "push", package.manifest.reference, {"digest": found.digest})

        def want_stable() -> None:
            """The first version of a model is what the fleet shall run; else nothing changes."""
            stable = self._packages.stable(found.model)
            target = Target(stable.version, stable.digest)
            fleet = self._conductor.fleet
            self._conductor.carry_out(fleet.set_stable(found.model, target, time.time()))

        self._conductor.order(want_stable)
        return self.version(found.model, found.version)

    def blob_path(self, digest: str) -> Path:
        """Return the file of a blob."""
        delta = self._offers.path(digest)
        if delta is not None:
            return delta
        try:
            return self._packages.blob_path(digest)
        except UsageError as error:
            raise NotFoundError(str(error)) from error

    def offer(self, digest: str, *, have: Sequence[str], compressions: Sequence[str]) -> Offer:
        """Return the ways to a package."""
        try:
            return self._offers.offer(digest, have=have, compressions=compressions)
        except UsageError as error:
            raise NotFoundError(str(error)) from error

    def start_rollout(self, order: RolloutOrder, *, by: str) -> RolloutView:
        """Begin to roll a version out."""
        return self._rollouts.start(order, by=by)

    def examine_rollout(self, order: RolloutOrder) -> PreflightView:
        """Return what would come of a plan."""
        return self._rollouts.examine(order)

    def rollouts(self) -> Sequence[RolloutView]:
        """Return all rollouts, newest first."""
        return self._rollouts.all()

    def rollout(self, rollout_id: str) -> RolloutView:
        """Return one rollout; ``latest`` names the newest."""
        return self._rollouts.one(rollout_id)

    def steer_rollout(self, rollout_id: str, action: str, *, by: str) -> RolloutView:
        """Pause, resume, retry, abort, roll back or approve."""
        return self._rollouts.steer(rollout_id, action, by=by)

    def alarms(self, *, model: str = "", limit: int = 100) -> Sequence[AlarmView]:
        """Return alarms, newest first."""
        known = self._warehouse.acknowledgements()
        records = self._warehouse.alarms(model=model, limit=limit)
        return [alarm_view(record, known.get(record.alarm_id)) for record in records]

    def alarm(self, alarm_id: str) -> AlarmView:
        """Return one alarm."""
        for view in self.alarms(limit=_ALARMS_KEPT):
            if view.alarm_id == alarm_id:
                return view
        raise NotFoundError(f"there is no alarm {alarm_id!r:.100}")

    def acknowledge_alarm(self, alarm_id: str, *, note: str, by: str) -> AlarmView:
        """Say that somebody looks after an alarm."""
        self.alarm(alarm_id)
        record = AcknowledgementRecord(alarm_id, by, time.time(), note)
        self._conductor.order(lambda: self._warehouse.acknowledge(record))
        self._audit(by, "alarm.acknowledge", alarm_id, {"note": note})
        return self.alarm(alarm_id)

    def audit(
        self, *, limit: int = 100, before: int | None = None, action: str = ""
    ) -> Sequence[AuditView]:
        """Return who did what, newest first."""
        records = self._warehouse.audit(limit=limit, before=before, action=action)
        return [audit_view(record) for record in records]

    def _found(self, model: str, version: str) -> PackageVersion:
        try:
            return self._packages.version(model, version)
        except UsageError as error:
            raise NotFoundError(str(error)) from error

    def _rows_by_device(self, names: Sequence[str]) -> dict[str, int]:
        rows: dict[str, int] = {}
        for (device, subject), counters in self._warehouse.device_totals(names).items():
            if subject.role == Role.PRIMARY:
                rows[device] = rows.get(device, 0) + counters.rows
        return rows

    def _serving(self, model: str, digest: str) -> int:
        return sum(
            model in facts.models and facts.models[model].serving == digest
            for facts in self._conductor.snapshot.facts.values()
        )

    def _audit(self, by: str, action: str, subject: str, detail: JsonObject) -> None:
        self._warehouse.add_audit(AuditRecord(time.time(), by, action, subject, detail))
