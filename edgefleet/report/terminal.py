"""Prints a report in the terminal, readable from 80 columns on."""

import math
import shutil
import sys
import textwrap
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cloud_sync.dashboard.charts import ends_of
from cloud_sync.statistics_view import AlarmView, DeviceShareView, FeatureView, SegmentView
from edgefleet.printing import plain, share
from edgefleet.report.content import DISTANCES_NOTE, Measured, Report, column_title
from edgefleet.report.drawing import sparkline

__all__ = ["print_report"]

_WIDEST: Final = 120
_PIPED: Final = 100
_DETAILED: Final = 5
_LISTED: Final = 20
_ALARMS: Final = 5
_PLACES: Final = 8
_TONES: Final = {"bad": ("✗", "bold red"), "good": ("✓", "bold green"), "idle": ("·", "bold")}
_UNKNOWN: Final = "-"
_NAME_WIDTH: Final = 36


def print_report(report: Report, *, console: Console | None = None) -> None:
    """Print the verdict, what it rests on, and the columns, the worst first.

    Args:
        report: What it says.
        console: Where to; standard output by default, at most 120 columns wide.
    """
    out = console or _console()
    view = report.statistics
    sign, style = _TONES[report.tone]
    out.print(Text(plain(f"{report.title} against {report.against}"), style="bold"))
    if view.until_unix_s:
        span = f"{_moment(view.since_unix_s)} to {_moment(view.until_unix_s)}"
        out.print(Text(span, style="bright_black"))
    out.print(Text(f"{sign} {report.headline}", style=style))
    out.print(Text(plain(report.detail)))
    for note in report.notes:
        _hanging(out, "note: ", plain(note), style="bright_black")
    _alarms(out, view.alarms)
    _performance(out, report)
    _segments(out, view.segments)
    _devices(out, view.device_shares, view.device_note)
    for feature in report.drifted[:_DETAILED]:
        _detail(out, feature)
    _columns(out, view.features)


def _console() -> Console:
    width = shutil.get_terminal_size((_PIPED, 24)).columns
    is_piped = not sys.stdout.isatty()
    return Console(highlight=False, width=min(width, _PIPED if is_piped else _WIDEST))


def _alarms(out: Console, alarms: Sequence[AlarmView]) -> None:
    if not alarms:
        return
    _heading(out, "Alarms, newest first")
    for alarm in alarms[:_ALARMS]:
        where = f" [{plain(alarm.segment)}]" if alarm.segment else ""
        _hanging(out, f"{_moment(alarm.raised_unix_s)}{where}  ", plain(alarm.sentence))
    if len(alarms) > _ALARMS:
        out.print(Text(f"and {len(alarms) - _ALARMS} more: edgefleet alarms", style="bright_black"))


def _performance(out: Console, report: Report) -> None:
    if not report.metrics:
        return
    _heading(out, "Performance")
    names = ["metric", report.held_out_name, "estimated", "measured"]
    table = _table(*names, *(["baseline"] if report.has_baseline else []))
    for row in report.metrics:
        cells = [_measured(found) for found in (row.held_out, row.estimated, row.labelled)]
        if report.has_baseline:
            cells.append(f"{_measured(row.baseline)} {row.verdict}".strip())
        table.add_row(row.name, *cells)
    out.print(table)
    if report.quality_note:
        _hanging(out, "", plain(report.quality_note), style="bright_black")


def _segments(out: Console, segments: Sequence[SegmentView]) -> None:
    if not segments:
        return
    _heading(out, "Segments, worst first")
    table = _table("segment", "devices", "rows", "KS", "in", "est. accuracy", left=(0, 4))
    for segment in segments[:_PLACES]:
        if segment.suppressed:
            table.add_row(plain(segment.segment), str(segment.devices), "", "", "withheld", "")
            continue
        table.add_row(
            Text(plain(segment.segment), style="red" if segment.drifted else ""),
            f"{segment.devices:,}",
            f"{segment.rows:,}",
            _score(segment.distance),
            plain(column_title(segment.worst)),
            _number(segment.accuracy),
        )
    out.print(table)
    _more(out, len(segments) - _PLACES)


def _devices(out: Console, devices: Sequence[DeviceShareView], note: str) -> None:
    if note:
        _heading(out, "Devices")
        out.print(Text(plain(note), style="bright_black"))
    if not devices:
        return
    _heading(out, "Devices, those that differ most first")
    table = _table("device", "rows", "KS", "", left=(0, 3))
    for device in devices[:_PLACES]:
        told = Text("differs by more than chance", style="red") if device.blamed else Text("")
        table.add_row(plain(device.device), f"{device.rows:,}", _score(device.distance), told)
    out.print(table)
    _more(out, len(devices) - _PLACES)


def _detail(out: Console, feature: FeatureView) -> None:
    """Print one column that drifted: its histograms, or its categories, and its evidence."""
    out.print()
    name = plain(column_title(feature.subject))
    found = "abrupt change" if feature.test == "ks" else "drifted"
    out.print(Text.assemble((name, "bold"), "  ", (found, "red")))
    if feature.labels:
        for label, before, now in _changed(feature)[:4]:
            out.print(Text(f"  {plain(label)[:24]:<24} {share(before):>7} → {share(now)}"))
    elif feature.reference_histogram:
        top = max((*feature.reference_histogram, *feature.live_histogram))
        low, high = ends_of(feature)
        for what, shares in (
            ("reference", feature.reference_histogram),
            ("now", feature.live_histogram),
        ):
            bars = sparkline(shares, top=top)
            style = "cyan" if what == "now" else "bright_black"
            out.print(Text.assemble(f"  {what:<10}{low:>9} ", (f"{bars:<24}", style), f" {high}"))
    summary = _summary(feature)
    if summary:
        _hanging(out, "  ", summary)
    if len(feature.history) > 1:
        points = feature.history[-40:]
        levels = [_level(point.evidence) for point in points]
        out.print(Text(f"  evidence  {sparkline(levels, top=1.0)}  now {_evidence(feature)}"))


def _columns(out: Console, features: Sequence[FeatureView]) -> None:
    if not features:
        return
    _heading(out, "Columns, worst first")
    names = ("column", "evidence", "KS", "PSI", "JS", "Wasserstein", "missing")
    table = _table(*names)
    for feature in features[:_LISTED]:
        missing = share(feature.missing_fraction) if feature.missing_fraction else "0"
        style = "red" if feature.drifted else ""
        table.add_row(
            Text(_shortened(plain(column_title(feature.subject))), style=style),
            Text(_evidence(feature), style=style),
            _score(feature.ks),
            _score(feature.psi),
            _score(feature.jensen_shannon),
            _number(feature.wasserstein),
            missing,
        )
    out.print(table)
    _more(out, len(features) - _LISTED, "; --html FILE and --json have them all")
    _hanging(out, "", DISTANCES_NOTE, style="bright_black")


def _changed(feature: FeatureView) -> "list[tuple[str, float, float]]":
    live = feature.live_histogram or [0.0] * len(feature.labels)
    bins = list(zip(feature.labels, feature.reference_histogram, live, strict=False))
    return sorted(bins, key=lambda item: -abs(item[2] - item[1]))


def _summary(feature: FeatureView) -> str:
    parts = []
    before, now = feature.reference_summary, feature.live_summary
    if before and now:
        parts.append(
            f"mean {_number(before['mean'])} ± {_number(before['deviation'])} → "
            f"{_number(now['mean'])} ± {_number(now['deviation'])}"
        )
    if feature.missing_fraction or feature.reference_missing_fraction:
        before_share = share(feature.reference_missing_fraction)
        parts.append(f"missing {before_share} → {share(feature.missing_fraction)}")
    if feature.new_fraction:
        parts.append(f"categories that the reference does not have: {share(feature.new_fraction)}")
    return "; ".join(parts)


def _level(evidence: float) -> float:
    """Return evidence on a scale of 0 to 1 whose middle is the threshold, six decades wide."""
    if not evidence > 0:
        return 0.0
    return min(max((math.log10(evidence) + 3.0) / 6.0, 0.01), 1.0)


def _heading(out: Console, text: str) -> None:
    out.print()
    out.print(Text(text, style="bold"))


def _table(*names: str, left: Sequence[int] = (0,)) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bright_black")
    for index, name in enumerate(names):
        justify = "left" if index in left else "right"
        table.add_column(name, justify=justify, overflow="fold", no_wrap=index not in left)  # type: ignore[arg-type]
    return table


def _hanging(out: Console, first: str, text: str, *, style: str = "") -> None:
    """Print a sentence whose further lines stand under its first word."""
    width = max(out.width - len(first), 20)
    lines = textwrap.wrap(text, width, break_on_hyphens=False) or [""]
    for index, line in enumerate(lines):
        out.print(Text((first if index == 0 else " " * len(first)) + line, style=style))


def _more(out: Console, count: int, where: str = "; --json has them all") -> None:
    if count > 0:
        out.print(Text(f"and {count:,} more{where}", style="bright_black"))


def _measured(found: Measured) -> str:
    if not found.is_known:
        return _UNKNOWN
    return f"{found.value:.3f}" + (f" ± {found.error:.3f}" if math.isfinite(found.error) else "")


def _evidence(feature: FeatureView) -> str:
    value = feature.evidence
    return "> 999,999" if value >= 999_999 else _score(value)


def _score(value: float) -> str:
    if not math.isfinite(value):
        return _UNKNOWN
    if abs(value) < 0.005:
        return "0"
    return f"{value:.2f}" if abs(value) < 100 else f"{value:,.0f}"


def _number(value: float) -> str:
    return f"{value:.3g}" if math.isfinite(value) else _UNKNOWN


def _shortened(name: str) -> str:
    return name if len(name) <= _NAME_WIDTH else f"{name[: _NAME_WIDTH - 1]}…"


def _moment(at_unix_s: float) -> str:
    return f"{datetime.fromtimestamp(at_unix_s).astimezone():%Y-%m-%d %H:%M}"
