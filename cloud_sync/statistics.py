"""Puts together what people see of a version's statistics, and withholds what they must not see."""

import math
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from cloud_sync.alarm_desk import AlarmDesk, Watched
from cloud_sync.core.analysis import (
    class_shares,
    estimate,
    rank_devices,
    rank_features,
)
from cloud_sync.core.facts import CohortStatistics, DeviceFacts, EvidenceSource, PackageFacts
from cloud_sync.core.increments import AnalysisSubject
from cloud_sync.core.minimum_cohort import MinimumCohort
from cloud_sync.core.records import EvidencePoint
from cloud_sync.core.segment_index import SegmentIndex, SegmentRules
from cloud_sync.core.segments import WHOLE_FLEET, Segment
from cloud_sync.custom_views import custom_views
from cloud_sync.feature_views import feature_views, measured, thinned, with_history, worst_first
from cloud_sync.ports import AnalysisStore, PackageVersion
from cloud_sync.recent import Recent
from cloud_sync.segment_views import devices_of, read_segment, segment_order, with_evidence
from cloud_sync.statistics_view import (
    DeviceShareView,
    EvidenceView,
    FeatureView,
    SegmentView,
    StatisticsView,
)
from edge_contract.messages import Counters
from edge_contract.package import Role
from edge_contract.reading import JsonObject
from edge_contract.stats import Profile

__all__ = ["Seen", "StatisticsDesk"]

_BRIEF_DEVICES: Final = 12
"""Devices of a segment that a page asks for: their windows are read one by one."""
_MOST_DEVICES: Final = 20
_MOST_SEGMENTS: Final = 50
_GROUPS_S: Final = 5.0
_SEEN_S: Final = 5.0
_STALE_S: Final = 600.0  # who looks for the first time in a while sees what was, for a moment


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
        store: Where detectors stood over time.
        alarms: Where they stand now.
        rules: Which segments are looked at by themselves.
        min_cohort: Statistics of fewer devices are withheld, and of all but fewer.
        live_s: How far back to look unless told otherwise.
    """

    def __init__(
        self,
        evidence: EvidenceSource,
        store: AnalysisStore,
        alarms: AlarmDesk,
        *,
        rules: SegmentRules,
        min_cohort: int,
        live_s: float,
    ) -> None:
        self._evidence = evidence
        self._store = store
        self._alarms = alarms
        self._rules = rules
        self._cohort = MinimumCohort(min_cohort)
        self._live_s = live_s
        self._recent: Recent[tuple[str, Segment, frozenset[str] | None], Seen]
        self._recent = Recent(keep_s=_SEEN_S, stale_s=_STALE_S)
        self._groups: Recent[None, Mapping[Segment, frozenset[str]]]
        self._groups = Recent(keep_s=_GROUPS_S, stale_s=_STALE_S)

    def seen_lately(
        self,
        package: PackageFacts,
        *,
        segment: Segment = WHOLE_FLEET,
        devices: frozenset[str] | None = None,
    ) -> Seen:
        """Return what :meth:`seen` returns of the latest windows, or did some seconds ago.

        To add up the windows of an hour takes a quarter of a second, and pages ask all the time.
        """
        return self._recent.get(
            (package.digest, segment, devices),
            lambda: self.seen(package, segment=segment, devices=devices),
        )

    def seen(
        self,
        package: PackageFacts,
        *,
        segment: Segment = WHOLE_FLEET,
        devices: frozenset[str] | None = None,
        since_unix_s: float | None = None,
    ) -> Seen:
        """Return what all devices, or those of a segment, saw lately.

        Args:
            package: Which version.
            segment: Whose detectors are asked for evidence.
            devices: The members of ``segment``; ``None`` for the whole fleet.
            since_unix_s: Only windows that began then or later; by default the latest ones.
        """
        since_unix_s = time.time() - self._live_s if since_unix_s is None else since_unix_s
        live = self._evidence.cohort(package.digest, devices=devices, since_unix_s=since_unix_s)
        withheld = self._cohort.withholds(live.devices)
        if not withheld and devices is not None and not self._cohort.shows_single_devices:
            everybody = self._evidence.cohort(package.digest, since_unix_s=since_unix_s)
            withheld = self._cohort.withholds_all_but(everybody.devices - live.devices)
        if withheld:
            empty = package.specs[Role.PRIMARY].empty()
            return Seen(live.counters.rows, live.devices, withheld, (), {}, {}, empty)
        labels = self._evidence.cohort(
            package.digest, Role.LABELS, devices=devices, since_unix_s=since_unix_s
        )
        watched = self._watched(package, segment)
        has_labels = not self._cohort.withholds(labels.devices)
        estimated = estimate(package, live.profile)
        return Seen(
            rows=live.counters.rows,
            devices=live.devices,
            suppressed="",
            features=feature_views(package, live.profile, watched=watched),
            estimated={} if estimated is None else estimated.to_json(),
            labelled=measured(package, labels.profile) if has_labels else {},
            profile=live.profile,
        )

    def segments_watched(
        self, package: PackageFacts, facts: Mapping[str, DeviceFacts]
    ) -> Sequence[SegmentView]:
        """Return where detectors of segments stand, the worst first; asks no statistics.

        Segments of fewer devices than the smallest cohort are left out.
        """
        parts = self._alarms.watched.get(package.digest, Watched()).segments
        if not parts:
            return ()
        members = self._members(facts)
        views = [
            with_evidence(SegmentView(segment.title, len(members.get(segment, ())), 0), part)
            for segment, part in parts.items()
            if not self._cohort.withholds(len(members.get(segment, ())))
        ]
        return sorted(views, key=segment_order)[:_MOST_SEGMENTS]

    def view(
        self,
        found: PackageVersion,
        facts: Mapping[str, DeviceFacts],
        *,
        segment: str = "",
        since_unix_s: float | None = None,
        brief: bool = False,
    ) -> StatisticsView:
        """Return everything that a report shows but the alarms.

        Args:
            found: Which version.
            facts: What is known of every device, by name.
            segment: As people write it, ``site=oslo``; empty for the whole fleet.
            since_unix_s: Only windows that began then or later; by default the latest ones.
            brief: Leave out what needs the statistics of every single device.

        Raises:
            UsageError: The segment is written otherwise, or no device is in it.
        """
        package = self._evidence.package(found.digest)
        now_unix_s = time.time()
        lately = brief and since_unix_s is None
        since_unix_s = now_unix_s - self._live_s if since_unix_s is None else since_unix_s
        wanted = read_segment(segment)
        members = self._members(facts) if brief else self._members_now(facts)
        devices = devices_of(wanted, members, facts)
        note = ""
        drawn = max(_BRIEF_DEVICES, self._cohort.devices)
        if brief and devices is not None and len(devices) > drawn:
            note = f"drawn from {drawn} of its {len(devices):,} devices"
            devices = frozenset(sorted(devices, key=_shuffled)[:drawn])
        if lately:
            seen = self.seen_lately(package, segment=wanted, devices=devices)
        else:
            seen = self.seen(package, segment=wanted, devices=devices, since_unix_s=since_unix_s)
        shares: Sequence[DeviceShareView] = ()
        if brief:
            is_part = bool(seen.suppressed) or wanted != WHOLE_FLEET
            segments = () if is_part else self.segments_watched(package, facts)
        else:
            by_device = self._by_device(package, devices, since_unix_s)
            shares, note = self._device_shares(package, by_device, seen)
            segments = self._segments(package, by_device, members)
        histories = {} if seen.suppressed else self._histories(package, wanted, since_unix_s)
        return StatisticsView(
            name=found.model,
            version=found.version,
            digest=found.digest,
            task=package.manifest.task.value,
            segment="" if wanted == WHOLE_FLEET else wanted.title,
            since_unix_s=since_unix_s,
            until_unix_s=now_unix_s,
            rows=seen.rows,
            devices=seen.devices,
            reference_rows=package.reference.rows,
            variance_inflation=package.reference.variance_inflation,
            suppressed=seen.suppressed,
            features=[
                with_history(feature, histories.get(feature.subject, ()), now_unix_s)
                for feature in worst_first(seen.features)
            ],
            classes=class_shares(package, seen.profile) if seen.profile else (),
            custom=() if seen.suppressed else custom_views(package, seen.profile),
            held_out=package.manifest.evidence.quality,
            estimated=seen.estimated,
            labelled=seen.labelled,
            segments=segments,
            device_shares=shares,
            device_note=note,
        )

    def _by_device(
        self, package: PackageFacts, devices: frozenset[str] | None, since_unix_s: float
    ) -> dict[str, CohortStatistics]:
        found = self._evidence.by_device(package.digest, since_unix_s=since_unix_s)
        return {
            name: statistics
            for name, statistics in found.items()
            if devices is None or name in devices
        }

    def _members(self, facts: Mapping[str, DeviceFacts]) -> Mapping[Segment, frozenset[str]]:
        """Return every segment's devices, as they were some seconds ago.

        Thousands of devices take a good part of a second, and a page asks with every change.
        """
        return self._groups.get(None, lambda: self._members_now(facts))

    def _members_now(self, facts: Mapping[str, DeviceFacts]) -> Mapping[Segment, frozenset[str]]:
        return SegmentIndex(self._rules, facts.values()).members()

    def _watched(self, package: PackageFacts, segment: Segment) -> Watched:
        watched = self._alarms.watched.get(package.digest, Watched())
        if segment == WHOLE_FLEET:
            return watched
        return watched.segments.get(segment, Watched())

    def _histories(
        self, package: PackageFacts, segment: Segment, since_unix_s: float
    ) -> dict[str, Sequence[EvidenceView]]:
        """Return the evidence of every subject over time, thinned out for drawing."""
        points: list[EvidencePoint] = []
        for role in (Role.PRIMARY, Role.LABELS):
            subject = AnalysisSubject(package.digest, role, segment)
            points += self._store.evidence_history(subject, since_unix_s=since_unix_s)
        histories: dict[str, list[EvidenceView]] = {}
        for point in sorted(points, key=lambda point: point.at_unix_s):
            for name, reading in point.readings.items():
                view = EvidenceView(round(point.at_unix_s, 1), float(f"{reading.evidence:.4g}"))
                histories.setdefault(name, []).append(view)
        return {name: thinned(history) for name, history in histories.items()}

    def _device_shares(
        self, package: PackageFacts, by_device: Mapping[str, CohortStatistics], seen: Seen
    ) -> tuple[Sequence[DeviceShareView], str]:
        """Return the devices that differ most, in what drifted or else in what is most distant."""
        if not self._cohort.shows_single_devices:
            return (), "withheld: what single devices count is shown to nobody (minimum cohort)"
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
        members: Mapping[Segment, frozenset[str]],
    ) -> Sequence[SegmentView]:
        """Return the segments that some but not all of the devices are in, the worst first."""
        watched = self._alarms.watched.get(package.digest, Watched()).segments
        views = []
        for segment, names in members.items():
            parts = [by_device[name] for name in names if name in by_device]
            if 0 < len(parts) < len(by_device):
                view = self._segment(package, segment, parts, rest=len(by_device) - len(parts))
                part = watched.get(segment)
                views.append(view if part is None else with_evidence(view, part))
        return sorted(views, key=segment_order)[:_MOST_SEGMENTS]

    def _segment(
        self,
        package: PackageFacts,
        segment: Segment,
        parts: Sequence[CohortStatistics],
        *,
        rest: int,
    ) -> SegmentView:
        whole = _merged(package, parts)
        bare = SegmentView(segment.title, whole.devices, whole.counters.rows)
        withheld = self._cohort.withholds(whole.devices) or self._cohort.withholds_all_but(rest)
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


def _shuffled(device: str) -> int:
    """Return the key of an order that has nothing to do with names, the same every time."""
    return zlib.crc32(f"page/{device}".encode())


def _merged(package: PackageFacts, parts: Sequence[CohortStatistics]) -> CohortStatistics:
    counters, profile = Counters(), package.specs[Role.PRIMARY].empty()
    for part in parts:
        counters, profile = counters.plus(part.counters), profile.merged(part.profile)
    return CohortStatistics(counters, profile, len(parts))
