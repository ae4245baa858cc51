"""What a person or a rule reaches, and how the model compares with it."""

import math
from collections.abc import Mapping
from typing import Final

from edge_contract.errors import UsageError
from edge_contract.package import Task
from edge_contract.reading import JsonObject, JsonValue

__all__ = ["SOURCE", "checked_baseline", "require_known_metrics"]

SOURCE: Final = "source"
"""The key of who or what reaches it; all others are names of metrics."""

_RATIOS: Final = ("accuracy", "precision", "recall", "f1", "roc_auc", "calibration_error")
_MEANS: Final = ("macro.precision", "macro.recall", "macro.f1")
_ERRORS: Final = ("mae", "rmse", "mse", "bias", "r2")


def checked_baseline(given: "Mapping[str, JsonValue] | None", *, source: str = "") -> JsonObject:
    """Return a baseline for the manifest; empty if none was given.

    Args:
        given: Metrics by name, and perhaps ``source``.
        source: Who or what reaches it, if ``given`` does not say.

    Raises:
        UsageError: A metric is no finite number, there is none, or there are two sources.
    """
    baseline: dict[str, JsonValue] = dict(given or {})
    named = baseline.pop(SOURCE, "")
    if not isinstance(named, str) or (source and named and named != source):
        raise UsageError(
            f"the baseline's source must be one text, got {named!r}"
            + (f" and {source!r}" if source else "")
        )
    for metric, value in baseline.items():
        if not metric or not _is_finite(value):
            raise UsageError(
                f"baseline {metric!r} is {value!r}: give a finite number under the name of a "
                "metric, such as f1=0.91"
            )
    who = named or source
    if who and not baseline:
        raise UsageError(
            f"the baseline of {who!r} has no metric: give what is reached, such as f1=0.91"
        )
    return {**baseline, SOURCE: who} if who else baseline


def require_known_metrics(baseline: JsonObject, *, task: Task) -> None:
    """Refuse a baseline that could never be compared with what is measured.

    Args:
        baseline: As :func:`checked_baseline` returns it.
        task: What the model predicts; of one that is no classifier and no regression every metric
            is taken, because none is measured.

    Raises:
        UsageError: A metric is not one of the task's, or no fraction where it has to be.
    """
    if task is Task.OTHER:
        return
    known = _ERRORS if task is Task.REGRESSION else (*_RATIOS, *_MEANS)
    for metric, value in baseline.items():
        if metric == SOURCE:
            continue
        if metric not in known:
            raise UsageError(
                f"baseline {metric!r} is no metric of a model whose task is {task.value}, so "
                f"nothing could be compared with it: choose from {', '.join(known)}"
            )
        if task is not Task.REGRESSION and not (isinstance(value, int | float) and 0 <= value <= 1):
            raise UsageError(
                f"baseline {metric!r} is {value!r}: give a fraction from 0 to 1, such as 0.91"
            )


def _is_finite(value: JsonValue) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value)
