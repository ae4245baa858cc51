"""Latency: calls of the candidate do not take longer than the control's by more than the margin."""

from itertools import accumulate
from typing import ClassVar, Final, NamedTuple

from cloud_sync.core.analysis.anytime import ks_radius
from cloud_sync.core.facts import CohortStatistics
from cloud_sync.core.rollout.base import Mode
from cloud_sync.core.rollout.gates.base import GateResult, OnFail, Verdict, register
from cloud_sync.core.rollout.scene import Scene
from edge_contract.package.reference import LATENCY, Role
from edge_contract.reading import JsonValue
from edge_contract.stats import Sketch, SketchSpec

__all__ = ["Latency"]

_LEVELS: Final = (0.5, 0.95)


class _Quantile(NamedTuple):
    """A quantile in microseconds: bounds that hold at every look, and what was seen."""

    low: float
    seen: float
    high: float


class _Found(NamedTuple):
    """By how much calls take longer at one level: at least, and as seen."""

    level: float
    at_least: float
    seen: float
    mine_us: float
    control_us: float
    longer_at_least_us: float


@register
class Latency:
    """Compares the median and the 95th percentile, within each stratum of hardware and groups.

    Not waited for: few calls cannot bound a percentile. Fails when calls surely take longer, by the
    plan's share and by its floor: twice as long is nothing to somebody who waits 10 us. In
    shadow the candidate runs when there is time for it, so nothing is compared there.
    """

    name: ClassVar[str] = "latency"
    share: ClassVar[float] = 0.1
    on_fail: ClassVar[OnFail] = OnFail.ROLL_BACK
    required: ClassVar[bool] = False

    def applies(self, scene: Scene) -> bool:
        """Return whether both versions serve and count how long calls take."""
        packages = (scene.candidate, scene.previous)
        return scene.mode is Mode.SERVE and all(
            package is not None and package.specs[Role.PRIMARY].indices(LATENCY)
            for package in packages
        )

    def judge(self, scene: Scene) -> GateResult:
        """Compare percentiles, less what the same devices' past explains."""
        pairs = [pair for pair in scene.pairs() if None not in pair]
        first = max(scene.min_rows(self.name), 1)
        level = scene.alpha(self.name, self.share) / (2 * max(len(pairs), 1))
        found = [
            one
            for mine, control in pairs
            for one in _compared(mine, control, alpha=level, first_calls=first)
        ]
        if not found:
            return GateResult(self.name, Verdict.INCONCLUSIVE, "too few calls on both sides yet")
        usual = _usual(scene, first)
        allowed = (1.0 + scene.plan.latency_margin) * usual
        floor_us = 1000.0 * scene.plan.latency_floor_ms
        matters = [one for one in found if one.mine_us - one.control_us > floor_us]
        worst = max(matters or found, key=lambda one: (one.at_least, one.seen))
        evidence: dict[str, JsonValue] = {
            "control_is": scene.control_kind.value,
            "strata": [one.title for one in scene.strata],
            "percentile": worst.level,
            "candidate_us": worst.mine_us,
            "control_us": worst.control_us,
            "times_as_long": worst.seen,
            "times_as_long_at_least": worst.at_least,
            "usual_times_as_long": usual,
            "allowed_times": allowed,
            "longer_by_at_least_us": worst.longer_at_least_us,
            "floor_us": floor_us,
        }
        text = (
            f"percentile {worst.level:.0%} of calls takes {worst.mine_us / 1000:.3g} ms, "
            f"{worst.seen:.2f} times the control's; {allowed:.2f} times allowed"
        )
        surely = [one for one in matters if one.longer_at_least_us > floor_us]
        if any(one.at_least > allowed for one in surely):
            return GateResult(self.name, Verdict.FAIL, text, evidence)
        if any(one.seen > allowed for one in matters):
            return GateResult(self.name, Verdict.INCONCLUSIVE, f"{text}: not sure", evidence)
        return GateResult(self.name, Verdict.PASS, text, evidence)


def _usual(scene: Scene, first_calls: int) -> float:
    """Return how many times as long calls took on the stage's devices before; 1 if unknown."""
    ratios = []
    for mine, control in scene.pairs_before():
        if mine is not None and control is not None:
            found = _compared(mine, control, alpha=0.5, first_calls=first_calls)
            ratios += [one.seen for one in found]
    return max([1.0, *ratios])


def _compared(
    mine: CohortStatistics | None,
    control: CohortStatistics | None,
    *,
    alpha: float,
    first_calls: int,
) -> list[_Found]:
    found: list[_Found] = []
    if mine is None or control is None:
        return found
    for level in _LEVELS:
        a = _quantile(mine, level, alpha=alpha, first_calls=first_calls)
        b = _quantile(control, level, alpha=alpha, first_calls=first_calls)
        if a is not None and b is not None and b.seen > 0:
            at_least = a.low / b.high if b.high > 0 else 0.0
            longer_us = max(a.low - b.high, 0.0)
            found.append(_Found(level, at_least, a.seen / b.seen, a.seen, b.seen, longer_us))
    return found


def _quantile(
    cohort: CohortStatistics, level: float, *, alpha: float, first_calls: int
) -> _Quantile | None:
    sketch = cohort.profile.find(LATENCY, SketchSpec.kind)
    if not isinstance(sketch, Sketch) or sketch.finite < first_calls:
        return None
    radius = ks_radius(sketch.finite, alpha=alpha, first_rows=first_calls)
    edges = sorted((*sketch.spec.edges_of(code), count) for code, count in sketch.counts.items())
    if sketch.zero:
        edges = sorted([*edges, (0.0, 0.0, sketch.zero)])
    reached = list(accumulate(count / sketch.finite for _, _, count in edges))

    def at(share: float) -> int | None:
        return next((i for i, sum_ in enumerate(reached) if sum_ >= share - 1e-12), None)

    low, seen, high = at(level - radius), at(level), at(level + radius)
    if seen is None:
        return None
    return _Quantile(
        edges[low][0] if low is not None and level > radius else 0.0,
        (edges[seen][0] + edges[seen][1]) / 2,
        edges[high][1] if high is not None else float("inf"),
    )
