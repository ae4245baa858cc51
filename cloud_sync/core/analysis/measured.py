"""Quality measured with labels, whatever the task, and beside what a person or a rule reaches."""

import math
from collections.abc import Mapping
from typing import Final

from cloud_sync.core.analysis.error_quality import ErrorQuality, error_quality
from cloud_sync.core.analysis.quality import Quality, quality
from cloud_sync.core.facts import PackageFacts
from edge_contract.package.metrics import gain_over
from edge_contract.reading import JsonObject, JsonValue
from edge_contract.stats import (
    Labels,
    LabelsSpec,
    Moments,
    MomentsSpec,
    Profile,
    Sketch,
    SketchSpec,
)

__all__ = ["against_baseline", "measured"]

_LABELS: Final = "labels"
_ERROR: Final = "error"
_NORMAL_95: Final = 1.96


def measured(package: PackageFacts, labels: Profile) -> Quality | ErrorQuality | None:
    """Return the quality, or ``None`` where no truth has come.

    Args:
        package: Whose predictions were labelled.
        labels: Of the role of labels.
    """
    tau = package.reference.variance_inflation
    counts = labels.find(_LABELS, LabelsSpec.kind)
    if isinstance(counts, Labels):
        return quality(counts, variance_inflation=tau)
    errors = labels.find(_ERROR, SketchSpec.kind)
    moments = labels.find(_ERROR, MomentsSpec.kind)
    if isinstance(errors, Sketch) and isinstance(moments, Moments):
        return error_quality(errors, moments, variance_inflation=tau)
    return None


def against_baseline(metrics: JsonObject, baseline: JsonObject) -> JsonObject:
    """Return how metrics compare with what a person or a rule reaches; empty without a baseline.

    Args:
        metrics: Measured or estimated ones, with ``standard_errors``.
        baseline: Of the manifest: metrics by name, and ``source``.

    Returns:
        ``source``, and for each metric known on both sides ``baseline``, by how much this one is
        better (``gain``, below 0 if it is worse), the ``standard_error`` of that, and whether the
        model is ``better`` or ``worse`` beyond doubt (two-sided, 5 %), or ``as good`` as far as can
        be said: a metric without an error, or of rows that do not vary, decides nothing.
    """
    errors = metrics.get("standard_errors")
    known = errors if isinstance(errors, Mapping) else {}
    compared: dict[str, JsonValue] = {}
    for name, given in baseline.items():
        found, error = metrics.get(name), known.get(name)
        if _is_number(given) and _is_number(found):
            compared[name] = _compared(name, found, given, error)
    if not compared:
        return {}
    return {"source": baseline.get("source", ""), "metrics": compared}


def _compared(name: str, found: JsonValue, given: JsonValue, error: JsonValue) -> JsonObject:
    gain = gain_over(name, _number(given), _number(found))
    spread = _number(error)
    verdict = "as good"
    if spread > 0.0 and abs(gain) > _NORMAL_95 * spread:
        verdict = "better" if gain > 0 else "worse"
    return {"baseline": given, "gain": gain, "standard_error": spread, "verdict": verdict}


def _is_number(value: JsonValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _number(value: JsonValue) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
