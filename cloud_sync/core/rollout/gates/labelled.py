"""Labelled: where truths arrive, the candidate is right as often as the control."""

import math
from typing import ClassVar

from cloud_sync.core.facts import CohortStatistics, PackageFacts
from cloud_sync.core.rollout.gates.base import GateResult, OnFail, Verdict, register
from cloud_sync.core.rollout.gates.contrast import Measured, contrast
from cloud_sync.core.rollout.scene import ControlKind, Scene
from edge_contract.reading import JsonValue
from edge_contract.stats import Labels, LabelsSpec

__all__ = ["LabelledQuality"]


@register
class LabelledQuality:
    """Compares accuracies measured with labels. Not waited for: labels may never arrive."""

    name: ClassVar[str] = "labelled"
    share: ClassVar[float] = 0.3
    on_fail: ClassVar[OnFail] = OnFail.ROLL_BACK
    required: ClassVar[bool] = False

    def applies(self, scene: Scene) -> bool:
        """Return whether the task has labels and there is a control that has them too."""
        return bool(scene.candidate.manifest.classes) and scene.control_kind not in (
            ControlKind.NONE,
            ControlKind.SAME_ROWS,
        )

    def judge(self, scene: Scene) -> GateResult:
        """Compare the accuracies."""
        labels = scene.labels()
        mine = control = None
        if labels is not None and scene.previous is not None:
            mine = _measured(scene.candidate, labels[0])
            control = _measured(scene.previous, labels[1])
        if mine is None or control is None:
            return GateResult(self.name, Verdict.INCONCLUSIVE, "no labels on both sides yet")
        found = contrast(
            mine,
            control,
            None,
            margin=scene.plan.margin,
            alpha=scene.alpha(self.share),
            beta=scene.plan.beta,
            min_rows=max(scene.stage.stage.min_rows, 1),
        )
        evidence: dict[str, JsonValue] = {
            "candidate": mine.to_json(),
            "control": control.to_json(),
            "control_is": scene.control_kind.value,
            "margin": scene.plan.margin,
            **found.to_json(),
        }
        text = (
            f"right on {mine.value:.1%} of {mine.rows} labelled rows against "
            f"{control.value:.1%} of {control.rows} ({scene.control_kind.value})"
        )
        return GateResult(self.name, found.verdict, text, evidence)


def _measured(package: PackageFacts, cohort: CohortStatistics) -> Measured | None:
    """Return the accuracy; two rows of each outcome are added so that no error is 0 by chance."""
    labels = cohort.profile.find("labels", LabelsSpec.kind)
    if not isinstance(labels, Labels) or labels.count == labels.unknown:
        return None
    rows = labels.count - labels.unknown
    rate = (labels.correct + 2) / (rows + 4)
    variance = package.reference.variance_inflation * rate * (1 - rate) / (rows + 4)
    return Measured(labels.correct / rows, math.sqrt(variance), rows)
