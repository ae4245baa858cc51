"""Puts together what people see of a version's statistics, and withholds what they must not see."""

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Final, NamedTuple

from cloud_sync.alarm_desk import AlarmDesk, Watched
from cloud_sync.core.analysis import (
    class_shares,
    column_views,
    estimate,
    quality,
    rank_devices,
    rank_features,
)
from cloud_sync.core.facts import CohortStatistics, DeviceFacts, EvidenceSource, PackageFacts
from cloud_sync.core.segments import HARDWARE, TAG, WHOLE_FLEET, Segment
from cloud_sync.ports import PackageVersion
from cloud_sync.statistics_view import (
    ClassView,
    DeviceShareView,
    FeatureView,
    SegmentView,
    StatisticsView,
)
from edge_contract.errors import UsageError
from edge_contract.messages import Counters
from edge_contract.package import Role
from edge_contract.reading import JsonObject
from edge_contract.stats import Labels, Profile

__all__ = ["Seen", "StatisticsDesk", "feature_views", "measured", "read_segment", "worst_first"]

_MOST_DEVICES: Final = 20
_MOST_SEGMENTS: Final = 50


class Seen(NamedTuple):
    """What a version saw, in the form of views; empty where it is withheld."""

    rows: int
    devices: int
    suppressed: str
    features: Sequence[FeatureView]
    estimated: JsonObject
    labelled: JsonObject
    profile: Profile


class StatisticsDesk:
    """Answers what a version saw.

    Args:
        evidence: Statistics by cohort.
        alarms: Where the detectors stand.
        min_cohort: Statistics of fewer devices are withheld.
        live_s: How far back to look unless told otherwise.
    """

    def __init__(
        self, evidence: EvidenceSource, alarms: AlarmDesk, *, min_cohort: int, live_s: float
    ) -> None:
        self._evidence = evidence
        self._alarms = alarms
        self._min_cohort = min_cohort
        self._live_s = live_s

    def seen(
        self,
        package: PackageFacts,
        *,
        devices: frozenset[str] | None = None,
        since_unix_s: float | None = None,
    ) -> Seen:
        """Return what all devices, or some of them, saw lately."""
        since_unix_s = time.time() - self._live_s if since_unix_s is None else since_unix_s
        live = self._evidence.cohort(package.digest, devices=devices, since_unix_s=since_unix_s)
        withheld = self._withheld(live.devices)
        if withheld:
            empty = package.specs[Role.PRIMARY].empty()
            return Seen(live.counters.rows, live.devices, withheld, (), {}, {}, empty)
        labels = self._evidence.cohort(
            package.digest, Role.LABELS, devices=devices, since_unix_s=since_unix_s
        )
        watched = self._alarms.watched.get(package.digest, Watched())
        estimated = estimate(package, live.profile)
        return Seen(
            rows=live.counters.rows,
            devices=live.devices,
            suppressed="",
            features=feature_views(
                package, live.profile, watched=Watched() if devices is not None else watched
            ),
            estimated={} if estimated is None else estimated.to_json(),
            labelled={} if self._withheld(labels.devices) else measured(labels.profile),
            profile=live.profile,
        )

    def view(
        self,
        found: PackageVersion,
        facts: Mapping[str, DeviceFacts],
        *,
        segment: str = "",
        since_unix_s: float | None = None,
    ) -> StatisticsView:
        """Return everything that a report shows but the alarms.

        Raises:
            UsageError: The segment is written otherwise, or no device is in it.
        """
        package = self._evidence.package(found.digest)
        now_unix_s = time.time()
        since_unix_s = now_unix_s - self._live_s if since_unix_s is None else since_unix_s
        devices = _members(read_segment(segment), facts)
        seen = self.seen(package, devices=devices, since_unix_s=since_unix_s)
        by_device = {
            name: statistics
            for name, statistics in self._evidence.by_device(
                package.digest, since_unix_s=since_unix_s
            ).items()
            if devices is None or name in devices
        }
        shares, note = self._device_shares(package, by_device, seen)
        return StatisticsView(
            name=found.model,
            version=found.version,
            digest=found.digest,
            task=package.manifest.task.value,
            segment=segment,
            since_unix_s=since_unix_s,
            until_unix_s=now_unix_s,
            rows=seen.rows,
            devices=seen.devices,
            reference_rows=package.reference.rows,
            variance_inflation=package.reference.variance_inflation,
            suppressed=seen.suppressed,
            features=worst_first(seen.features),
            classes=[ClassView(**asdict(c)) for c in class_shares(package, seen.profile)]
            if seen.profile
            else (),
            held_out=package.manifest.evidence.quality,
            estimated=seen.estimated,
            labelled=seen.labelled,
            segments=self._segments(package, by_device, facts),
            device_shares=shares,
            device_note=note,
        )

    def _withheld(self, devices: int) -> str:
        """Return why statistics of so few devices are not shown; empty if they are."""
        if not 0 < devices < self._min_cohort:
            return ""
        return (
            f"withheld: they rest on {devices} {'device' if devices == 1 else 'devices'}, and "
            f"statistics of fewer than {self._min_cohort} are shown to nobody"
        )

    def _device_shares(
        self, package: PackageFacts, by_device: Mapping[str, CohortStatistics], seen: Seen
    ) -> tuple[Sequence[DeviceShareView], str]:
        """Return the devices that differ most, in what drifted or else in what is most distant."""
        if self._min_cohort > 1:
            return (), "withheld: single devices are shown to nobody (minimum cohort)"
        drifted = [feature.subject for feature in seen.features if feature.drifted]
        distant = worst_first(seen.features)[:1]
        subjects = drifted or [feature.subject for feature in distant]
        ranked = rank_devices(package, by_device, subjects)
        return [
            DeviceShareView(
                device=share.device,
                rows=share.rows,
                distance=share.distance,
                contribution=share.contribution,
                blamed=share.blamed,
            )
            for share in ranked[:_MOST_DEVICES]
        ], ""

    def _segments(
        self,
        package: PackageFacts,
        by_device: Mapping[str, CohortStatistics],
        facts: Mapping[str, DeviceFacts],
    ) -> Sequence[SegmentView]:
        """Return the segments that some but not all of the devices are in, the worst first."""
        members: dict[Segment, list[str]] = {}
        for name in by_device:
            for segment in _segments_of(facts.get(name)):
                members.setdefault(segment, []).append(name)
        views = [
            self._segment(package, segment, [by_device[name] for name in names])
            for segment, names in sorted(members.items())
            if len(names) < len(by_device)
        ]
        views.sort(key=lambda view: (not view.drifted, -_finite(view.distance), view.segment))
        return views[:_MOST_SEGMENTS]

    def _segment(
        self, package: PackageFacts, segment: Segment, parts: Sequence[CohortStatistics]
    ) -> SegmentView:
        whole = _merged(package, parts)
        bare = SegmentView(segment.title, whole.devices, whole.counters.rows)
        withheld = self._withheld(whole.devices)
        if withheld or not whole.counters.rows:
            return replace(bare, suppressed=withheld)
        ranked = rank_features(package, whole)
        estimated = estimate(package, whole.profile)
        metrics = {} if estimated is None else estimated.to_json()
        accuracy = metrics.get("accuracy")
        return replace(
            bare,
            distance=ranked[0][1] if ranked else math.nan,
            worst=ranked[0][0] if ranked else "",
            accuracy=accuracy if isinstance(accuracy, float) else math.nan,
        )


def read_segment(text: str) -> Segment:
    """Read a segment as people write it, ``site=oslo`` or ``hardware=aarch64``, or its key.

    Raises:
        UsageError: It is written otherwise.
    """
    name, equals, value = text.strip().partition("=")
    if text and not (name and equals and value):
        raise UsageError(f"segment {text!r} is none: write it like site=oslo or hardware=aarch64")
    is_key = not text or name == HARDWARE or name.startswith(TAG)
    return Segment.from_key(text.strip() if is_key else f"{TAG}{text.strip()}")


def feature_views(
    package: PackageFacts, live: Profile, *, watched: Watched
) -> Sequence[FeatureView]:
    """Return one view per watched column, in the package's order."""
    views = column_views(package, live, evidence=watched.evidence, drifted=watched.drifted)
    return [FeatureView(**asdict(view)) for view in views]


def measured(labels: Profile) -> JsonObject:
    """Return the quality by metric that the statistics of the label role give, empty if none."""
    statistic = labels.find("labels", "labels")
    found = quality(statistic) if isinstance(statistic, Labels) else None
    return {} if found is None else found.to_json()


def worst_first(features: Iterable[FeatureView]) -> Sequence[FeatureView]:
    """Return features by how much they deserve to be looked at.

    Evidence that nobody could see in print does not count.
    """

    def severity(feature: FeatureView) -> tuple[bool, float, float]:
        return feature.drifted, round(_finite(feature.evidence), 2), _finite(feature.ks)

    return sorted(features, key=severity, reverse=True)


def _members(segment: Segment, facts: Mapping[str, DeviceFacts]) -> frozenset[str] | None:
    """Return the devices of a segment; ``None`` for the whole fleet."""
    if segment == WHOLE_FLEET:
        return None
    found = frozenset(name for name, known in facts.items() if segment in _segments_of(known))
    if not found:
        raise UsageError(f"no device is in segment {segment.title!r}")
    return found


def _segments_of(facts: DeviceFacts | None) -> list[Segment]:
    if facts is None:
        return []
    found = [Segment(f"{TAG}{name}", value) for name, value in sorted(facts.tags.items())]
    machine = facts.facts.get("machine")
    return [*found, Segment(HARDWARE, machine)] if isinstance(machine, str) and machine else found


def _merged(package: PackageFacts, parts: Sequence[CohortStatistics]) -> CohortStatistics:
    counters, profile = Counters(), package.specs[Role.PRIMARY].empty()
    for part in parts:
        counters, profile = counters.plus(part.counters), profile.merged(part.profile)
    return CohortStatistics(counters, profile, len(parts))


def _finite(number: float) -> float:
    return number if math.isfinite(number) else 0.0
