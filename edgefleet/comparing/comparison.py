"""Compares a file of rows with a reference file: the cloud's statistics and its verdict."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from cloud_sync.alarm_desk import Watched
from cloud_sync.core.alarms import Finding
from cloud_sync.core.analysis import class_shares, estimate
from cloud_sync.core.facts import PackageFacts
from cloud_sync.feature_views import feature_views, measured, worst_first
from cloud_sync.statistics_view import FeatureView, StatisticsView
from edge_contract.errors import UsageError
from edge_contract.package import FEW_ROWS, Manifest, Reference, Task, feature_subject
from edgefleet.comparing.counting import Counted, PlainRows, RowSource, count_file
from edgefleet.comparing.survey import Plan, surveyed
from edgefleet.comparing.verdict import judged
from edgefleet.shadowing import require_own_package

__all__ = ["Comparison", "compare_files"]

_ORDERED_ROWS: Final = 5.0
_NAMED: Final = 12


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a file of rows is against its reference.

    Attributes:
        reference: Name of the reference's file.
        current: Name of the other one.
        level: Probability that anything at all is called drift although nothing drifted.
        statistics: As of a model version that saw the rows of the file.
        findings: What drifted, by subject.
        notes: What else should be known, in sentences.
    """

    reference: str
    current: str
    level: float
    statistics: StatisticsView
    findings: Mapping[str, Finding]
    notes: Sequence[str]

    @property
    def drifted(self) -> bool:
        """Whether anything drifted."""
        return bool(self.findings)


def compare_files(
    reference: Path,
    current: Path,
    *,
    level: float = 0.01,
    model: Path | None = None,
    label: str = "",
    without: Sequence[str] = (),
    independent_rows: bool = False,
    progress: Callable[[str, float], None] | None = None,
) -> Comparison:
    """Compare two files of rows, column by column of the same name, in bounded memory.

    Args:
        reference: Rows as they should be. How columns are counted is decided on them.
        current: Rows to be judged.
        level: Probability of a false alarm, all columns together.
        model: A package; its predictions are compared as well.
        label: Column with truths, in either file or both; needs ``model``.
        without: Columns to leave out.
        independent_rows: Take neighbouring rows of the reference for independent, whatever they
            look like; right for files that are sorted, or shuffled in blocks.
        progress: Is told what is read now, and how much of it, 0 to 1.

    Raises:
        UsageError: A file cannot be read, they have no column in common, or an option makes no
            sense here.
        PackageError: The package is damaged.
    """
    require_own_package("converters")
    if not 0.0 < level < 1.0:
        raise UsageError(f"false alarms must be above 0 and below 1, got {level}")
    if label and model is None:
        raise UsageError("a label needs a model that is measured by it: add --model PACKAGE")
    tell = progress or _tell_nobody
    tell(f"deciding how {reference.name} is counted", 0.0)
    plan = surveyed(reference, without=(*without, label) if label else without)
    if label:
        left_out = {name: why for name, why in plan.left_out.items() if name != label}
        plan = replace(plan, left_out=left_out)
    source, package = _source(plan, reference, model=model, label=label)

    def counted_from(path: Path) -> Counted:
        step = f"reading {path.name}"
        return count_file(path, source, package.specs, progress=lambda done: tell(step, done))

    counted = counted_from(reference)
    tau = 1.0 if independent_rows else plan.variance_inflation
    known = replace(
        package.reference,
        rows=counted.rows,
        profile=counted.profile,
        variance_inflation=tau,
        strata=None,
    )
    package = PackageFacts(package.digest, package.manifest, known)
    seen = counted_from(current)
    absent, notes = _columns_told(
        plan, package, reference=counted, current=seen, label=label, without=without
    )
    findings, evidence = judged(package, seen.profile, level=level, without=absent)
    statistics = _statistics(
        package, counted, seen, findings=findings, evidence=evidence, absent=absent
    )
    return Comparison(
        reference=reference.name,
        current=current.name,
        level=level,
        statistics=replace(statistics, name=current.name),
        findings=findings,
        notes=[*notes, *_warnings(package, seen)],
    )


def _source(
    plan: Plan, path: Path, *, model: Path | None, label: str
) -> tuple[RowSource, PackageFacts]:
    if model is not None:
        from edgefleet.comparing.scoring import ScoredRows

        scored = ScoredRows(model, label=label)
        facts = PackageFacts(scored.package.digest, scored.manifest, scored.package.reference())
        return scored, facts
    manifest = Manifest(
        name=path.name,
        version="",
        created="",
        task=Task.OTHER,
        inputs=(),
        outputs=(),
        features=plan.features,
    )
    return PlainRows(plan, manifest), PackageFacts("", manifest, Reference(0, plan.spec.empty()))


def _statistics(
    package: PackageFacts,
    reference: Counted,
    seen: Counted,
    *,
    findings: Mapping[str, Finding],
    evidence: Mapping[str, float],
    absent: frozenset[str],
) -> StatisticsView:
    watched = Watched(evidence, frozenset(findings))
    features = [
        _explained(feature, findings.get(feature.subject))
        for feature in feature_views(package, seen.profile, watched=watched)
        if feature.subject not in absent
    ]
    estimated = estimate(package, seen.profile)
    return StatisticsView(
        name="",
        version="",
        digest=package.digest,
        task=package.manifest.task.value,
        segment="",
        since_unix_s=0.0,
        until_unix_s=0.0,
        rows=seen.rows,
        devices=0,
        reference_rows=reference.rows,
        variance_inflation=package.reference.variance_inflation,
        features=worst_first(features),
        classes=class_shares(package, seen.profile),
        held_out=measured(package, reference.labels) or package.manifest.evidence.quality,
        estimated={} if estimated is None else estimated.to_json(),
        labelled=measured(package, seen.labels),
    )


def _explained(feature: FeatureView, finding: Finding | None) -> FeatureView:
    return feature if finding is None else replace(feature, test=finding.test)


def _columns_told(
    plan: Plan,
    package: PackageFacts,
    *,
    reference: Counted,
    current: Counted,
    label: str,
    without: Sequence[str],
) -> tuple[frozenset[str], list[str]]:
    """Return the subjects that are not to be compared, and sentences about columns."""
    names = [feature.name for feature in package.manifest.features]
    missing = [name for name in names if name in reference.columns and name not in current.columns]
    found = reference.columns | current.columns
    extra = [
        name
        for name in current.columns
        if name not in reference.columns and name not in (*plan.left_out, label)
    ]
    if missing and len(missing) == len(names):
        raise UsageError(
            f"the files have no column in common: the reference has {_listed(names)}, the other "
            f"one {_listed(list(current.columns))}"
        )
    notes = []
    if missing:
        notes.append(f"missing in the current file, not compared: {_listed(missing)}")
    if extra:
        notes.append(f"not in the reference, not compared: {_listed(extra)}")
    # A model watches its features whatever a survey of the file makes of them.
    left_out = [
        f"{name} ({why})"
        for name, why in plan.left_out.items()
        if name in found and (name in without or name not in names)
    ]
    if left_out:
        notes.append(f"left out: {_listed(left_out)}")
    if package.manifest.task is Task.OTHER and not package.manifest.inputs:
        notes += [
            f"{name}: shown as differences from {offset:.10g}, because the float32 numbers that "
            "are counted lie too far apart there"
            for name, offset in plan.offsets.items()
            if name in current.columns
        ]
    return frozenset(map(feature_subject, (*missing, *without))), notes


def _warnings(package: PackageFacts, seen: Counted) -> list[str]:
    warnings = []
    tau = package.reference.variance_inflation
    if tau > _ORDERED_ROWS:
        warnings.append(
            "neighbouring rows of the reference resemble each other (variance inflation "
            f"{tau:.1f}), so more evidence is asked for: if the file is sorted, and not in the "
            "order of time, add --independent-rows"
        )
    if package.reference.rows < FEW_ROWS:
        warnings.append(
            f"the reference has {package.reference.rows:,} rows: below {FEW_ROWS:,} only larger "
            "changes are told from chance"
        )
    if seen.unknown_labels:
        warnings.append(f"{seen.unknown_labels:,} labels are none that the model knows")
    return warnings


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"


def _tell_nobody(_step: str, _fraction: float) -> None:
    pass
