"""Estimate: the candidate's quality without labels is not lower than the control's."""

import math
from typing import ClassVar

from cloud_sync.core.analysis.estimate import NOTE, calibration_error, estimated_accuracy
from cloud_sync.core.facts import CohortStatistics, PackageFacts
from cloud_sync.core.rollout.base import Mode
from cloud_sync.core.rollout.gates.base import GateResult, OnFail, Verdict, register
from cloud_sync.core.rollout.gates.contrast import Measured, contrast, standardised
from cloud_sync.core.rollout.gates.drift import changed_inputs
from cloud_sync.core.rollout.scene import Scene
from edge_contract.package.reference import PREDICTION, Role
from edge_contract.reading import JsonValue
from edge_contract.stats import ProbabilitiesSpec

__all__ = ["LabelFreeEstimate"]


@register
class LabelFreeEstimate:
    """Compares accuracies that are estimated from calibrated probabilities (CBPE).

    Against the control, and where the past is known against how the control changed since. Where
    the control is not concurrent and the inputs have changed since it was seen, a lower estimate is
    no proof against the candidate: then the verdict is inconclusive, and a person has to look.
    """

    name: ClassVar[str] = "estimate"
    share: ClassVar[float] = 0.25
    on_fail: ClassVar[OnFail] = OnFail.ROLL_BACK
    required: ClassVar[bool] = True

    def applies(self, scene: Scene) -> bool:
        """Return whether both versions give probabilities and were calibrated with labels."""
        if scene.previous is None or scene.mode is Mode.LOAD:
            return False
        return all(
            bool(package.reference.calibration) and PREDICTION in _subjects(package)
            for package in (scene.previous, scene.candidate)
        )

    def judge(self, scene: Scene) -> GateResult:
        """Compare the estimates."""
        mine = _measured(scene.candidate, scene.now())
        control = standardised(
            [
                (_measured(scene.candidate, a), _measured(scene.previous, b))
                for a, b in scene.pairs()
            ]
        )
        min_rows = max(scene.min_rows(self.name), 1)
        if mine is None or control is None:
            text = "no predictions to estimate from on both sides yet"
            return GateResult(self.name, Verdict.INCONCLUSIVE, text)
        past = _past(scene, min_rows)
        found = contrast(
            mine,
            control,
            past,
            margin=scene.plan.margin,
            alpha=scene.alpha(self.name, self.share),
            beta=scene.plan.beta,
            min_rows=min_rows,
            fixed_error=_calibration_error(scene, with_past=past is not None),
        )
        evidence: dict[str, JsonValue] = {
            "candidate": mine.to_json(),
            "control": control.to_json(),
            "control_is": scene.control_kind.value,
            "margin": scene.plan.margin,
            "strata": [one.title for one in scene.strata],
            "note": NOTE,
            **found.to_json(),
        }
        if past is not None:
            evidence |= {"before": past[0].to_json(), "control_before": past[1].to_json()}
        text = (
            f"estimated accuracy {mine.value:.3f} over {mine.rows} rows against "
            f"{control.value:.3f} ({scene.control_kind.value})"
        )
        if past is not None:
            text += f"; the same devices had {past[0].value:.3f} before"
        verdict = found.verdict
        if verdict is Verdict.FAIL and not scene.concurrent:
            changed = changed_inputs(scene, alpha=scene.alpha(self.name, self.share))
            if changed:
                evidence["changed_inputs"] = list(changed)
                verdict = Verdict.INCONCLUSIVE
                text += f"; but inputs have changed since, {changed[0]} most"
        return GateResult(self.name, verdict, text, evidence)


def _past(scene: Scene, min_rows: int) -> tuple[Measured, Measured] | None:
    mine = _measured(scene.previous, scene.before())
    others = standardised(
        [
            (_measured(scene.previous, a), _measured(scene.previous, b))
            for a, b in scene.pairs_before()
        ]
    )
    if mine is None or others is None or min(mine.rows, others.rows) < min_rows:
        return None
    return mine, others


def _calibration_error(scene: Scene, *, with_past: bool) -> float:
    """Return the loss's standard error by the labels behind both versions' calibrations."""
    theirs = [(1.0, scene.control())]
    if with_past:
        theirs += [(1.0, scene.before()), (-1.0, scene.control_before())]
    terms = [(factor, cohort.profile) for factor, cohort in theirs if cohort is not None]
    mine = calibration_error(scene.candidate, [(1.0, scene.now().profile)])
    if scene.previous is None:
        return mine
    return math.hypot(mine, calibration_error(scene.previous, terms))


def _measured(package: PackageFacts | None, cohort: CohortStatistics | None) -> Measured | None:
    if package is None or cohort is None:
        return None
    found = estimated_accuracy(package, cohort.profile)
    if found is None:
        return None
    accuracy, error, rows = found
    # Equal probabilities have no spread, but a few rows are still only a few rows.
    return Measured(accuracy, max(error, 1.0 / rows), rows)


def _subjects(package: PackageFacts) -> set[str]:
    return {
        column.subject
        for column in package.specs[Role.PRIMARY].columns
        if isinstance(column.spec, ProbabilitiesSpec)
    }
