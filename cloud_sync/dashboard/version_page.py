"""The page of a model version: what it is, how good it is, and what it saw."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cloud_sync.backend import AlarmView, CloudBackend, StatisticsView, VersionView
from cloud_sync.dashboard.charts import Trend, trend
from cloud_sync.dashboard.drift import FeaturePanel, feature_panels
from cloud_sync.dashboard.evidence import Line
from cloud_sync.dashboard.wording import UNKNOWN, decimal, file_size, number, words
from edge_contract.package import short
from edge_contract.package.digests import DIGEST_PATTERN
from edge_contract.reading import JsonObject, JsonValue

__all__ = ["VersionPage", "version_page_of"]

_FEATURES: Final = 24
_TRENDS: Final = 8
_METRICS: Final = 12
_DIGEST: Final = re.compile(DIGEST_PATTERN)


@dataclass(frozen=True, slots=True)
class TrendPanel:
    """Evidence of one subject over time."""

    title: str
    trend: Trend
    drifted: bool


@dataclass(frozen=True, slots=True)
class MetricLine:
    """One metric: on held-out data, estimated without labels, and measured with them."""

    name: str
    held_out: str
    estimated: str
    labelled: str


@dataclass(frozen=True, slots=True)
class VersionPage:
    """A version and what the fleet, or one segment of it, saw of it."""

    view: VersionView
    seen: StatisticsView
    segment: str
    card: Sequence[Line]
    metrics: Sequence[MetricLine]
    estimated_note: str
    labelled_rows: int
    features: Sequence[FeaturePanel]
    total: int
    trends: Sequence[TrendPanel]
    alarms: Sequence[AlarmView]
    can_start: bool


def version_page_of(
    backend: CloudBackend, model: str, version: str, *, segment: str
) -> VersionPage:
    """Ask the backend for a version.

    Raises:
        NotFoundError: There is none of that name.
        UsageError: Nothing is in the segment, or it is none.
    """
    view = backend.version(model, version, brief=True)
    seen = backend.statistics(model, version, segment=segment, brief=True)
    busy = any(r.model == model and r.ended_unix_s is None for r in backend.rollouts())
    rows = seen.labelled.get("rows")
    return VersionPage(
        view=view,
        seen=seen,
        segment=segment,
        card=_card(view),
        metrics=_metrics(seen),
        estimated_note=_note(seen.estimated),
        labelled_rows=rows if isinstance(rows, int) else 0,
        features=feature_panels(seen.features)[:_FEATURES],
        total=len(seen.features),
        trends=_trends(seen),
        alarms=seen.alarms,
        can_start=not view.stable and not busy,
    )


def _card(view: VersionView) -> list[Line]:
    """Return what its package says of it."""
    manifest = view.manifest
    lines = [
        Line("Task", view.task),
        Line("Size", file_size(view.size)),
        Line("Package", short(view.digest)),
    ]
    for name, title in (
        ("created", "Made"),
        ("licence", "Licence"),
        ("description", "Description"),
    ):
        text = manifest.get(name)
        if isinstance(text, str) and text:
            lines.append(Line(title, text))
    for name, title in (("features", "Features"), ("classes", "Classes")):
        items = manifest.get(name)
        if isinstance(items, Sequence) and not isinstance(items, str) and items:
            lines.append(Line(title, _listed(items)))
    for name, title in (("framework", "Made with"), ("lineage", "Comes from")):
        facts = manifest.get(name)
        if isinstance(facts, Mapping):
            lines += _facts(title, facts)
    return lines


def _facts(title: str, facts: JsonObject) -> list[Line]:
    texts = [
        f"{words(name)} {_brief(value)}"
        for name, value in facts.items()
        if isinstance(value, str | int)
    ]
    return [Line(title, ", ".join(texts))] if texts else []


def _brief(value: str | int) -> str:
    """Return a fact; of a digest as much as tells it from others."""
    return short(value) if isinstance(value, str) and _DIGEST.fullmatch(value) else str(value)


def _listed(items: Sequence[JsonValue]) -> str:
    names = [str(item.get("name")) if isinstance(item, Mapping) else str(item) for item in items]
    shown = ", ".join(names[:_METRICS])
    return f"{number(len(names))}: {shown}" + (" ..." if len(names) > _METRICS else "")


def _metrics(seen: StatisticsView) -> list[MetricLine]:
    parts = (seen.held_out, seen.estimated, seen.labelled)
    names = dict.fromkeys(
        name
        for part in parts
        for name, value in part.items()
        if isinstance(value, float) and name != "standard_error"
    )
    return [
        MetricLine(name.replace("_", " "), *(_value(part.get(name)) for part in parts))
        for name in list(names)[:_METRICS]
    ]


def _value(value: JsonValue) -> str:
    return decimal(value) if isinstance(value, int | float) else UNKNOWN


def _note(estimated: JsonObject) -> str:
    for name in ("note", "reason", "caveat"):
        text = estimated.get(name)
        if isinstance(text, str):
            return text
    return ""


def _trends(seen: StatisticsView) -> list[TrendPanel]:
    """Return the subjects whose evidence was greatest, the greatest first."""
    found = []
    for feature in seen.features:
        line = trend(feature.history)
        if line is not None:
            title = feature.subject.removeprefix("feature:")
            found.append(TrendPanel(title, line, feature.drifted))
    found.sort(key=lambda panel: panel.trend.peak, reverse=True)
    return found[:_TRENDS]
