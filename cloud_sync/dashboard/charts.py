"""Geometry of the small charts; the templates draw it as SVG."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cloud_sync.backend import EvidenceView, FeatureView
from cloud_sync.dashboard.wording import decimal, tone

__all__ = ["Bar", "Histogram", "Segment", "Trend", "ends_of", "histogram", "stacked", "trend"]

HISTOGRAM_WIDTH: Final = 240.0
HISTOGRAM_HEIGHT: Final = 64.0
_WIDEST_GAP: Final = 1.0
_HIGHEST: Final = 10.0
_ORDER: Final = ("good", "busy", "idle", "warn", "bad")


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar, in the chart's units; ``y`` is its upper edge."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Histogram:
    """Reference and live rows of one feature on the same bins.

    Bins are drawn equally wide, whatever part of the axis they cover: most of them are narrow.

    Attributes:
        bars: The reference.
        line: The live rows, as the data of an SVG path; empty while there are none.
        low: Where the first bin begins.
        high: Where the last one ends.
    """

    bars: tuple[Bar, ...]
    line: str
    low: str
    high: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a stacked bar 100 units wide."""

    x: float
    width: float
    state: str
    tone: str
    count: int


@dataclass(frozen=True, slots=True)
class Trend:
    """Evidence over time.

    Attributes:
        line: As the data of an SVG path.
        threshold_y: Where the line would be at an alarm.
        begin_unix_s: Of the axis.
        end_unix_s: Of the axis.
        peak: The greatest evidence.
    """

    line: str
    threshold_y: float
    begin_unix_s: float
    end_unix_s: float
    peak: float


def histogram(feature: FeatureView) -> Histogram | None:
    """Return the chart of a feature; ``None`` if its distribution is not known."""
    bins = len(feature.reference_histogram)
    live = feature.live_histogram if len(feature.live_histogram) == bins else ()
    top = max((*feature.reference_histogram, *live), default=0.0)
    if not top > 0 or len(feature.edges) < 2:
        return None
    step = HISTOGRAM_WIDTH / bins
    gap = min(step / 10, _WIDEST_GAP)
    bars = tuple(
        Bar(
            x=round(index * step + gap / 2, 2),
            y=round(HISTOGRAM_HEIGHT * (1 - fraction / top), 2),
            width=round(step - gap, 2),
            height=round(HISTOGRAM_HEIGHT * fraction / top, 2),
        )
        for index, fraction in enumerate(feature.reference_histogram)
        if fraction > 0
    )
    low, high = ends_of(feature)
    path = [f"M0 {HISTOGRAM_HEIGHT:g}"]
    for index, fraction in enumerate(live):
        path.append(f"V{HISTOGRAM_HEIGHT * (1 - fraction / top):.2f}H{(index + 1) * step:.2f}")
    path.append(f"V{HISTOGRAM_HEIGHT:g}")
    return Histogram(
        bars=bars,
        line="".join(path) if any(live) else "",
        low=low,
        high=high,
    )


def ends_of(feature: FeatureView) -> tuple[str, str]:
    """Return what stands at the ends of a feature's axis: numbers, whole ones, or categories."""
    if feature.labels:
        return feature.labels[0], feature.labels[-1]
    low, high = feature.edges[0], feature.edges[-1]
    if all((edge + 0.5).is_integer() for edge in feature.edges):
        low, high = low + 0.5, high - 0.5
    return decimal(low), decimal(high)


def stacked(states: Mapping[str, str]) -> tuple[Segment, ...]:
    """Return how many devices are in which state, as one bar from well to unwell."""
    counts: dict[str, int] = {}
    for state in states.values():
        counts[state] = counts.get(state, 0) + 1
    segments: list[Segment] = []
    x = 0.0
    for state in sorted(counts, key=lambda state: (_ORDER.index(tone(state)), state)):
        width = 100.0 * counts[state] / len(states)
        segments.append(Segment(round(x, 3), round(width, 3), state, tone(state), counts[state]))
        x += width
    return tuple(segments)


def trend(history: Sequence[EvidenceView]) -> Trend | None:
    """Return evidence over time as a line; ``None`` below two points.

    The axis reaches 1, where an alarm is raised, or as far as the evidence does; beyond ten times
    the threshold nobody reads a difference.
    """
    points = [(p.at_unix_s, p.evidence) for p in history if math.isfinite(p.evidence)]
    if len(points) < 2 or points[-1][0] <= points[0][0]:
        return None
    begin, end = points[0][0], points[-1][0]
    top = min(max(1.25, *(value for _, value in points)), _HIGHEST)
    path = []
    for at_unix_s, value in points:
        x = HISTOGRAM_WIDTH * (at_unix_s - begin) / (end - begin)
        y = HISTOGRAM_HEIGHT * (1.0 - min(max(value, 0.0), top) / top)
        path.append(f"{x:.1f} {y:.1f}")
    return Trend(
        line=f"M{'L'.join(path)}",
        threshold_y=round(HISTOGRAM_HEIGHT * (1.0 - 1.0 / top), 1),
        begin_unix_s=begin,
        end_unix_s=end,
        peak=max(value for _, value in points),
    )
