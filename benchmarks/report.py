"""Writes ``docs/benchmarks.md``: one table of every benchmark that was kept, and two plots."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

from benchmarks.code_version import UNKNOWN
from benchmarks.faults_page import write_faults
from benchmarks.harness import RESULTS
from edge_contract.errors import MessageError
from edge_contract.reading import Reader

__all__ = ["Kept", "code_of", "kept_runs", "write_report"]

DOCS: Final = Path(__file__).parent.parent / "docs"
_PAGE: Final = "benchmarks.md"
_TARGETS: Final = "benchmarks-targets.svg"
_FLEETS: Final = "benchmarks-fleet.svg"
_MOST_ROWS: Final = 60
_INK, _FAINT, _GOOD, _BAD = "#334155", "#94a3b8", "#15803d", "#b91c1c"
_WIDTH: Final = 860
_ROW: Final = 20
_LABELS: Final = 430


@dataclass(frozen=True, slots=True)
class KeptFigure:
    """One number of a kept run, see :class:`benchmarks.harness.Figure`."""

    name: str
    value: float | None
    unit: str
    target: float | None
    at_most: bool
    peer: str

    @property
    def met(self) -> bool | None:
        """Whether the target was reached; ``None`` without one."""
        if self.target is None or self.value is None:
            return None
        return self.value <= self.target if self.at_most else self.value >= self.target

    @property
    def share(self) -> float | None:
        """How far it is from its target, as a factor: 2 is twice as good, 0.5 half."""
        if self.target is None or self.value is None or self.target <= 0 or self.value <= 0:
            return None
        return self.target / self.value if self.at_most else self.value / self.target


@dataclass(frozen=True, slots=True)
class Kept:
    """One kept run of a benchmark."""

    name: str
    command: str
    started: str
    seed: int
    machine: str
    code: str
    figures: Sequence[KeptFigure]

    @classmethod
    def read(cls, path: Path) -> "Kept":
        """Return a run; raises ``MessageError`` for a file that is none."""
        reader = Reader(json.loads(path.read_text()), path.name, MessageError)
        machine = reader["machine"]
        return cls(
            name=reader["name"].text(),
            command=reader["command"].text(),
            started=reader["started"].text(),
            seed=reader["seed"].integer(),
            machine=f"{machine['cpus'].integer()} processors, {machine['machine'].text()}, "
            f"{machine['system'].text()}, Python {machine['python'].text()}",
            code=code.text() if (code := reader.get("code")) else UNKNOWN,
            figures=[_figure(item) for item in reader["figures"].items()],
        )


def code_of(path: Path) -> str:
    """Return which code gave the figures of a file, see :mod:`benchmarks.code_version`."""
    return Kept.read(path).code


def kept_runs(folder: Path = RESULTS) -> list[Kept]:
    """Return every kept run by name."""
    return [Kept.read(path) for path in sorted(folder.glob("*.json"))]


def write_report(folder: Path = RESULTS, docs: Path = DOCS) -> Path:
    """Write page and plots and the tables of ``docs/faults.md``, and return the page."""
    runs = kept_runs(folder)
    images = docs / "images"
    images.mkdir(parents=True, exist_ok=True)
    (images / _TARGETS).write_text(_target_plot(runs))
    fleets = _fleet_plot(runs)
    if fleets:
        (images / _FLEETS).write_text(fleets)
    write_faults(folder, docs)
    page = docs / _PAGE
    page.write_text("\n".join(_lines(runs, has_fleets=bool(fleets))) + "\n")
    return page


def _figure(item: Reader) -> KeptFigure:
    value, target = item["value"], item["target"]
    return KeptFigure(
        name=item["name"].text(),
        value=None if value.is_null else value.number(),
        unit=item["unit"].text(),
        target=None if target.is_null else target.number(),
        at_most=item["at_most"].flag(),
        peer=item["peer"].text(max_length=100_000),
    )


def _lines(runs: Sequence[Kept], *, has_fleets: bool) -> Iterator[str]:
    promised = [figure for run in runs for figure in run.figures if figure.met is not None]
    met = sum(bool(figure.met) for figure in promised)
    yield "# Benchmarks"
    yield ""
    yield "Written by `python -m benchmarks report` from the runs that are kept in"
    yield "[`benchmarks/results`](../benchmarks/results); `python -m benchmarks all` measures them"
    yield "all anew. [`benchmarks/README.md`](../benchmarks/README.md) says what each one does."
    yield "Peers and limits are measured in turns with ours in the same run, so read ratios:"
    yield "absolute times on shared machines say little."
    yield ""
    yield f"{met} of {len(promised)} targets are met. Right of the line is better than the target."
    yield ""
    yield f"![Figures against their targets](images/{_TARGETS})"
    yield ""
    if has_fleets:
        yield f"![Fleets of simulated devices](images/{_FLEETS})"
        yield ""
    for run in runs:
        yield from _section(run)


def _section(run: Kept) -> Iterator[str]:
    yield f"## {run.name}"
    yield ""
    code = "" if run.code == UNKNOWN else f", code {run.code}"
    yield f"`{run.command}`, seed {run.seed}, {run.started}, {run.machine}{code}"
    yield ""
    yield "| figure | value | unit | target | met | compared with |"
    yield "| --- | ---: | --- | ---: | --- | --- |"
    shown = _shown(run.figures)
    for figure in shown:
        value = "-" if figure.value is None else _short(figure.value)
        sign = "≤" if figure.at_most else "≥"
        target = "" if figure.target is None else f"{sign} {_short(figure.target)}"
        met = {True: "yes", False: "**no**", None: ""}[figure.met]
        cells = (figure.name, value, figure.unit, target, met, figure.peer)
        yield f"| {' | '.join(map(_cell, cells))} |"
    yield ""
    if len(shown) < len(run.figures):
        yield (
            f"{len(run.figures) - len(shown)} more are in "
            f"[`{run.name}.json`](../benchmarks/results/{run.name}.json)."
        )
        yield ""


def _shown(figures: Sequence[KeptFigure]) -> list[KeptFigure]:
    """Return the figures of a table that people can read: those with a target, then others."""
    if len(figures) <= _MOST_ROWS:
        return list(figures)
    promised = [figure for figure in figures if figure.target is not None][:_MOST_ROWS]
    room = _MOST_ROWS - len(promised)
    chosen = {id(one) for one in promised}
    chosen |= {id(one) for one in [f for f in figures if f.target is None][:room]}
    return [figure for figure in figures if id(figure) in chosen]


def _cell(text: str) -> str:
    flat = " ".join(text.split()).replace("|", "\\|")
    return f"{flat[:160]}…" if len(flat) > 160 else flat


def _short(value: float) -> str:
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:,.0f}"


def _target_plot(runs: Sequence[Kept]) -> str:
    """Draw how far each figure is from its target, on a scale of tens."""
    bars = [
        (f"{run.name}: {figure.name}", figure.share)
        for run in runs
        for figure in run.figures
        if figure.share is not None
    ]
    furthest = max((abs(math.log10(share)) for _, share in bars), default=1.0)
    reach = (_WIDTH - _LABELS) / 2 - 45
    middle = _LABELS + (_WIDTH - _LABELS) / 2
    height = _ROW * len(bars) + 30
    parts = [_line(middle, 0, middle, height - 20, _FAINT)]
    for row, (name, share) in enumerate(bars):
        y = _ROW * row + 4
        length = reach * math.log10(share) / max(furthest, 0.1)
        colour = _GOOD if share >= 1 else _BAD
        left = middle + min(length, 0.0)
        shown = name if len(name) <= 62 else f"{name[:61]}…"
        parts.append(_text(_LABELS - 8, y + 11, shown, anchor="end"))
        parts.append(
            f'<rect x="{left:.1f}" y="{y}" width="{max(abs(length), 1.0):.1f}" height="13" '
            f'rx="2" fill="{colour}"/>'
        )
        side = middle + length + (5 if length >= 0 else -5)
        anchor = "start" if length >= 0 else "end"
        parts.append(_text(side, y + 11, f"{share:.2g} x", anchor=anchor))
    return _svg(_WIDTH, height, parts)


def _fleet_plot(runs: Sequence[Kept]) -> str:
    """Draw what happened to fleets of several sizes; empty if that was not measured."""
    run = next((run for run in runs if run.name == "fleet"), None)
    lines = {} if run is None else _by_size(run.figures)
    if not lines:
        return ""
    points = [point for found in lines.values() for point in found]
    sizes = sorted({size for size, _ in points})
    longest = max(seconds for _, seconds in points)
    height = 240
    place = {size: 60 + 440 * index / max(len(sizes) - 1, 1) for index, size in enumerate(sizes)}
    colours = ("#1d4ed8", "#15803d", "#b45309", "#7e22ce")
    parts = [
        _text(place[size], height - 12, f"{size:,} devices", anchor="middle") for size in sizes
    ]
    for row, (name, found) in enumerate(lines.items()):
        colour = colours[row % len(colours)]
        marks = [(place[size], 190 - 170 * seconds / longest) for size, seconds in found]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in marks)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for (x, y), (_, seconds) in zip(marks, found, strict=True):
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>')
            parts.append(_text(x, y - 7, f"{seconds:.3g} s", anchor="middle"))
        parts.append(_text(560, 20 + 18 * row, name, colour=colour))
    return _svg(_WIDTH, height, parts)


def _by_size(figures: Sequence[KeptFigure]) -> Mapping[str, list[tuple[int, float]]]:
    wanted = {
        "connect storm, the last is up after": "connect storm, all are up",
        "command until all have answered": "command, all have answered",
        "rollout until all have reported": "rollout, all have reported",
    }
    lines: dict[str, list[tuple[int, float]]] = {}
    for figure in figures:
        size, _, name = figure.name.partition(" devices: ")
        if name in wanted and figure.value is not None and size.isdigit():
            lines.setdefault(wanted[name], []).append((int(size), figure.value))
    return lines


def _line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    return f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="{colour}"/>'


def _text(x: float, y: float, text: str, *, anchor: str = "start", colour: str = _INK) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(text)}'
        "</text>"
    )


def _svg(width: int, height: int, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" font-family="sans-serif" font-size="11">\n'
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )
