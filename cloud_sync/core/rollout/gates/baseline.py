"""Baseline: where truths arrive, the candidate does what a person or a simple rule does anyway."""

import math
from collections.abc import Mapping
from typing import ClassVar

from cloud_sync.core.analysis.error_quality import ErrorQuality
from cloud_sync.core.analysis.measured import measured
from cloud_sync.core.analysis.quality import Quality
from cloud_sync.core.rollout.base import Mode
from cloud_sync.core.rollout.gates.base import GateResult, OnFail, Verdict, register
from cloud_sync.core.rollout.gates.contrast import Measured, contrast
from cloud_sync.core.rollout.scene import Scene
from edge_contract.reading import JsonValue

__all__ = ["Baseline"]


@register
class Baseline:
    """Compares measured quality with the package's own baseline. Not waited for.

    Accuracy of classifiers, mean absolute error of models that predict a number; the baseline is a
    number that the author gave, so only the candidate's rows are uncertain.
    """

    name: ClassVar[str] = "baseline"
    share: ClassVar[float] = 0.05
    on_fail: ClassVar[OnFail] = OnFail.ROLL_BACK
    required: ClassVar[bool] = False

    def applies(self, scene: Scene) -> bool:
        """Return whether the package names a baseline that can be measured."""
        return scene.mode is Mode.SERVE and _baseline(scene) is not None

    def judge(self, scene: Scene) -> GateResult:
        """Compare what was measured with the baseline."""
        wanted, labels = _baseline(scene), scene.own_labels()
        found = None if labels is None else measured(scene.candidate, labels.profile)
        if wanted is None or found is None or found.rows < max(scene.min_rows(self.name), 1):
            seen = 0 if found is None else found.rows
            text = f"{seen} of at least {scene.min_rows(self.name)} labelled rows"
            return GateResult(self.name, Verdict.INCONCLUSIVE, text, {"rows": seen})
        metric, value = wanted
        mine, floor = _sides(found, value)
        result = contrast(
            mine,
            floor,
            None,
            margin=scene.plan.margin,
            alpha=scene.alpha(self.name, self.share),
            beta=scene.plan.beta,
            min_rows=max(scene.min_rows(self.name), 1),
        )
        source = scene.candidate.manifest.evidence.baseline.get("source")
        reached = found.mae if isinstance(found, ErrorQuality) else found.accuracy
        who = source if isinstance(source, str) and source else "the baseline"
        text = f"{metric} {reached:.3g} over {found.rows} labelled rows, {who} reaches {value:.3g}"
        evidence: dict[str, JsonValue] = {
            "metric": metric,
            "measured": reached,
            "baseline": value,
            "source": who,
            "rows": found.rows,
            "margin": scene.plan.margin,
            **result.to_json(),
        }
        return GateResult(self.name, result.verdict, text, evidence)


def _baseline(scene: Scene) -> tuple[str, float] | None:
    manifest = scene.candidate.manifest
    baseline: Mapping[str, JsonValue] = manifest.evidence.baseline
    metric = "accuracy" if manifest.classes else "mae"
    value = baseline.get(metric)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return (metric, float(value)) if math.isfinite(value) and value > 0 else None


def _sides(found: Quality | ErrorQuality, value: float) -> tuple[Measured, Measured]:
    """Return both as qualities from 0 to 1; errors as shares of the baseline's."""
    if isinstance(found, ErrorQuality):
        error = max(found.standard_errors["mae"] / value, 1.0 / found.rows)
        return Measured(1.0 - found.mae / value, error, found.rows), Measured(0.0, 0.0, found.rows)
    error = max(found.standard_errors["accuracy"], 1.0 / found.rows)
    return Measured(found.accuracy, error, found.rows), Measured(value, 0.0, found.rows)
