"""What stands on the page: asked of the backend once, in the form that the templates need."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlencode

from cloud_sync.backend import (
    AlarmView,
    Audience,
    CloudBackend,
    DeviceView,
    RolloutView,
    SummaryView,
    VersionView,
)
from cloud_sync.core.device_filter import FilterError
from cloud_sync.dashboard.devices import DeviceRow, device_row
from cloud_sync.dashboard.drift import DriftPanel, drift_panel
from cloud_sync.dashboard.rollout_pages import RolloutPanel, rollout_panel
from edge_contract.package import short

__all__ = ["Page", "Question", "page_of"]

DEVICES_ON_PAGE: Final = 50
_ALARMS: Final = 6
_OTHER_ROLLOUTS: Final = 5
_VERSIONS_PER_MODEL: Final = 4


@dataclass(frozen=True, slots=True)
class Question:
    """What the address asks for.

    Attributes:
        status: Only devices of this status.
        after: Only devices past this one.
        focus: ``NAME@VERSION`` whose drift is shown; empty for the one that needs it most.
        filter: Only devices that it describes.
    """

    status: str = ""
    after: str = ""
    focus: str = ""
    filter: str = ""

    def link(self, **changes: str) -> str:
        """Return the address of the page with some of it changed."""
        changed = replace(self, **changes)
        given = {
            name: value
            for name, value in (
                ("focus", changed.focus),
                ("filter", changed.filter),
                ("status", changed.status),
                ("after", changed.after),
            )
            if value
        }
        return f"/?{urlencode(given)}" if given else "/"


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
    can_start: bool
    held_out: Quality | None
    estimated: Quality | None
    labelled: Quality | None


@dataclass(frozen=True, slots=True)
class Page:
    """Everything on the page."""

    question: Question
    summary: SummaryView
    rollout: RolloutPanel | None
    other_rollouts: Sequence[RolloutView]
    alarms: Sequence[AlarmView]
    versions: Sequence[VersionRow]
    drift: DriftPanel | None
    devices: Sequence[DeviceRow]
    filter_error: str
    next_device: str


def page_of(backend: CloudBackend, question: Question) -> Page:
    """Ask the backend for everything on the page."""
    rollouts = backend.rollouts()
    current = next((r for r in rollouts if r.ended_unix_s is None), next(iter(rollouts), None))
    others = [one for one in rollouts if one is not current]
    others.sort(key=lambda one: one.ended_unix_s is not None)  # those under way come first
    alarms = backend.alarms(limit=_ALARMS)
    versions = _versions(backend, current)
    devices, filter_error = _devices(backend, question)
    shown = [device_row(device) for device in devices[:DEVICES_ON_PAGE]]
    return Page(
        question=question,
        summary=backend.summary(),
        rollout=None if current is None else rollout_panel(current),
        other_rollouts=others[:_OTHER_ROLLOUTS],
        alarms=alarms,
        versions=[_version_row(view, current) for view in versions],
        drift=drift_panel(backend, versions, alarms, question.focus),
        devices=shown,
        filter_error=filter_error,
        next_device=shown[-1].view.name if len(devices) > DEVICES_ON_PAGE else "",
    )


def _devices(backend: CloudBackend, question: Question) -> tuple[Sequence[DeviceView], str]:
    """Return the devices that are asked for, or none and why the filter cannot be read."""
    audience = Audience(filter=question.filter) if question.filter.strip() else None
    try:
        found = backend.devices(
            status=question.status,
            after=question.after,
            limit=DEVICES_ON_PAGE + 1,
            audience=audience,
        )
    except FilterError as error:
        return (), str(error)
    return found, ""


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
        found += [
            backend.version(model.name, version, brief=True) for version in dict.fromkeys(wanted)
        ]
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
        can_start=not view.stable
        and not (
            current is not None and current.ended_unix_s is None and current.model == view.name
        ),
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
