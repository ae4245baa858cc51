"""What a page shows of each column: distances, missing values, and two histograms side by side."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from cloud_sync.core.analysis.bins import views_of
from cloud_sync.core.analysis.distances import jensen_shannon, ks, psi, wasserstein
from cloud_sync.core.analysis.histogram import histograms
from cloud_sync.core.analysis.watched import watched_columns
from cloud_sync.core.facts import PackageFacts
from edge_contract.package.reference import PREDICTION, feature_subject
from edge_contract.stats import (
    Categories,
    Moments,
    MomentsSpec,
    Probabilities,
    Profile,
    Sketch,
    Statistic,
)

__all__ = ["ClassShare", "ColumnView", "class_shares", "column_views"]


@dataclass(frozen=True, slots=True)
class ColumnView:
    """Drift of one feature or of the prediction, ready to be shown.

    Attributes:
        subject: ``feature:NAME`` or ``prediction``.
        drifted: Whether an alarm on it stands.
        evidence: The detector's statistic over its threshold.
        ks: Largest gap of the cumulated shares, 0 to 1; of a prediction the larger one of its
            confidence's and its class's.
        psi: Population stability index, likewise.
        missing_fraction: Share of live rows without a usable value.
        reference_missing_fraction: The same of the reference.
        edges: Of the histograms, rising; empty where nothing was seen.
        reference_histogram: Shares of the reference between the edges, missing values aside.
        live_histogram: The same of the live rows.
        kind: ``number``, ``category`` or ``probability``.
        rows: Live rows.
        jensen_shannon: Jensen-Shannon distance, 0 to 1, likewise.
        wasserstein: How far mass has to move, in the column's unit; NaN for categories.
        labels: Names of the bins of categories.
        reference_summary: Mean, deviation, low and high of a number in the reference.
        live_summary: The same of the live rows.
        new_fraction: Share of live rows whose category the reference does not have.
    """

    subject: str
    drifted: bool
    evidence: float
    ks: float
    psi: float
    missing_fraction: float
    reference_missing_fraction: float
    edges: Sequence[float] = ()
    reference_histogram: Sequence[float] = ()
    live_histogram: Sequence[float] = ()
    kind: str = ""
    rows: int = 0
    jensen_shannon: float = 0.0
    wasserstein: float = math.nan
    labels: Sequence[str] = ()
    reference_summary: Mapping[str, float] = field(default_factory=dict)
    live_summary: Mapping[str, float] = field(default_factory=dict)
    new_fraction: float = 0.0


@dataclass(frozen=True, slots=True)
class ClassShare:
    """How often a class is predicted, in the reference and live; fractions of all predictions.

    ``index`` is its place among the classes of the model, and in ``per_class`` of the quality.
    """

    name: str
    reference: float
    live: float
    index: int = 0


def column_views(
    package: PackageFacts,
    live: Profile,
    *,
    evidence: Mapping[str, float],
    drifted: Collection[str] = (),
) -> Sequence[ColumnView]:
    """Return one view per watched column, in the package's order.

    Args:
        package: The package.
        live: What devices counted in the primary role.
        evidence: By subject, as the drift detector gives it.
        drifted: Subjects on which an alarm stands.
    """
    profile = package.reference.profile
    categories = _category_names(package)
    found: list[ColumnView] = []
    for index, subject in watched_columns(profile.spec):
        reference, seen = profile[index], live[index]
        views = [(view.reference, view.counts_of(seen)) for view in views_of(reference)]
        shown = histograms(reference, seen, categories=categories.get(subject, ()))
        found.append(
            ColumnView(
                subject=subject,
                drifted=subject in drifted,
                evidence=evidence.get(subject, 0.0),
                ks=max((ks(counts, known) for known, counts in views), default=0.0),
                psi=max((psi(counts, known) for known, counts in views), default=0.0),
                missing_fraction=_missing(seen),
                reference_missing_fraction=_missing(reference),
                edges=shown.edges,
                reference_histogram=shown.reference,
                live_histogram=shown.live,
                kind=_kind(reference),
                rows=seen.count,
                jensen_shannon=max((jensen_shannon(c, known) for known, c in views), default=0.0),
                wasserstein=_moved(reference, seen),
                labels=shown.labels,
                reference_summary=_summary(profile, subject),
                live_summary=_summary(live, subject),
                new_fraction=_new(seen),
            )
        )
    return found


def class_shares(package: PackageFacts, live: Profile) -> Sequence[ClassShare]:
    """Return how often each class is predicted, the one that changed most first."""
    reference = _class_counts(package.reference.profile)
    seen = _class_counts(live)
    names = package.manifest.classes
    before, now = max(sum(reference.values()), 1), max(sum(seen.values()), 1)
    shares = [
        ClassShare(str(name), reference.get(k, 0) / before, seen.get(k, 0) / now, k)
        for k, name in enumerate(names)
        if reference or seen
    ]
    return sorted(shares, key=lambda share: -abs(share.live - share.reference))


def _class_counts(profile: Profile) -> dict[int, int]:
    for index, subject in watched_columns(profile.spec):
        if subject == PREDICTION:
            match profile[index]:
                case Probabilities(counts=counts):
                    return {k: sum(bins.values()) for k, bins in counts.items()}
                case Categories(counts=plain):
                    return dict(plain)
                case _:
                    return {}
    return {}


def _category_names(package: PackageFacts) -> dict[str, Sequence[str]]:
    manifest = package.manifest
    names: dict[str, Sequence[str]] = {
        feature_subject(feature.name): feature.categories for feature in manifest.features
    }
    return names | {PREDICTION: [str(name) for name in manifest.classes]}


def _kind(statistic: Statistic) -> str:
    match statistic:
        case Categories():
            return "category"
        case Probabilities():
            return "probability"
        case _:
            return "number"


def _moved(reference: Statistic, live: Statistic) -> float:
    if isinstance(reference, Sketch) and isinstance(live, Sketch) and live.finite:
        return wasserstein(live.ordered(), reference.ordered())
    return math.nan


def _summary(profile: Profile, subject: str) -> dict[str, float]:
    found = profile.find(subject, MomentsSpec.kind)
    if not isinstance(found, Moments) or not found.finite:
        return {}
    return {
        "mean": found.mean,
        "deviation": math.sqrt(found.variance) if found.finite > 1 else 0.0,
        "low": found.low,
        "high": found.high,
    }


def _missing(statistic: Statistic) -> float:
    match statistic:
        case Sketch() | Categories():
            absent = statistic.missing
        case Probabilities():
            absent = statistic.invalid
        case _:
            absent = 0
    return absent / statistic.count if statistic.count else 0.0


def _new(statistic: Statistic) -> float:
    if isinstance(statistic, Categories) and statistic.count:
        return statistic.other / statistic.count
    return 0.0
