"""Views of features and of quality from merged statistics, of a fleet and of two files alike."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from typing import Any, Final

from cloud_sync.alarm_desk import Watched
from cloud_sync.core import analysis
from cloud_sync.core.facts import PackageFacts
from cloud_sync.statistics_view import EvidenceView, FeatureView
from edge_contract.reading import JsonObject
from edge_contract.stats import Profile

__all__ = ["feature_views", "finite_or_zero", "measured", "thinned", "with_history", "worst_first"]

_MOST_POINTS: Final = 120


def feature_views(
    package: PackageFacts, live: Profile, *, watched: Watched
) -> Sequence[FeatureView]:
    """Return one view per watched column, in the package's order, and what else is watched."""
    views = analysis.column_views(package, live, evidence=watched.evidence, drifted=watched.drifted)
    columns = [FeatureView(**_fields_of(view)) for view in views]
    known = {view.subject for view in views}
    others = [
        FeatureView(
            subject=subject,
            drifted=subject in watched.drifted,
            evidence=evidence,
            ks=math.nan,
            psi=math.nan,
            missing_fraction=0.0,
            reference_missing_fraction=0.0,
            kind="other",
            jensen_shannon=math.nan,
        )
        for subject, evidence in watched.evidence.items()
        if subject not in known
    ]
    return [*columns, *others]


def measured(package: PackageFacts, labels: Profile) -> JsonObject:
    """Return the quality by metric that the statistics of the label role give, empty if none.

    Where the package names what a person or a rule reaches, ``baseline`` compares with that.
    """
    found = analysis.measured(package, labels)
    if found is None:
        return {}
    metrics = found.to_json()
    baseline = analysis.against_baseline(metrics, package.manifest.evidence.baseline)
    return {**metrics, "baseline": baseline} if baseline else metrics


def worst_first(features: Iterable[FeatureView]) -> Sequence[FeatureView]:
    """Return features by how much they deserve to be looked at.

    Evidence that nobody could see in print does not count.
    """

    def severity(feature: FeatureView) -> tuple[bool, float, float]:
        return (
            feature.drifted,
            round(finite_or_zero(feature.evidence), 2),
            finite_or_zero(feature.ks),
        )

    return sorted(features, key=severity, reverse=True)


def with_history(
    feature: FeatureView, history: Sequence[EvidenceView], now_unix_s: float
) -> FeatureView:
    """Return a feature with its evidence over time, up to now."""
    if not history or not math.isfinite(feature.evidence):
        return feature
    return replace(feature, history=[*history, EvidenceView(now_unix_s, feature.evidence)])


def thinned(history: Sequence[EvidenceView]) -> Sequence[EvidenceView]:
    """Return at most so many points as can be seen: of neighbours the one with most evidence."""
    size = max(-(-len(history) // _MOST_POINTS), 1)
    parts = (history[first : first + size] for first in range(0, len(history), size))
    return [max(part, key=lambda view: view.evidence) for part in parts]


def _fields_of(view: analysis.ColumnView) -> dict[str, Any]:
    """Return the fields of a view by name; lists are not copied, of which there are thousands."""
    return {field.name: getattr(view, field.name) for field in fields(view)}


def finite_or_zero(number: float) -> float:
    """Return a number that can be compared: 0 for NaN and infinities."""
    return number if math.isfinite(number) else 0.0
