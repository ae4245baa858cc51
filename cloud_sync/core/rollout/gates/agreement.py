"""Agreement: in shadow, the candidate says what the serving version says, on the same rows."""

import math
from typing import ClassVar

from cloud_sync.core.analysis.anytime import normal_factor, rate_bounds
from cloud_sync.core.analysis.estimate import estimated_accuracy
from cloud_sync.core.rollout.base import Mode
from cloud_sync.core.rollout.gates.base import GateResult, OnFail, Verdict, register
from cloud_sync.core.rollout.gates.drift import prediction_drift
from cloud_sync.core.rollout.scene import Scene
from edge_contract.package.reference import PREDICTION
from edge_contract.reading import JsonValue
from edge_contract.stats import Agreement, AgreementSpec, Moments, MomentsSpec

__all__ = ["ShadowAgreement"]


@register
class ShadowAgreement:
    """Asks for agreement only where the serving version is right, as far as that is estimated.

    A better candidate must disagree where the serving version is wrong. So the least agreement is
    the plan's share *of the rows that the serving version surely gets right*: its estimated
    accuracy, less the share of its predictions that are not what they were on its reference. On
    devices whose inputs have drifted away from it, that may be few; there the other gates decide.

    Of models that predict a number, the mean gap is asked to be within ``margin`` standard
    deviations of the reference's predictions.
    """

    name: ClassVar[str] = "agreement"
    share: ClassVar[float] = 0.2
    on_fail: ClassVar[OnFail] = OnFail.ROLL_BACK
    required: ClassVar[bool] = True

    def applies(self, scene: Scene) -> bool:
        """Return whether the candidate runs beside a version that knows the same classes."""
        return (
            scene.mode is Mode.SHADOW
            and scene.previous is not None
            and scene.previous.manifest.classes == scene.candidate.manifest.classes
        )

    def judge(self, scene: Scene) -> GateResult:
        """Compare agreement with what is needed."""
        found = scene.now().profile.find("agreement", AgreementSpec.kind)
        needed_rows = scene.min_rows(self.name)
        if not isinstance(found, Agreement) or found.count < max(needed_rows, 1):
            seen = found.count if found is not None else 0
            text = f"{seen} of at least {needed_rows} rows compared"
            return GateResult(self.name, Verdict.INCONCLUSIVE, text, {"rows": seen})
        if not found.spec.classes:
            return self._judge_gap(scene, found.gap)
        return self._judge_classes(scene, found)

    def _judge_classes(self, scene: Scene, found: Agreement) -> GateResult:
        serving = self._surely_right(scene)
        needed = scene.plan.min_agreement * serving
        rows, agreed = found.count, found.agreed
        inflation = scene.candidate.reference.variance_inflation
        low, _ = rate_bounds(agreed / inflation, rows / inflation, alpha=scene.plan.beta)
        _, high = rate_bounds(
            agreed / inflation, rows / inflation, alpha=scene.alpha(self.name, self.share)
        )
        evidence: dict[str, JsonValue] = {
            "rows": rows,
            "agreed": agreed,
            "agreement": agreed / rows,
            "agreement_at_least": low,
            "agreement_at_most": high,
            "needed": needed,
            "serving_surely_right": serving,
            "score_gap_mean": found.gap.mean,
        }
        text = f"agrees on {agreed / rows:.1%} of {rows} rows, {needed:.1%} needed"
        if high < needed:
            return GateResult(self.name, Verdict.FAIL, text, evidence)
        if low >= needed:
            return GateResult(self.name, Verdict.PASS, text, evidence)
        return GateResult(self.name, Verdict.INCONCLUSIVE, f"{text}: not sure yet", evidence)

    def _judge_gap(self, scene: Scene, gap: Moments) -> GateResult:
        allowed = scene.plan.margin * _spread(scene)
        error = math.sqrt(gap.variance / gap.finite) if gap.finite > 1 else math.inf
        rows, best = gap.finite, max(scene.min_rows(self.name), 1)
        surely = error * normal_factor(
            scene.alpha(self.name, self.share), rows=rows, best_at_rows=best
        )
        likely = error * normal_factor(scene.plan.beta, rows=rows, best_at_rows=best)
        evidence: dict[str, JsonValue] = {
            "rows": rows,
            "gap_mean": gap.mean,
            "gap_at_least": max(abs(gap.mean) - surely, 0.0) if rows > 1 else 0.0,
            "allowed": allowed,
        }
        text = f"predicts {gap.mean:+.3g} more on average over {rows} rows, {allowed:.3g} allowed"
        if abs(gap.mean) - surely > allowed:
            return GateResult(self.name, Verdict.FAIL, text, evidence)
        if abs(gap.mean) + likely <= allowed:
            return GateResult(self.name, Verdict.PASS, text, evidence)
        return GateResult(self.name, Verdict.INCONCLUSIVE, f"{text}: not sure yet", evidence)

    def _surely_right(self, scene: Scene) -> float:
        """Return the share of these rows that the serving version surely gets right."""
        control = scene.control()
        if control is None or scene.previous is None:
            return 1.0
        found = estimated_accuracy(scene.previous, control.profile)
        known = found is not None and bool(scene.previous.reference.calibration)
        accuracy = found[0] if found is not None and known else 1.0
        return max(accuracy - prediction_drift(scene), 0.0)


def _spread(scene: Scene) -> float:
    """Return the standard deviation of the reference's predictions."""
    moments = scene.candidate.reference.profile.find(PREDICTION, MomentsSpec.kind)
    if not isinstance(moments, Moments) or moments.finite < 2:
        return 0.0
    return math.sqrt(moments.variance)
