"""Balance: candidate and control are alike enough to be compared at all."""

from typing import ClassVar, Final

from cloud_sync.core.analysis.anytime import rate_bounds
from cloud_sync.core.facts import CohortStatistics
from cloud_sync.core.rollout.execution_life import ExecutionState
from cloud_sync.core.rollout.gates.base import GateResult, OnFail, Verdict, register
from cloud_sync.core.rollout.scene import ControlKind, Scene
from edge_contract.reading import JsonValue

__all__ = ["Balance"]

_MOST_CHANGE: Final = 4.0
"""Traffic of the candidate's devices may change by this factor against the control's."""

_MOST_DIFFERENCE: Final = 20.0
"""Where the past is not known it may differ by this factor."""

_LEAST_HEARD: Final = 0.5

_MISMATCH: Final = 0.001
"""How often comparable cohorts are called a mismatch, per bound; that only delays a verdict."""


@register
class Balance:
    """Never fails: where cohorts cannot be compared the other gates' answers mean nothing.

    Looks at how many of the devices that run the candidate sent statistics, and how many of the
    control's (sample ratio), at the traffic per device against the control's, now and before, and
    at how hardware and groups are shared out.
    """

    name: ClassVar[str] = "balance"
    share: ClassVar[float] = 0.0
    on_fail: ClassVar[OnFail] = OnFail.PAUSE
    required: ClassVar[bool] = True

    def applies(self, scene: Scene) -> bool:
        """Return whether there is a concurrent control."""
        return scene.control_kind is ControlKind.CONCURRENT

    def judge(self, scene: Scene) -> GateResult:
        """Report the traffic of both sides."""
        now, control = scene.now(), scene.control()
        running = sum(one.state is ExecutionState.SUCCEEDED for one in scene.members.values())
        evidence: dict[str, JsonValue] = {
            "running": running,
            "heard": now.devices,
            "rows": now.counters.rows,
            "control_devices": control.devices if control is not None else 0,
            "control_rows": control.counters.rows if control is not None else 0,
        }
        if control is None or not _rate(now) or not _rate(control):
            text = "nothing to compare: one of the two sides has sent no statistics"
            return GateResult(self.name, Verdict.INCONCLUSIVE, text, evidence)
        ratio, allowed = _rate(now) / _rate(control), _MOST_DIFFERENCE
        before, control_before = scene.before(), scene.control_before()
        usual, usual_control = _rate(before), _rate(control_before)
        if usual and usual_control:
            ratio, allowed = ratio / (usual / usual_control), _MOST_CHANGE
        evidence |= {"traffic_ratio": ratio, "traffic_ratio_allowed": allowed}
        evidence |= {"strata": _strata(scene)}
        reachable = len(scene.reachable_others())
        if _mismatch(now.devices, running, control.devices, reachable):
            text = (
                f"sample ratio mismatch: {now.devices} of {running} devices with it are heard of, "
                f"{control.devices} of {reachable} without it"
            )
            return GateResult(self.name, Verdict.INCONCLUSIVE, text, evidence)
        if now.devices < _LEAST_HEARD * running:
            text = f"only {now.devices} of {running} devices that run it sent statistics"
            return GateResult(self.name, Verdict.INCONCLUSIVE, text, evidence)
        if not 1 / allowed <= ratio <= allowed:
            text = f"a device of the stage now sees {ratio:.2g} times a control device's traffic"
            return GateResult(self.name, Verdict.INCONCLUSIVE, text, evidence)
        text = (
            f"{now.devices} devices with {now.counters.rows} rows against {control.devices} "
            f"with {control.counters.rows}: comparable"
        )
        uneven = _uneven(scene)
        if uneven:
            text += f"; {uneven} is unevenly shared out, so like is compared with like"
        return GateResult(self.name, Verdict.PASS, text, evidence)


def _mismatch(heard: int, running: int, others: int, reachable: int) -> bool:
    """Return whether one side is surely heard of less often than the other."""
    if not running or not reachable:
        return False
    low, high = rate_bounds(min(heard, running), running, alpha=_MISMATCH)
    other_low, other_high = rate_bounds(min(others, reachable), reachable, alpha=_MISMATCH)
    return high < other_low or other_high < low


def _uneven(scene: Scene) -> str:
    """Return the stratum that is surely more frequent on one side, the first if there are more."""
    mine = sum(len(one.mine) for one in scene.strata)
    others = sum(len(one.others) for one in scene.strata)
    for one in scene.strata:
        low, high = rate_bounds(len(one.mine), mine, alpha=_MISMATCH)
        other_low, other_high = rate_bounds(len(one.others), others, alpha=_MISMATCH)
        if high < other_low or other_high < low:
            return one.title
    return ""


def _strata(scene: Scene) -> dict[str, JsonValue]:
    return {one.title: {"stage": len(one.mine), "control": len(one.others)} for one in scene.strata}


def _rate(cohort: CohortStatistics | None) -> float:
    if cohort is None or not cohort.devices:
        return 0.0
    return cohort.counters.rows / cohort.devices
