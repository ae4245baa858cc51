"""The panel that shows which features and which segments of a version drifted most."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cloud_sync.backend import (
    AlarmView,
    CloudBackend,
    FeatureView,
    NotFoundError,
    SegmentView,
    VersionView,
)
from cloud_sync.dashboard.charts import Histogram, histogram

__all__ = ["DriftPanel", "FeaturePanel", "drift_panel", "feature_panels"]

_FEATURES: Final = 8
_SEGMENTS: Final = 6


@dataclass(frozen=True, slots=True)
class FeaturePanel:
    """Drift of one feature and its chart."""

    view: FeatureView
    title: str
    chart: Histogram | None


@dataclass(frozen=True, slots=True)
class SegmentPanel:
    """Where the detectors of one segment stand; ``share`` of the bar is 1 at an alarm."""

    view: SegmentView
    title: str
    share: float


@dataclass(frozen=True, slots=True)
class DriftPanel:
    """The features of one version that drifted most."""

    reference: str
    rows: int
    features: Sequence[FeaturePanel]
    total: int
    segments: Sequence[SegmentPanel]
    total_segments: int
    suppressed: str


def drift_panel(
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
            view = backend.version(name, version, brief=True)
        except NotFoundError:
            view = None
    candidates = [by_reference.get(f"{alarm.model}@{alarm.version}") for alarm in alarms]
    candidates += [version for version in versions if version.stable]
    if view is None:
        view = next((found for found in candidates if found is not None), None)
    if view is None:
        return None
    panels = feature_panels(view.features)
    return DriftPanel(
        reference=f"{view.name}@{view.version}",
        rows=view.rows,
        features=panels[:_FEATURES],
        total=len(panels),
        segments=[_segment_panel(segment) for segment in view.segments[:_SEGMENTS]],
        total_segments=len(view.segments),
        suppressed=view.suppressed,
    )


def feature_panels(features: Sequence[FeatureView]) -> list[FeaturePanel]:
    """Return all features with their charts, the one that drifts most first."""
    return [
        FeaturePanel(feature, _title(feature.subject), histogram(feature))
        for feature in sorted(features, key=_severity, reverse=True)
    ]


def _segment_panel(segment: SegmentView) -> SegmentPanel:
    evidence = segment.evidence if math.isfinite(segment.evidence) else 0.0
    return SegmentPanel(segment, _title(segment.worst), min(max(evidence, 0.0), 1.0))


def _severity(feature: FeatureView) -> tuple[bool, float, float]:
    """Return the sort key; evidence that nobody could see in print does not count."""
    evidence, distance = (n if math.isfinite(n) else 0.0 for n in (feature.evidence, feature.ks))
    return feature.drifted, round(evidence, 2), distance


def _title(subject: str) -> str:
    return subject.removeprefix("feature:")
