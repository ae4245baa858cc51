"""Segments as people write and see them."""

from collections.abc import Mapping
from dataclasses import replace

from cloud_sync.alarm_desk import Watched
from cloud_sync.core.facts import DeviceFacts
from cloud_sync.core.segment_index import traits_of
from cloud_sync.core.segments import HARDWARE, TAG, WHOLE_FLEET, Segment
from cloud_sync.feature_views import finite_or_zero
from cloud_sync.statistics_view import SegmentView
from edge_contract.errors import UsageError

__all__ = ["devices_of", "read_segment", "segment_order", "with_evidence"]


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


def devices_of(
    segment: Segment,
    members: Mapping[Segment, frozenset[str]],
    facts: Mapping[str, DeviceFacts],
) -> frozenset[str] | None:
    """Return the devices of a segment, watched or not; ``None`` for the whole fleet.

    Args:
        segment: The segment.
        members: Devices by segment, of the segments that are watched.
        facts: What is known of every device.

    Raises:
        UsageError: No device is in it.
    """
    if segment == WHOLE_FLEET:
        return None
    found = members.get(segment) or frozenset(
        name
        for name, known in facts.items()
        if traits_of(known).get(segment.source) == segment.value
    )
    if not found:
        raise UsageError(
            f"no device is in segment {segment.title!r}; tags and hardware of devices stand in: "
            "edgefleet fleet list"
        )
    return found


def with_evidence(view: SegmentView, part: Watched) -> SegmentView:
    """Return the view with where its detectors stand; the worst column is theirs, if it has one."""
    if view.suppressed or not part.evidence:
        return view
    worst = max(part.evidence, key=lambda subject: part.evidence[subject])
    return replace(
        view,
        evidence=part.evidence[worst],
        drifted=sorted(part.drifted),
        worst=worst if part.drifted or not view.worst else view.worst,
    )


def segment_order(view: SegmentView) -> tuple[int, float, float, str]:
    """Return the key that puts the segment first that deserves most to be looked at."""
    evidence = round(finite_or_zero(view.evidence), 2)
    return -len(view.drifted), -evidence, -finite_or_zero(view.distance), view.segment
