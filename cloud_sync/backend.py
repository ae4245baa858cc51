"""What the API may ask of the cloud: questions answered with views, and orders.

Views are plain data for people and programs: they turn into JSON as they stand. Times are Unix
seconds, fractions go from 0 to 1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from cloud_sync.cell_views import CellBook
from cloud_sync.core.groups import Audience
from cloud_sync.core.rollout import RolloutPlan
from cloud_sync.enrolment_views import (
    CredentialView,
    EnrolmentBook,
    ErasureView,
    JoinTokenView,
    NewJoinTokenView,
    QuarantineView,
)
from cloud_sync.measure import Measure
from cloud_sync.operator_views import (
    AccessBook,
    AnswerView,
    AuditView,
    CommandDeviceView,
    Commands,
    CommandView,
    GroupBook,
    GroupView,
    NewTokenView,
    PinView,
    TokenView,
)
from cloud_sync.ports import AccessStore
from cloud_sync.sample_views import LabelBook, LabelsView, SampleBook, SampleFileView
from cloud_sync.statistics_view import (
    AlarmView,
    ClassShare,
    DeviceShareView,
    EvidenceView,
    FeatureView,
    SegmentView,
    StatisticsView,
)
from edge_contract.delta import Offer
from edge_contract.errors import UsageError
from edge_contract.reading import JsonObject

__all__ = [
    "AccessBook",
    "AlarmView",
    "AnswerView",
    "Audience",
    "AuditView",
    "ClassShare",
    "CloudBackend",
    "CommandDeviceView",
    "CommandView",
    "Commands",
    "CredentialView",
    "DeviceShareView",
    "DeviceView",
    "EnrolmentBook",
    "ErasureView",
    "EvidenceView",
    "FeatureView",
    "ForecastView",
    "GroupBook",
    "GroupView",
    "JoinTokenView",
    "LabelBook",
    "LabelsView",
    "ModelView",
    "NewJoinTokenView",
    "NewTokenView",
    "NotFoundError",
    "PinView",
    "PreflightView",
    "QuarantineView",
    "RolloutEventView",
    "RolloutOrder",
    "RolloutView",
    "SampleBook",
    "SampleFileView",
    "SegmentView",
    "StageView",
    "StatisticsView",
    "SummaryView",
    "TokenView",
    "VersionView",
]


class NotFoundError(UsageError):
    """There is nothing of that name; the API answers 404, and 409 to any other ``UsageError``."""


@dataclass(frozen=True, slots=True)
class SummaryView:
    """The fleet in numbers, all since the data folder was made."""

    fleet: str
    devices: int
    online: int
    rows_merged: int
    calls_merged: int
    failures_merged: int
    batches_merged: int
    batches_repeated: int
    messages_refused: int
    open_alarms: int
    running_rollouts: int


@dataclass(frozen=True, slots=True)
class DeviceView:
    """A device: ``models`` holds what it reports by model name, ``desired`` what it was sent.

    ``resources`` has the figures of :class:`edge_contract.messages.Resources` that are known.
    """

    name: str
    status: str
    boot: int
    boots: int
    last_seen_unix_s: float
    desired_generation: int
    reported_generation: int
    rows_merged: int
    models: JsonObject
    desired: JsonObject
    tags: Mapping[str, str]
    facts: JsonObject
    resources: JsonObject = field(default_factory=dict)
    pins: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelView:
    """A model and its versions, newest first; ``stable`` is what the fleet runs by default."""

    name: str
    stable: str
    versions: Sequence[str]


@dataclass(frozen=True, slots=True)
class VersionView:
    """A model version with what the fleet saw of it.

    ``estimated`` is the quality estimated without labels, ``labelled`` the one measured with them;
    both by metric, empty where unknown. If ``suppressed`` says why, features and qualities are
    withheld.
    """

    name: str
    version: str
    digest: str
    pushed_unix_s: float
    task: str
    size: int
    stable: bool
    devices: int
    rows: int
    manifest: JsonObject
    features: Sequence[FeatureView] = ()
    estimated: JsonObject = field(default_factory=dict)
    labelled: JsonObject = field(default_factory=dict)
    suppressed: str = ""
    segments: Sequence[SegmentView] = ()


@dataclass(frozen=True, slots=True)
class StageView:
    """A stage of a rollout: ``state`` is waiting, dispatching, soaking, analysing or an outcome.

    ``fraction`` is 0 where ``count`` says how many devices; ``mode`` is load, shadow or serve.
    """

    name: str
    fraction: float
    state: str
    count: int = 0
    mode: str = ""
    bake_s: float = 0.0
    began_unix_s: float = 0.0
    ended_unix_s: float = 0.0


@dataclass(frozen=True, slots=True)
class RolloutEventView:
    """One line of a rollout's history, with the evidence behind it."""

    at_unix_s: float
    sentence: str
    evidence: JsonObject


@dataclass(frozen=True, slots=True)
class RolloutView:
    """A rollout: where it stands, whom it reached and why.

    ``actions`` is what may be done with it now, ``target`` the filter of the devices it is for, and
    ``waiting`` the number of devices that have not been told yet. It is in its state since
    ``state_since_unix_s``.
    """

    rollout_id: str
    model: str
    version: str
    previous: str
    strategy: str
    state: str
    sentence: str
    started_unix_s: float
    ended_unix_s: float | None
    stages: Sequence[StageView]
    executions: Mapping[str, str]
    devices_exposed: Sequence[str]
    events: Sequence[RolloutEventView]
    actions: Sequence[str] = ()
    target: str = ""
    waiting: int = 0
    state_since_unix_s: float = 0.0


@dataclass(frozen=True, slots=True)
class RolloutOrder:
    """What to roll out and how.

    Attributes:
        plan: All of it.
        supersede: Whether it may take the place of a rollout of the model that is under way.
        force: Whether it starts in spite of what :meth:`CloudBackend.examine_rollout` finds.
    """

    plan: RolloutPlan
    supersede: bool = False
    force: bool = False


@dataclass(frozen=True, slots=True)
class ForecastView:
    """What a stage will be: its first devices, how many are left as control, what it can see.

    ``sights`` has the numbers by gate: the loss of quality that was asked for, after how many
    seconds it is found with ``power``, and the smallest loss that is found before the wait is over.
    """

    name: str
    mode: str
    devices: int
    first: Sequence[str]
    control: int
    shortest_s: float
    sentence: str
    sights: Sequence[JsonObject]


@dataclass(frozen=True, slots=True)
class PreflightView:
    """What would come of a plan; ``problems`` keep it from starting unless it is forced."""

    model: str
    version: str
    previous: str
    strategy: str
    devices: int
    problems: Sequence[str]
    warnings: Sequence[str]
    stages: Sequence[ForecastView]
    plan: JsonObject


class CloudBackend(Protocol):
    """The cloud behind the API. Thread-safe: the API calls it from any thread.

    Raises, besides what is named: ``NotFoundError`` for a name that is not there, ``UsageError``
    for an order that cannot be carried out as things stand, ``UnavailableError`` while the
    database is out of reach.
    """

    def summary(self) -> SummaryView:
        """Return the fleet in numbers."""
        ...

    @property
    def groups(self) -> GroupBook:
        """Groups of devices."""
        ...

    @property
    def cell(self) -> CellBook:
        """What those above merge with the windows of other cells."""
        ...

    @property
    def commands(self) -> Commands:
        """Commands to devices."""
        ...

    @property
    def samples(self) -> SampleBook:
        """Samples that devices sent."""
        ...

    @property
    def labels(self) -> LabelBook:
        """Truths that people found out."""
        ...

    @property
    def access(self) -> AccessBook:
        """Tokens of the API."""
        ...

    @property
    def enrolment(self) -> EnrolmentBook:
        """Who belongs to the fleet."""
        ...

    def erase(self, device: str, *, by: str) -> ErasureView:
        """Forget what is known of a device; raises ``NotFoundError``."""
        ...

    @property
    def kept_answers(self) -> AccessStore:
        """Where answers to orders are kept that may be sent again."""
        ...

    def pin(self, model: str, version: str, *, audience: Audience, by: str) -> PinView:
        """Hold devices to a version of a model, whatever rollouts want; empty lets them go.

        Raises:
            NotFoundError: There is no such version, group or device.
            FilterError: The filter of the audience cannot be read.
            UsageError: Nobody is in the audience.
        """
        ...

    def devices(
        self,
        *,
        status: str = "",
        after: str = "",
        limit: int = 100,
        audience: Audience | None = None,
    ) -> Sequence[DeviceView]:
        """Return devices by rising name, from the first one past ``after``.

        Args:
            status: Only devices of this status.
            after: A name.
            limit: At most so many.
            audience: Only these; a device in it that is unknown is a ``NotFoundError``.

        Raises:
            FilterError: The filter of the audience cannot be read.
        """
        ...

    def device(self, name: str) -> DeviceView:
        """Return one device."""
        ...

    def models(self) -> Sequence[ModelView]:
        """Return all models."""
        ...

    def version(self, model: str, version: str, *, brief: bool = False) -> VersionView:
        """Return one version with its drift, histograms and quality.

        Args:
            model: Its model.
            version: Which one.
            brief: As it was some seconds ago will do, as on pages that ask all the time.
        """
        ...

    def statistics(
        self,
        model: str,
        version: str,
        *,
        segment: str = "",
        since_unix_s: float | None = None,
        brief: bool = False,
    ) -> StatisticsView:
        """Return what a version saw, for a report.

        Args:
            model: Name of the model.
            version: Its version.
            segment: Only devices with this tag, as ``site=oslo``; empty for all.
            since_unix_s: From when on; ``None`` for as far back as pages look.
            brief: Leave out what needs the statistics of every single device; as they were some
                seconds ago, for pages that are asked for again and again.

        Raises:
            UsageError: The segment is written otherwise, or no device is in it.
        """
        ...

    def push(self, archive: bytes, *, by: str) -> VersionView:
        """Add a package to the registry; pushing the same one again changes nothing.

        Raises:
            PackageError: The package is damaged or cannot be used.
            UsageError: The version exists with other content.
        """
        ...

    def blob_path(self, digest: str) -> Path:
        """Return the file of a blob (a manifest, a model, a delta) for downloading."""
        ...

    def offer(self, digest: str, *, have: Sequence[str], compressions: Sequence[str]) -> Offer:
        """Return the ways by which a device gets a package, given what it has. Never waits."""
        ...

    def start_rollout(self, order: RolloutOrder, *, by: str) -> RolloutView:
        """Begin to roll a version out."""
        ...

    def examine_rollout(self, order: RolloutOrder) -> PreflightView:
        """Return what would come of a plan; nothing is told to anybody."""
        ...

    def rollouts(self) -> Sequence[RolloutView]:
        """Return all rollouts, newest first."""
        ...

    def rollout(self, rollout_id: str) -> RolloutView:
        """Return one rollout; ``latest`` names the newest."""
        ...

    def steer_rollout(self, rollout_id: str, action: str, *, by: str) -> RolloutView:
        """Do one of pause, resume, retry, abort, rollback, approve."""
        ...

    def alarms(self, *, model: str = "", limit: int = 100) -> Sequence[AlarmView]:
        """Return alarms, newest first."""
        ...

    def alarm(self, alarm_id: str) -> AlarmView:
        """Return one alarm."""
        ...

    def acknowledge_alarm(self, alarm_id: str, *, note: str, by: str) -> AlarmView:
        """Say that somebody looks after an alarm, in place of who did before.

        It goes on to count as open until what drifted is calm again, or its version is gone.
        """
        ...

    def audit(
        self, *, limit: int = 100, before: int | None = None, action: str = ""
    ) -> Sequence[AuditView]:
        """Return who did what, newest first; ``action`` also takes in ``action.*``."""
        ...

    def measures(self) -> Sequence[Measure]:
        """Return the figures of the fleet and of the process."""
        ...

    def troubles(self) -> Mapping[str, str]:
        """Return what keeps the cloud from serving, by part; empty if all is well."""
        ...

    def revision(self) -> int:
        """Return a number that rises whenever anything above changes; pages wait for it."""
        ...
