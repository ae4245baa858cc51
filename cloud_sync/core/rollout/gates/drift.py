"""Drift: the candidate's predictions stay near its own reference, as near as the control's do.

Two versions are each compared with their own reference, so a candidate may well predict otherwise
than the version before it. What is judged is by how much more the candidate has drifted than the
circumstances explain: than the control has, and, where the past is known, than the same devices
had before plus what has changed for the control since. Of the confidence only the lower side
counts: an author who gave hard rows as reference must not be told off for live rows that are easy.

The inputs of the stage's devices are looked at as well: if they have changed since before the
rollout and the control's have not, nobody can tell whether the candidate or the world is to blame.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import ClassVar, Final

from cloud_sync.core.analysis.across import ks_between
from cloud_sync.core.analysis.anytime import ks_radius
from cloud_sync.core.analysis.bins import views_of
from cloud_sync.core.analysis.distances import ks
from cloud_sync.core.analysis.watched import title_of, watched_columns
from cloud_sync.core.facts import CohortStatistics, PackageFacts
from cloud_sync.core.rollout.base import Mode
from cloud_sync.core.rollout.gates.base import GateResult, OnFail, Verdict, register
from cloud_sync.core.rollout.scene import Scene
from edge_contract.package.reference import PREDICTION, Role
from edge_contract.reading import JsonValue
from edge_contract.stats import Categories, Sketch, Statistic

__all__ = ["DriftAgainstControl", "changed_inputs", "prediction_drift"]

_USUAL_KS: Final = 0.87
"""Mean of the KS distance of n rows to their own distribution, times the root of n."""

_BOUNDS: Final = 8
"""A comparison rests on so many bounds at most: two views of four cohorts."""


@dataclass(frozen=True, slots=True)
class _Drift:
    """How far predictions are from their reference, chance taken off, and how surely."""

    distance: float
    radius: float
    rows: int


@register
class DriftAgainstControl:
    """Fails when predictions have surely drifted by more than the margin beyond the control's."""

    name: ClassVar[str] = "drift"
    share: ClassVar[float] = 0.15
    on_fail: ClassVar[OnFail] = OnFail.ROLL_BACK
    required: ClassVar[bool] = True

    def applies(self, scene: Scene) -> bool:
        """Return whether there is a control and both versions' predictions are counted."""
        if scene.previous is None or scene.mode is Mode.LOAD:
            return False
        return all(_prediction(package) for package in (scene.previous, scene.candidate))

    def judge(self, scene: Scene) -> GateResult:
        """Compare drifts of the predictions, then look at the inputs."""
        level, first = (
            scene.alpha(self.name, self.share) / _BOUNDS,
            max(scene.min_rows(self.name), 1),
        )
        mine = _drifts(scene.candidate, scene.now(), alpha=level, first_rows=first)
        control = _drifts(scene.previous, scene.control(), alpha=level, first_rows=first)
        if not mine or not control or mine[0].rows < first:
            seen = mine[0].rows if mine else 0
            text = f"{seen} of at least {first} predictions, or none of the control's"
            return GateResult(self.name, Verdict.INCONCLUSIVE, text, {"rows": seen})
        usual, usual_radius = _usual(scene, control, alpha=level, first_rows=first)
        margin = scene.plan.drift_margin
        excess = max(a.distance - b for a, b in zip(mine, usual, strict=False))
        surely = max(
            a.distance - a.radius - b - r
            for a, b, r in zip(mine, usual, usual_radius, strict=False)
        )
        evidence: dict[str, JsonValue] = {
            "rows": mine[0].rows,
            "control_rows": control[0].rows,
            "control_is": scene.control_kind.value,
            "ks": max(one.distance for one in mine),
            "ks_of_control": max(one.distance for one in control),
            "ks_expected": max(usual),
            "excess": excess,
            "excess_at_least": surely,
            "margin": margin,
            "smallest_drift_seen_surely": margin + mine[0].radius + usual_radius[0],
        }
        text = (
            f"predictions are {max(one.distance for one in mine):.2f} (KS) from their reference, "
            f"{max(usual):.2f} expected from {scene.control_kind.value}"
        )
        if surely > margin:
            return GateResult(self.name, Verdict.FAIL, text, evidence)
        changed = changed_inputs(scene, alpha=level) if scene.mode is Mode.SERVE else ()
        if changed:
            evidence["changed_inputs"] = list(changed)
            text += f"; inputs of the stage's devices have changed, {changed[0]} most"
            return GateResult(self.name, Verdict.INCONCLUSIVE, text, evidence)
        if excess > margin:
            return GateResult(self.name, Verdict.INCONCLUSIVE, f"{text}: not sure yet", evidence)
        return GateResult(self.name, Verdict.PASS, text, evidence)


def changed_inputs(scene: Scene, *, alpha: float) -> Sequence[str]:
    """Return features of the stage's devices that have surely changed, the most changed first.

    Compared with the same devices' past, less what has changed for the control meanwhile; where
    the control is not concurrent, with the control itself.
    """
    now, control = scene.now(), scene.control()
    past, control_past = scene.before(), scene.control_before()
    if scene.previous is None or control is None:
        return ()
    if not scene.concurrent:
        past, control_past = control, None
    if past is None or (scene.concurrent and control_past is None):
        return ()
    mine = _features(scene.candidate)
    theirs = _features(scene.previous)
    level = alpha / max(4 * len(mine), 1)
    found: list[tuple[float, str]] = []
    for subject, index in mine.items():
        if subject not in theirs or not _same_feature(scene, subject):
            continue
        at = theirs[subject]
        before = past.profile[at]
        change = ks_between(now.profile[index], before)
        change -= _radius(scene, now.profile[index], level) + _radius(scene, before, level)
        if control_past is not None:
            pair = control.profile[at], control_past.profile[at]
            change -= ks_between(*pair) + sum(_radius(scene, one, level) for one in pair)
        if change > scene.plan.drift_margin:
            found.append((change, title_of(subject)))
    return [title for _, title in sorted(found, key=lambda item: (-item[0], item[1]))]


def prediction_drift(scene: Scene) -> float:
    """Return how far the control's predictions are from its reference, chance taken off."""
    first = max(scene.min_rows("drift"), 1)
    found = _drifts(scene.previous, scene.control(), alpha=scene.plan.alpha, first_rows=first)
    return max((one.distance for one in found), default=0.0)


def _usual(
    scene: Scene, control: Sequence[_Drift], *, alpha: float, first_rows: int
) -> tuple[list[float], list[float]]:
    """Return the drift that circumstances explain and its radius, per view."""
    before = _drifts(scene.previous, scene.before(), alpha=alpha, first_rows=first_rows)
    others = _drifts(scene.previous, scene.control_before(), alpha=alpha, first_rows=first_rows)
    known = before and others and min(before[0].rows, others[0].rows) >= first_rows
    if not known:
        return [one.distance for one in control], [one.radius for one in control]
    usual: list[float] = []
    radius: list[float] = []
    for mine, now, then in zip(before, control, others, strict=True):
        usual.append(mine.distance + max(now.distance - then.distance, 0.0))
        radius.append(mine.radius + now.radius + then.radius)
    return usual, radius


def _drifts(
    package: PackageFacts | None,
    cohort: CohortStatistics | None,
    *,
    alpha: float,
    first_rows: int,
) -> list[_Drift]:
    """Return the drift of the predictions from the package's reference, per view."""
    if package is None or cohort is None:
        return []
    inflation = package.reference.variance_inflation
    found: list[_Drift] = []
    for reference in _prediction(package):
        live = cohort.profile.find(PREDICTION, reference.spec.kind)
        if live is None or not live.count:
            return []
        known, rows = max(reference.count, 1), live.count / inflation
        for view in views_of(reference):
            chance = _USUAL_KS * math.sqrt(1 / rows + 1 / known)
            counts = view.counts_of(live)
            distance = (_loss if view.name == "confidence" else ks)(counts, view.reference)
            radius = ks_radius(rows, alpha=alpha, first_rows=first_rows / inflation)
            radius += math.sqrt(math.log(2 / alpha) / (2 * known))
            found.append(_Drift(max(distance - chance, 0.0), radius, live.count))
    return found


def _loss(live: Sequence[int], reference: Sequence[int]) -> float:
    """Return the largest share by which there are more live rows than expected below any cell."""
    sums = zip(accumulate(live), accumulate(reference), strict=True)
    return max(x / sum(live) - y / max(sum(reference), 1) for x, y in sums)


def _prediction(package: PackageFacts) -> list[Statistic]:
    profile = package.reference.profile
    return [
        profile[index] for index, subject in watched_columns(profile.spec) if subject == PREDICTION
    ]


def _features(package: PackageFacts) -> dict[str, int]:
    columns = watched_columns(package.specs[Role.PRIMARY])
    return {subject: index for index, subject in columns if subject != PREDICTION}


def _same_feature(scene: Scene, subject: str) -> bool:
    """Return whether both versions count a feature alike; category codes may mean other things."""
    packages = [package for package in (scene.candidate, scene.previous) if package is not None]
    features = [
        feature
        for package in packages
        for feature in package.manifest.features
        if feature.name == title_of(subject)
    ]
    return len({(feature.is_category, feature.categories) for feature in features}) == 1


def _radius(scene: Scene, statistic: Statistic, alpha: float) -> float:
    first = max(scene.min_rows("drift"), 1)
    if not isinstance(statistic, Sketch | Categories) or not statistic.count:
        return 1.0
    inflation = max(
        package.reference.variance_inflation
        for package in (scene.candidate, scene.previous)
        if package is not None
    )
    return ks_radius(statistic.count / inflation, alpha=alpha, first_rows=first / inflation)
