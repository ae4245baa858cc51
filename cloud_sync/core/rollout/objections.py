"""What speaks against a plan before any device is looked at: its time, its inputs, its sight."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from cloud_sync.core.facts import PackageFacts
from cloud_sync.core.rollout.plan import RolloutPlan
from cloud_sync.core.rollout.power import Sight
from cloud_sync.core.rollout.spans import in_words
from edge_contract.package import TensorSpec

__all__ = ["about_inputs", "about_interfaces", "about_sight", "about_start"]

_JUST_NOW_S: Final = 120.0
_COMPARING: Final = frozenset({"estimate", "labelled"})


def about_start(plan: RolloutPlan, now_unix_s: float) -> list[str]:
    """Return that a rollout should have begun at a time that is over, as in an old plan file."""
    begins_unix_s = plan.start_at_unix_s
    if not begins_unix_s or begins_unix_s >= now_unix_s - _JUST_NOW_S:
        return []
    at = datetime.fromtimestamp(begins_unix_s, UTC)
    return [
        f"it was to begin at {at:%Y-%m-%d %H:%M} UTC (start_at_unix_s), which is over; "
        "give a time to come, or none to begin at once"
    ]


def about_inputs(candidate: PackageFacts, previous: PackageFacts | None) -> list[str]:
    """Return that what applications give to the present version does not fit the candidate."""
    if previous is None:
        return []
    new, old = candidate.manifest, previous.manifest
    if [_form(one) for one in new.inputs] == [_form(one) for one in old.inputs]:
        return []
    mine, theirs = (", ".join(map(str, one.inputs)) for one in (new, old))
    return [
        f"its inputs are not those of {old.reference}: {mine} in place of {theirs}, so calls of "
        "applications that give the earlier ones will fail"
    ]


def about_interfaces(candidate: PackageFacts, previous: PackageFacts | None) -> list[str]:
    """Return what is different about the candidate, and can be lived with."""
    if previous is None:
        return []
    new, old = candidate.manifest, previous.manifest
    found = []
    if new.inputs != old.inputs and not about_inputs(candidate, previous):
        mine, theirs = (", ".join(map(str, one.inputs)) for one in (new, old))
        found.append(f"its inputs are not those of {old.reference}: {mine} in place of {theirs}")
    if new.classes != old.classes:
        found.append(f"its classes are not those of {old.reference}, so agreement is not judged")
    if not new.evidence.quality:
        found.append("its author measured no quality on held-out rows")
    return found


def about_sight(
    plan: RolloutPlan, sights: Sequence[Sight], *, has_rows: bool, can_tell: bool
) -> list[str]:
    """Return that no stage can see the loss that was asked for, and why.

    Args:
        plan: What is asked for.
        sights: Of all stages that have something to compare with.
        has_rows: Whether the devices have seen rows lately.
        can_tell: Whether an estimate or labels tell how good both versions are.
    """
    if not plan.detect or any(sight.seconds is not None for sight in sights):
        return []
    asked = f"a loss of {plan.detect:.3g}"
    if not any(_COMPARING & set(stage.gates) for stage in plan.stages()):
        return [f"{plan.strategy} compares no quality, so it cannot see {asked}: take canary"]
    if not has_rows or not can_tell:
        lately = f"in the last {in_words(plan.baseline_s)}"
        why = f"no labels came {lately}, and its quality cannot be estimated without"
        if not has_rows:
            why = f"the devices have seen no rows {lately}"
        return [f"whether {asked} would be seen cannot be told: {why}"]
    smallest = min((sight.smallest for sight in sights), default=math.inf)
    if math.isinf(smallest):
        why = "there is too little traffic" if sights else "nothing is there to compare with"
    else:
        why = f"the smallest that one can is {smallest:.3g}"
    return [
        f"no stage can see {asked} with power 0.9 before its wait of {in_words(plan.max_wait_s)} "
        f"is over; {why}: take more devices, wait longer, or ask for less"
    ]


def _form(spec: TensorSpec) -> tuple[str, tuple[int | str, ...]]:
    """Return the name and shape of an input: element types are cast, names of axes are free."""
    return spec.name, tuple(axis if isinstance(axis, int) else "" for axis in spec.shape)
