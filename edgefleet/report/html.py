"""Draws a report as one page of HTML that needs nothing else: no script, no font, no image."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from cloud_sync.dashboard import wording
from cloud_sync.dashboard.charts import ends_of
from cloud_sync.statistics_view import FeatureView
from edgefleet.printing import plain
from edgefleet.report.content import DISTANCES_NOTE, Measured, Report, class_rows, column_title
from edgefleet.report.drawing import interval_chart, shape_of, timeline_of

__all__ = ["MAX_BYTES", "html_of"]

MAX_BYTES: Final = 300_000
"""A report is smaller than this, however many columns it is about."""

_MINI_HEIGHT: Final = 24
_HERE: Final = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class _Detail:
    """How much of the columns is drawn: large cards, rows with a chart, and rows."""

    cards: int
    charted: int
    rows: int


_DETAILS: Final = (
    _Detail(18, 250, 1000),
    _Detail(18, 100, 1000),
    _Detail(12, 40, 600),
    _Detail(8, 0, 300),
    _Detail(4, 0, 60),
    _Detail(1, 0, 5),
)
"""From all that people look at down to what fits in any case."""

_FEWEST_CARDS: Final = 6
_TESTS: Final = {"e-detector": "drifted", "ks": "abrupt change", "": "drifted"}


@dataclass(frozen=True, slots=True)
class _Bin:
    """A category in the reference and live; ``top`` is the largest share of its column."""

    name: str
    reference: float
    live: float
    top: float


def html_of(report: Report, *, made_unix_s: float | None = None) -> str:
    """Return the page; smaller than :data:`MAX_BYTES`, calm columns collapsed.

    Args:
        report: What it says.
        made_unix_s: When; now by default.
    """
    made_unix_s = time.time() if made_unix_s is None else made_unix_s
    page = ""
    for detail in _DETAILS:
        page = _drawn(report, detail, made_unix_s=made_unix_s)
        if len(page.encode()) < MAX_BYTES:
            break
    return page


def _drawn(report: Report, detail: _Detail, *, made_unix_s: float) -> str:
    view = report.statistics
    ranked = [*report.drifted, *report.calm]
    wanted = max(len(report.drifted), _FEWEST_CARDS)
    if len(ranked) <= wanted + 2:  # two more are no reason to hide them
        wanted = len(ranked)
    cards = ranked[: min(wanted, detail.cards)]
    rows = ranked[len(cards) :][: detail.rows]
    intervals = []
    if report.metrics:
        first = report.metrics[0]
        columns = (
            (report.held_out_name, first.held_out),
            ("estimated", first.estimated),
            ("measured", first.labelled),
        )
        intervals = interval_chart([(name, m.value, _error(m)) for name, m in columns])
    return _TEMPLATES.get_template("report.html").render(
        report=report,
        cards=cards,
        rows=rows,
        charted=detail.charted,
        left_out=len(ranked) - len(cards) - len(rows),
        hidden_drift=sum(feature.drifted for feature in rows),
        has_history=any(len(feature.history) > 1 for feature in cards),
        class_rows=class_rows(view),
        intervals=intervals if len(intervals) > 1 else [],
        segment_accuracy=any(math.isfinite(segment.accuracy) for segment in view.segments),
        class_top=max((max(c.reference, c.live) for c in view.classes), default=0.0),
        distances_note=DISTANCES_NOTE,
        made_unix_s=made_unix_s,
        version=metadata.version("edgefleet"),
        css=(_HERE / "report.css").read_text("utf-8"),
    )


def _bins(feature: FeatureView) -> Sequence[_Bin]:
    """Return the categories of a column, the one that changed most first."""
    live = feature.live_histogram or [0.0] * len(feature.labels)
    top = max((*feature.reference_histogram, *live), default=0.0)
    bins = [
        _Bin(name, reference, now, top)
        for name, reference, now in zip(
            feature.labels, feature.reference_histogram, live, strict=False
        )
    ]
    return sorted(bins, key=lambda item: -abs(item.live - item.reference))


def _measured(found: Measured) -> str:
    if not found.is_known:
        return wording.UNKNOWN
    error = f" ± {found.error:.3f}" if math.isfinite(found.error) else ""
    return f"{found.value:.3f}{error}"


def _error(found: Measured) -> float:
    return found.error if math.isfinite(found.error) else 0.0


def _evidence(value: float) -> str:
    """Return evidence in few digits; what exceeds a million is as good as infinite."""
    if not math.isfinite(value):
        return wording.UNKNOWN
    return "> 999,999" if value >= 999_999 else wording.score(value)


def _moment(at_unix_s: float) -> str:
    return f"{datetime.fromtimestamp(at_unix_s, UTC):%Y-%m-%d %H:%M}"


def _clock(at_unix_s: float) -> str:
    return f"{datetime.fromtimestamp(at_unix_s, UTC):%m-%d %H:%M}"


def _width(fraction: float) -> float:
    return round(100 * min(max(fraction, 0.0), 1.0), 1) if math.isfinite(fraction) else 0.0


def _templates() -> Environment:
    templates = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(
        bins=_bins,
        clock=_clock,
        column=column_title,
        decimal=wording.decimal,
        ends=ends_of,
        evidence=_evidence,
        measured=_measured,
        mini=lambda feature: shape_of(feature, height=_MINI_HEIGHT),
        moment=_moment,
        number=wording.number,
        plain=plain,
        score=wording.score,
        shape=shape_of,
        share=wording.share,
        test=lambda name: _TESTS.get(name, name),
        timeline=timeline_of,
        width=_width,
        words=wording.words,
    )
    return templates


_TEMPLATES: Final = _templates()
