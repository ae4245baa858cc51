"""What a report says, whether it is drawn as HTML or printed in the terminal."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from cloud_sync.core.analysis import NOTE, title_of
from cloud_sync.statistics_view import FeatureView, StatisticsView
from edge_contract.package.reference import FEW_ROWS, PREDICTION
from edge_contract.reading import JsonObject

if TYPE_CHECKING:
    from edgefleet.comparing.comparison import Comparison

__all__ = [
    "DISTANCES_NOTE",
    "ClassRow",
    "Measured",
    "MetricRow",
    "Report",
    "class_rows",
    "column_title",
    "files_report",
    "fleet_report",
    "metric_rows",
]

DISTANCES_NOTE: Final = (
    "Evidence decides: at 1 an alarm is raised. The distances are shown for orientation only."
)

_METRICS: Final[Mapping[str, str]] = {
    "accuracy": "accuracy",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "roc_auc": "ROC-AUC",
    "mae": "mean absolute error",
    "rmse": "root mean squared error",
    "bias": "mean error",
    "r2": "R\N{SUPERSCRIPT TWO}",
    "calibration_error": "calibration error",
    "calibration_error_excess": "calibration error beyond chance",
}
_NORMAL_95: Final = 1.96


@dataclass(frozen=True, slots=True)
class Measured:
    """A metric and its uncertainty, half of the 95 % interval; NaN where it is not known."""

    value: float = math.nan
    error: float = math.nan

    @property
    def is_known(self) -> bool:
        """Whether there is a value."""
        return math.isfinite(self.value)


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric: when the package was made (or of the reference's rows), estimated, measured.

    ``baseline`` is what a person or a rule reaches, ``verdict`` whether measured quality is better.
    """

    name: str
    held_out: Measured
    estimated: Measured
    labelled: Measured
    baseline: Measured
    verdict: str = ""


class ClassRow(NamedTuple):
    """Measured quality of one class."""

    name: str
    truths: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that a report says.

    Attributes:
        title: What it is about.
        against: What that is compared with.
        tone: ``bad`` if anything drifted, ``good`` if not, ``idle`` if nothing can be said.
        headline: The verdict.
        detail: What the verdict rests on.
        statistics: All numbers; features with the worst first.
        metrics: Quality by metric.
        held_out_name: What the first column of the metrics is.
        notes: What else should be known.
        quality_note: What estimates cannot see; empty without estimates.
    """

    title: str
    against: str
    tone: str
    headline: str
    detail: str
    statistics: StatisticsView
    metrics: Sequence[MetricRow]
    held_out_name: str
    notes: Sequence[str] = ()
    quality_note: str = ""

    @property
    def has_baseline(self) -> bool:
        """Whether measured quality is compared with that of a person or a rule."""
        return any(row.baseline.is_known for row in self.metrics)

    @property
    def drifted(self) -> Sequence[FeatureView]:
        """The features that drifted, the worst first."""
        return [feature for feature in self.statistics.features if feature.drifted]

    @property
    def calm(self) -> Sequence[FeatureView]:
        """All others, the worst first."""
        return [feature for feature in self.statistics.features if not feature.drifted]


def fleet_report(view: StatisticsView) -> Report:
    """Return the report of a model version, or of a segment of its devices."""
    drifted = sum(feature.drifted for feature in view.features)
    where = f"{view.devices:,} {_plural('device', view.devices)}"
    if view.segment:
        where += f" with {view.segment}"
    if view.suppressed:
        tone, headline = "idle", f"Statistics are {view.suppressed}"
    elif not view.rows:
        tone, headline = "idle", "No rows were seen in this time"
    elif drifted:
        tone, headline = "bad", f"{drifted} of {_columns(len(view.features))} drifted"
    else:
        tone, headline = "good", f"No drift in {_columns(len(view.features))}"
    return Report(
        title=f"{view.name} {view.version}",
        against=f"its reference of {view.reference_rows:,} rows",
        tone=tone,
        headline=headline,
        detail=f"{view.rows:,} rows from {where}",
        statistics=view,
        metrics=metric_rows(view),
        held_out_name="held-out",
        notes=_fleet_notes(view),
        quality_note=_quality_note(view),
    )


def files_report(comparison: "Comparison") -> Report:
    """Return the report of a file of rows against a reference file."""
    view = comparison.statistics
    compared = _columns(len(view.features))
    drifted = len(comparison.findings)
    return Report(
        title=comparison.current,
        against=f"{comparison.reference}, {view.reference_rows:,} rows",
        tone="bad" if drifted else "good",
        headline=f"{drifted} of {compared} drifted" if drifted else f"No drift in {compared}",
        detail=(
            f"{view.rows:,} {'row' if view.rows == 1 else 'rows'}; a false alarm in any column "
            f"has a probability of {comparison.level:g} at most"
        ),
        statistics=view,
        metrics=metric_rows(view),
        held_out_name="reference",
        notes=comparison.notes,
        quality_note=_quality_note(view),
    )


def metric_rows(view: StatisticsView) -> list[MetricRow]:
    """Return all metrics that are known anywhere, the usual ones in their usual order."""
    baseline = _object(_object(view.labelled, "baseline"), "metrics")
    rows = [
        MetricRow(
            title,
            _measured(view.held_out, name, has_error=False),
            _measured(view.estimated, name, has_error=True),
            _measured(view.labelled, name, has_error=True),
            _measured(_object(baseline, name), "baseline", has_error=False),
            str(_object(baseline, name).get("verdict", "")),
        )
        for name, title in _METRICS.items()
    ]
    return [
        row
        for row in rows
        if row.held_out.is_known or row.estimated.is_known or row.labelled.is_known
    ]


def class_rows(view: StatisticsView) -> list[ClassRow]:
    """Return the measured quality of each class that came true, the worst F1 first."""
    found = view.labelled.get("per_class")
    listed = found if isinstance(found, Sequence) and not isinstance(found, str) else ()
    rows = []
    for share in view.classes:
        scores = listed[share.index] if share.index < len(listed) else None
        match scores:
            case {"truths": int(truths), "precision": float(p), "recall": float(r), "f1": float(f)}:
                rows.append(ClassRow(share.name, truths, p, r, f))
            case _:
                pass
    return sorted((row for row in rows if row.truths), key=lambda row: row.f1)


def column_title(subject: str) -> str:
    """Return what people call a column."""
    return "prediction" if subject == PREDICTION else title_of(subject)


def _measured(metrics: JsonObject, name: str, *, has_error: bool) -> Measured:
    value = metrics.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return Measured()
    if not has_error:
        return Measured(float(value))
    given = metrics.get("standard_errors")
    error = given.get(name) if isinstance(given, Mapping) else None
    if error is None and name == "accuracy":
        error = metrics.get("standard_error")
        rows = metrics.get("rows")
        if error is None and isinstance(rows, int) and rows > 0 and 0 <= value <= 1:
            error = math.sqrt(value * (1 - value) / rows)
    known = isinstance(error, int | float) and math.isfinite(error)
    return Measured(float(value), _NORMAL_95 * float(error) if known else math.nan)  # type: ignore[arg-type]


def _object(value: JsonObject, name: str) -> JsonObject:
    found = value.get(name)
    return found if isinstance(found, Mapping) else {}


def _quality_note(view: StatisticsView) -> str:
    if not view.estimated:
        return ""
    note = view.estimated.get("note")
    text = note if isinstance(note, str) else NOTE
    return f"{text[:1].upper()}{text[1:]}."


def _fleet_notes(view: StatisticsView) -> list[str]:
    notes = []
    if view.reference_rows < FEW_ROWS:
        notes.append(
            f"the reference has {view.reference_rows:,} rows: below {FEW_ROWS:,} only larger "
            "changes raise alarms"
        )
    if view.variance_inflation > 5.0:
        notes.append(
            "neighbouring rows of the reference resemble each other (variance inflation "
            f"{view.variance_inflation:.1f}), so alarms wait for more rows"
        )
    return notes


def _columns(count: int) -> str:
    return f"{count:,} {_plural('column', count)}"


def _plural(noun: str, count: int) -> str:
    return noun if count == 1 else f"{noun}s"
