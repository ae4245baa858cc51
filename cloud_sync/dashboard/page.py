"""What stands on the page: asked of the backend once, in the form that the templates need."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlencode

from cloud_sync.backend import (
    AlarmView,
    CloudBackend,
    DeviceView,
    FeatureView,
    NotFoundError,
    RolloutEventView,
    RolloutView,
    SummaryView,
    VersionView,
)
from cloud_sync.core.rollout.rollout_life import TRANSITIONS, RolloutState
from cloud_sync.dashboard.charts import Histogram, Segment, histogram, stacked
from edge_contract.package import short

__all__ = ["Page", "Question", "page_of"]

DEVICES_ON_PAGE: Final = 50
_ALARMS: Final = 6
_PAST_ROLLOUTS: Final = 5
_VERSIONS_PER_MODEL: Final = 4
_FEATURES: Final = 8
_STEERING: Final = ("approve", "resume", "pause", "rollback", "abort")


@dataclass(frozen=True, slots=True)
class Question:
    """What the address asks for.

    Attributes:
        status: Only devices of this status.
        after: Only devices past this one.
        focus: ``NAME@VERSION`` whose drift is shown; empty for the one that needs it most.
    """

    status: str = ""
    after: str = ""
    focus: str = ""

    def link(self, **changes: str) -> str:
        """Return the address of the page with some of it changed."""
        changed = replace(self, **changes)
        given = {
            name: value
            for name, value in (
                ("focus", changed.focus),
                ("status", changed.status),
                ("after", changed.after),
            )
            if value
        }
        return f"/?{urlencode(given)}" if given else "/"


@dataclass(frozen=True, slots=True)
class RolloutPanel:
    """A rollout with what an operator may do now and the last verdict on it."""

    view: RolloutView
    actions: Sequence[str]
    segments: Sequence[Segment]
    verdict: RolloutEventView | None


@dataclass(frozen=True, slots=True)
class Quality:
    """One kind of quality of a version."""

    metric: str
    value: float
    rows: int | None


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A version in the list; a quality is ``None`` where it is not known."""

    view: VersionView
    short_digest: str
    is_candidate: bool
    held_out: Quality | None
    estimated: Quality | None
    labelled: Quality | None


@dataclass(frozen=True, slots=True)
class FeaturePanel:
    """Drift of one feature and its chart."""

    view: FeatureView
    title: str
    chart: Histogram | None


@dataclass(frozen=True, slots=True)
class DriftPanel:
    """The features of one version that drifted most."""

    reference: str
    rows: int
    features: Sequence[FeaturePanel]
    total: int


@dataclass(frozen=True, slots=True)
class SlotLine:
    """One slot of a model on a device."""

    model: str
    name: str
    state: str
    version: str
    detail: str


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A device in the list."""

    view: DeviceView
    serving: Sequence[str]
    slots: Sequence[SlotLine]
    is_settled: bool


@dataclass(frozen=True, slots=True)
class Page:
    """Everything on the page."""

    question: Question
    summary: SummaryView
    rollout: RolloutPanel | None
    past_rollouts: Sequence[RolloutView]
    alarms: Sequence[AlarmView]
    versions: Sequence[VersionRow]
    drift: DriftPanel | None
    devices: Sequence[DeviceRow]
    next_device: str


def page_of(backend: CloudBackend, question: Question) -> Page:
    """Ask the backend for everything on the page."""
    rollouts = backend.rollouts()
    current = next((r for r in rollouts if r.ended_unix_s is None), next(iter(rollouts), None))
    alarms = backend.alarms(limit=_ALARMS)
    versions = _versions(backend, current)
    devices = backend.devices(
        status=question.status, after=question.after, limit=DEVICES_ON_PAGE + 1
    )
    shown = [_device_row(device) for device in devices[:DEVICES_ON_PAGE]]
    return Page(
        question=question,
        summary=backend.summary(),
        rollout=None if current is None else _rollout_panel(current),
        past_rollouts=[r for r in rollouts if r is not current][:_PAST_ROLLOUTS],
        alarms=alarms,
        versions=[_version_row(view, current) for view in versions],
        drift=_drift_panel(backend, versions, alarms, question.focus),
        devices=shown,
        next_device=shown[-1].view.name if len(devices) > DEVICES_ON_PAGE else "",
    )


def _rollout_panel(view: RolloutView) -> RolloutPanel:
    known = {state.value: state for state in RolloutState}
    ways = TRANSITIONS[known[view.state]] if view.state in known else {}
    possible = {event.value for event in ways}
    return RolloutPanel(
        view=view,
        actions=[action for action in _STEERING if action in possible],
        segments=stacked(view.executions),
        verdict=next((event for event in reversed(view.events) if event.evidence), None),
    )


def _versions(backend: CloudBackend, current: RolloutView | None) -> list[VersionView]:
    """Return the newest versions of each model, and any older one that matters now."""
    found = []
    for model in backend.models():
        wanted = list(model.versions[:_VERSIONS_PER_MODEL])
        known = set(model.versions)
        matters = [model.stable]
        if current is not None and current.model == model.name:
            matters += [current.version, current.previous]
        wanted += [version for version in matters if version in known and version not in wanted]
        found += [backend.version(model.name, version) for version in dict.fromkeys(wanted)]
    return found


def _version_row(view: VersionView, current: RolloutView | None) -> VersionRow:
    evidence = view.manifest.get("evidence")
    held_out = evidence.get("quality") if isinstance(evidence, Mapping) else None
    return VersionRow(
        view=view,
        short_digest=short(view.digest),
        is_candidate=current is not None
        and current.ended_unix_s is None
        and (current.model, current.version) == (view.name, view.version),
        held_out=_quality(held_out),
        estimated=_quality(view.estimated),
        labelled=_quality(view.labelled),
    )


def _quality(metrics: object) -> Quality | None:
    """Return the accuracy, or the first other metric."""
    if not isinstance(metrics, Mapping):
        return None
    rows = metrics.get("rows")
    for name in ("accuracy", *metrics):
        value = metrics.get(name)
        if isinstance(value, float):
            return Quality(str(name), value, rows if isinstance(rows, int) else None)
    return None


def _drift_panel(
    backend: CloudBackend,
    versions: Sequence[VersionView],
    alarms: Sequence[AlarmView],
    focus: str,
) -> DriftPanel | None:
    """Return the version asked for, else the one of the newest alarm, else what the fleet runs."""
    by_reference = {f"{view.name}@{view.version}": view for view in versions}
    view = by_reference.get(focus)
    if view is None and "@" in focus:
        name, _, version = focus.partition("@")
        try:
            view = backend.version(name, version)
        except NotFoundError:
            view = None
    candidates = [by_reference.get(f"{alarm.model}@{alarm.version}") for alarm in alarms]
    candidates += [version for version in versions if version.stable]
    if view is None:
        view = next((found for found in candidates if found is not None), None)
    if view is None:
        return None
    worst = sorted(view.features, key=_severity, reverse=True)
    return DriftPanel(
        reference=f"{view.name}@{view.version}",
        rows=view.rows,
        features=[
            FeaturePanel(feature, _title(feature.subject), histogram(feature))
            for feature in worst[:_FEATURES]
        ],
        total=len(worst),
    )


def _severity(feature: FeatureView) -> tuple[bool, float, float]:
    numbers = [n if math.isfinite(n) else 0.0 for n in (feature.evidence, feature.ks)]
    return feature.drifted, numbers[0], numbers[1]


def _title(subject: str) -> str:
    return subject.removeprefix("feature:")


def _device_row(view: DeviceView) -> DeviceRow:
    serving, slots = [], []
    for model, report in sorted(view.models.items()):
        if not isinstance(report, Mapping):
            continue
        if report.get("version"):
            serving.append(f"{model}@{report['version']}")
        listed = report.get("slots")
        if isinstance(listed, Sequence) and not isinstance(listed, str):
            slots += [_slot_line(model, slot) for slot in listed if isinstance(slot, Mapping)]
    return DeviceRow(
        view=view,
        serving=serving,
        slots=slots,
        is_settled=view.reported_generation >= view.desired_generation,
    )


def _slot_line(model: str, slot: Mapping[str, object]) -> SlotLine:
    return SlotLine(
        model=model,
        name=str(slot.get("slot", "")),
        state=str(slot.get("state", "")),
        version=str(slot.get("version", "")),
        detail=str(slot.get("detail", "")),
    )
