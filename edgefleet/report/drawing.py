"""Geometry of a report's charts; its template draws them as SVG.

Coordinates are whole numbers, so that a hundred charts stay small.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cloud_sync.statistics_view import EvidenceView, FeatureView

__all__ = [
    "HEIGHT",
    "SPARKS",
    "WIDTH",
    "Interval",
    "Shape",
    "Timeline",
    "interval_chart",
    "shape_of",
    "sparkline",
    "timeline_of",
]

WIDTH: Final = 240
HEIGHT: Final = 64
SPARKS: Final = "▁▂▃▄▅▆▇█"

_DECADES: Final = 2.0
"""Evidence is drawn from a hundredth of the threshold to a hundred times it."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Two histograms as SVG paths in a box of ``WIDTH`` by ``HEIGHT``; empty if there are none."""

    reference: str
    live: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """Evidence over time as an SVG path in a box of ``WIDTH`` by ``HEIGHT``.

    Attributes:
        line: The path.
        threshold: Height at which an alarm is raised.
        begin_unix_s: Time of the left end.
        end_unix_s: Time of the right end.
        last_x: Where the line ends.
        last_y: How high it ends.
        highest: The largest evidence.
    """

    line: str
    threshold: int
    begin_unix_s: float
    end_unix_s: float
    last_x: int
    last_y: int
    highest: float


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its uncertainty on an axis of ``WIDTH``."""

    name: str
    value: float
    error: float
    x: float
    low: float
    high: float


def shape_of(feature: FeatureView, *, height: int = HEIGHT) -> Shape | None:
    """Return the two histograms of a feature; ``None`` if nothing is known of its distribution."""
    reference, live = feature.reference_histogram, feature.live_histogram
    live = live if len(live) == len(reference) else ()
    top = max((*reference, *live), default=0.0)
    if not top > 0:
        return None
    return Shape(_steps(reference, top, height), _steps(live, top, height) if any(live) else "")


def timeline_of(history: Sequence[EvidenceView]) -> Timeline | None:
    """Return evidence over time; ``None`` for fewer than two points."""
    known = [point for point in history if math.isfinite(point.evidence)]
    if len(known) < 2:
        return None
    known.sort(key=lambda point: point.at_unix_s)
    begin, end = known[0].at_unix_s, known[-1].at_unix_s
    span = max(end - begin, 1e-9)
    places = [
        (round((point.at_unix_s - begin) / span * WIDTH), _height_of(point.evidence))
        for point in known
    ]
    thinned = list(dict(places).items())  # the last one of those that fall on one spot
    line = "M" + "L".join(f"{x} {y}" for x, y in thinned)
    last_x, last_y = thinned[-1]
    highest = max(point.evidence for point in known)
    return Timeline(line, _height_of(1.0), begin, end, last_x, last_y, highest)


def interval_chart(values: Sequence[tuple[str, float, float]]) -> list[Interval]:
    """Return (name, value, error) on a common axis that shows all of them closely."""
    known = [(name, value, error) for name, value, error in values if math.isfinite(value)]
    if not known:
        return []
    low = min(value - error for _, value, error in known)
    high = max(value + error for _, value, error in known)
    margin = max((high - low) * 0.1, 0.005)
    low, high = low - margin, high + margin

    def place(value: float) -> float:
        return round((value - low) / (high - low) * WIDTH, 1)

    return [
        Interval(name, value, error, place(value), place(value - error), place(value + error))
        for name, value, error in known
    ]


def sparkline(shares: Sequence[float], *, top: float = 0.0) -> str:
    """Return a histogram as one line of text; what is there at all is at least the lowest bar."""
    highest = max(top, *shares, 1e-12) if shares else 0.0
    return "".join(
        SPARKS[min(math.ceil(share / highest * len(SPARKS)), len(SPARKS)) - 1] if share > 0 else " "
        for share in shares
    )


def _steps(shares: Sequence[float], top: float, height: int) -> str:
    step = WIDTH / len(shares)
    path = [f"M0 {height}"]
    for index, share in enumerate(shares):
        path.append(f"V{round(height * (1 - share / top))}H{round((index + 1) * step)}")
    return "".join([*path, f"V{height}"])


def _height_of(evidence: float) -> int:
    decades = math.log10(evidence) if evidence > 0 else -_DECADES
    share = (min(max(decades, -_DECADES), _DECADES) + _DECADES) / (2 * _DECADES)
    return round(HEIGHT * (1 - share))
