"""What a person or a rule reaches, and how the model compares with it."""

import math
from collections.abc import Mapping
from typing import Final

from edge_contract.errors import UsageError
from edge_contract.reading import JsonObject, JsonValue

__all__ = ["SOURCE", "checked_baseline"]

SOURCE: Final = "source"
"""The key of who or what reaches it; all others are names of metrics."""


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


def _is_finite(value: JsonValue) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value)
