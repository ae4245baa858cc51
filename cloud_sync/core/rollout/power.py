"""What a stage can see: computed from the bounds that its gates really use, before it starts.

A loss is found as soon as its any-time bound is above the margin. The power given here is that of
one look at that time; earlier looks can only add to it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

from cloud_sync.core.analysis.anytime import fixed_factor, normal_factor
from cloud_sync.core.analysis.estimate import Estimate, calibration_error, estimate
from cloud_sync.core.facts import PackageFacts
from cloud_sync.core.rollout.gates import GATES
from cloud_sync.core.rollout.gates.among_devices import variance_among
from cloud_sync.core.rollout.plan import RolloutPlan
from edge_contract.reading import JsonObject
from edge_contract.stats import Labels

__all__ = [
    "POWER",
    "GateNoise",
    "Sides",
    "Sight",
    "best_of",
    "noise_of_estimate",
    "noise_of_labels",
    "sight_of",
]

POWER: Final = 0.9
_ROUNDS: Final = 4
_NORMAL: Final = NormalDist()


@dataclass(frozen=True, slots=True)
class GateNoise:
    """What makes a gate unsure.

    Attributes:
        gate: Its name.
        variance: Of one row of the control, dependence between rows included.
        fixed_error: Standard error of the loss that no number of rows makes smaller.
        uses_past: Whether the loss is a difference of differences.
        among_devices: Variance of devices' own rates, whatever they run, as far as it is felt:
            times as much where some devices have most of the rows.
        rate: Share of right rows, where rows are right or wrong: a candidate that loses something
            varies more than the control does. 0 where both vary alike.
    """

    gate: str
    variance: float
    fixed_error: float
    uses_past: bool
    among_devices: float = 0.0
    rate: float = 0.0

    def variance_at(self, loss: float) -> float:
        """Return the variance of one row of a candidate that loses so much."""
        if not self.rate or not 0.0 < self.rate < 1.0:
            return self.variance
        rate = min(max(self.rate - loss, 0.0), 1.0)
        usual = self.rate * (1.0 - self.rate)
        return max(self.variance * rate * (1.0 - rate) / usual, self.variance)


@dataclass(frozen=True, slots=True)
class Sides:
    """How many rows come in a second, and came before.

    Attributes:
        mine_per_s: On the stage's devices.
        control_per_s: On the control's.
        devices: In the stage.
        control_devices: In the control.
        mine_before: Rows of the past of the stage's devices.
        control_before: Of the control's.
    """

    mine_per_s: float
    control_per_s: float
    devices: int
    control_devices: int
    mine_before: float = 0.0
    control_before: float = 0.0


@dataclass(frozen=True, slots=True)
class Sight:
    """What a gate of a stage can see.

    Attributes:
        gate: Its name.
        effect: Loss of quality that was asked for, as a share of the rows; 0 if none was.
        seconds: After so long it is found with ``power``; ``None`` if not before the wait is over.
        rows: So many rows of the candidate that takes.
        smallest: Smallest loss that is found with ``power`` before the wait is over.
        power: Probability of finding it.
    """

    gate: str
    effect: float
    seconds: float | None
    rows: int
    smallest: float
    power: float = POWER

    def to_json(self) -> JsonObject:
        """Return the numbers."""
        return {
            "gate": self.gate,
            "effect": self.effect,
            "seconds": self.seconds,
            "rows": self.rows,
            "smallest": self.smallest,
            "power": self.power,
        }


def sight_of(
    plan: RolloutPlan,
    noise: GateNoise,
    sides: Sides,
    *,
    stages: int,
    min_rows: int,
    within_s: float,
) -> Sight:
    """Return what a gate can see within a time.

    Args:
        plan: With margin, alpha and the effect asked for.
        noise: Of the gate.
        sides: Traffic.
        stages: How many stages share alpha.
        min_rows: Rows that the gate asks for.
        within_s: How long its stage gathers rows at most.
    """
    level = plan.alpha * (_share(plan, noise.gate)) / stages
    smallest = _smallest(plan, noise, sides, alpha=level, min_rows=min_rows, after_s=within_s)
    seconds = None
    if plan.detect and plan.detect >= smallest:
        low, high = 0.0, within_s
        for _ in range(40):
            middle = (low + high) / 2
            found = _smallest(plan, noise, sides, alpha=level, min_rows=min_rows, after_s=middle)
            low, high = (low, middle) if found <= plan.detect else (middle, high)
        seconds = high
    rows = int((within_s if seconds is None else seconds) * sides.mine_per_s)
    return Sight(noise.gate, plan.detect, seconds, rows, smallest)


def noise_of_estimate(candidate: PackageFacts, previous: PackageFacts) -> GateNoise | None:
    """Return what makes the label-free estimate unsure; ``None`` where there is none.

    Live rows are taken to vary as those of the reference do.
    """
    found = [estimate(package, package.reference.profile) for package in (candidate, previous)]
    if not all(isinstance(one, Estimate) and one.calibrated for one in found):
        return None
    errors = [(one.chance_error, one.rows) for one in found if isinstance(one, Estimate)]
    fixed = math.hypot(
        *(
            calibration_error(package, [(1.0, package.reference.profile)])
            for package in (candidate, previous)
        )
    )
    variance = max(error**2 * rows for error, rows in errors)
    return GateNoise("estimate", variance, fixed, uses_past=True)


def noise_of_labels(package: PackageFacts, by_device: Sequence[Labels]) -> GateNoise | None:
    """Return what makes measured accuracy unsure; ``None`` where nothing came true lately.

    Args:
        package: The serving version.
        by_device: What came true lately on each device.
    """
    counts = [(one.correct, one.count - one.unknown) for one in by_device]
    rows = sum(n for _, n in counts)
    if not rows:
        return None
    rate = (sum(c for c, _ in counts) + 2) / (rows + 4)
    tau = package.reference.variance_inflation
    uneven = len(counts) * sum(n * n for _, n in counts) / rows**2
    among = variance_among([counts], inflation=tau) * uneven
    variance = tau * rate * (1 - rate)
    return GateNoise("labelled", variance, 0.0, uses_past=False, among_devices=among, rate=rate)


def _share(plan: RolloutPlan, gate: str) -> float:
    rule = plan.gates.get(gate)
    return (rule.share if rule is not None else 0.0) or GATES[gate].share


def _smallest(
    plan: RolloutPlan,
    noise: GateNoise,
    sides: Sides,
    *,
    alpha: float,
    min_rows: int,
    after_s: float,
) -> float:
    """Return the smallest loss found with 90 % at a look so long after soaking began."""
    mine, control = sides.mine_per_s * after_s, sides.control_per_s * after_s
    rows = min(mine, control)
    if rows < max(min_rows, 1):
        return math.inf
    past = 0.0
    if noise.uses_past and min(sides.mine_before, sides.control_before) >= min_rows:
        past = noise.variance * (1 / sides.mine_before + 1 / sides.control_before)
    among = noise.among_devices * (1 / sides.devices + 1 / sides.control_devices)
    fixed, loss = noise.fixed_error, plan.detect or plan.margin
    for _ in range(_ROUNDS):  # how much a candidate varies depends on how much it loses
        variance = noise.variance_at(loss) / mine + noise.variance / control + past + among
        error = math.sqrt(variance)
        surely = math.hypot(
            error * normal_factor(alpha, rows=rows, best_at_rows=max(min_rows, 1)),
            fixed * fixed_factor(alpha),
        )
        loss = plan.margin + surely + _NORMAL.inv_cdf(POWER) * math.hypot(error, fixed)
    return loss


def best_of(found: Sequence[Sight]) -> Sight | None:
    """Return the gate that sees most: the soonest one, else that of the smallest loss."""
    return min(
        found,
        key=lambda one: (one.seconds is None, one.seconds or 0.0, one.smallest),
        default=None,
    )
