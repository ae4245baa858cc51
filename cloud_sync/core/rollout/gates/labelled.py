"""Labelled: where truths arrive, the candidate is right as often, or as nearly, as the control."""

import math
from dataclasses import replace
from typing import ClassVar, NamedTuple

from cloud_sync.core.analysis.error_quality import ErrorQuality
from cloud_sync.core.analysis.measured import measured
from cloud_sync.core.facts import CohortStatistics, PackageFacts
from cloud_sync.core.rollout.gates.among_devices import spread_of, variance_among
from cloud_sync.core.rollout.gates.base import GateResult, OnFail, Verdict, register
from cloud_sync.core.rollout.gates.contrast import Measured, contrast, standardised
from cloud_sync.core.rollout.scene import ControlKind, Scene
from edge_contract.package import Role, Task
from edge_contract.reading import JsonValue
from edge_contract.stats import Labels, LabelsSpec

__all__ = ["LabelledQuality"]


class _Compared(NamedTuple):
    """Two qualities, and what to say of them."""

    candidate: Measured
    control: Measured
    text: str


@register
class LabelledQuality:
    """Compares accuracies measured with labels. Not waited for: labels may never arrive.

    Where the plan says which loss it wants to see, labels that do arrive are waited for.

    Of models that predict a number, mean absolute errors are compared; the plan's margin is then a
    share of the control's.
    """

    name: ClassVar[str] = "labelled"
    share: ClassVar[float] = 0.25
    on_fail: ClassVar[OnFail] = OnFail.ROLL_BACK
    required: ClassVar[bool] = False

    def applies(self, scene: Scene) -> bool:
        """Return whether the task has labels and there is a control that has them too."""
        manifest = scene.candidate.manifest
        has_labels = bool(manifest.classes) or manifest.task is Task.REGRESSION
        return has_labels and scene.control_kind not in (ControlKind.NONE, ControlKind.SAME_ROWS)

    def judge(self, scene: Scene) -> GateResult:
        """Compare the accuracies."""
        labels = scene.labels()
        both = None
        if labels is not None and scene.previous is not None:
            sides = (scene.candidate, scene.previous, *labels)
            both = _accuracies(scene) or _errors(*sides)
        if both is None:
            return GateResult(self.name, Verdict.INCONCLUSIVE, "no labels on both sides yet")
        mine, control, text = both
        found = contrast(
            mine,
            control,
            None,
            margin=scene.plan.margin,
            alpha=scene.alpha(self.name, self.share),
            beta=scene.plan.beta,
            min_rows=max(scene.min_rows(self.name), 1),
        )
        evidence: dict[str, JsonValue] = {
            "candidate": mine.to_json(),
            "control": control.to_json(),
            "control_is": scene.control_kind.value,
            "margin": scene.plan.margin,
            "strata": [one.title for one in scene.strata],
            **found.to_json(),
        }
        text = f"{text} ({scene.control_kind.value})"
        unsure = found.verdict is Verdict.INCONCLUSIVE
        text = f"{text}: not sure yet" if unsure else text
        return GateResult(self.name, found.verdict, text, evidence, gathering=unsure)


def _accuracies(scene: Scene) -> _Compared | None:
    """Compare accuracies, the control's weighted by stratum as the candidate's are."""
    previous = scene.previous
    labels = scene.labels()
    if previous is None or labels is None:
        return None
    mine = _accuracy(scene.candidate, labels[0])
    control = standardised(
        [
            (_accuracy(scene.candidate, a), _accuracy(previous, b))
            for a, b in scene.pairs(Role.LABELS)
        ]
    )
    if mine is None or control is None:
        return None
    mine, control = _among_devices(scene, mine, control)
    text = (
        f"right on {mine.value:.1%} of {mine.rows} labelled rows against "
        f"{control.value:.1%} of {control.rows}"
    )
    return _Compared(mine, control, text)


def _among_devices(scene: Scene, mine: Measured, control: Measured) -> tuple[Measured, Measured]:
    """Return both with standard errors that know that devices differ, whatever they run."""
    tau = scene.candidate.reference.variance_inflation
    sides = [
        [(labels.correct, labels.count - labels.unknown) for labels in map(_labels, side) if labels]
        for side in scene.by_device(Role.LABELS)
    ]
    variance = variance_among(sides, inflation=tau)
    wider = [
        replace(one, standard_error=math.hypot(one.standard_error, spread_of(side, variance)))
        for one, side in zip((mine, control), sides, strict=True)
    ]
    return wider[0], wider[1]


def _labels(cohort: CohortStatistics) -> Labels | None:
    labels = cohort.profile.find("labels", LabelsSpec.kind)
    if not isinstance(labels, Labels) or labels.count == labels.unknown:
        return None
    return labels


def _accuracy(package: PackageFacts, cohort: CohortStatistics | None) -> Measured | None:
    """Return the accuracy; two rows of each outcome are added so that no error is 0 by chance."""
    labels = None if cohort is None else _labels(cohort)
    if labels is None:
        return None
    rows = labels.count - labels.unknown
    rate = (labels.correct + 2) / (rows + 4)
    variance = package.reference.variance_inflation * rate * (1 - rate) / (rows + 4)
    return Measured(labels.correct / rows, math.sqrt(variance), rows)


def _errors(
    candidate: PackageFacts,
    previous: PackageFacts,
    its: CohortStatistics,
    others: CohortStatistics,
) -> _Compared | None:
    """Return mean absolute errors as qualities: 0 is the control's, 1 is no error at all."""
    mine, control = measured(candidate, its.profile), measured(previous, others.profile)
    if not isinstance(mine, ErrorQuality) or not isinstance(control, ErrorQuality):
        return None
    unit = control.mae or 1.0
    text = (
        f"errs by {mine.mae:.3g} on average of {mine.rows} labelled rows against "
        f"{control.mae:.3g} of {control.rows}"
    )
    return _Compared(_as_quality(mine, unit=unit), _as_quality(control, unit=unit), text)


def _as_quality(errors: ErrorQuality, *, unit: float) -> Measured:
    # Errors that are all alike have no spread, but a few rows are still only a few rows.
    spread = max(errors.standard_errors["mae"] / unit, 1.0 / errors.rows)
    return Measured(1.0 - errors.mae / unit, spread, errors.rows)
