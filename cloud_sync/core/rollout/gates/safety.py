"""Safety: devices that crash, refuse the candidate or take it back, and calls that fail."""

from typing import ClassVar, Final

from cloud_sync.core.analysis.anytime import rate_bounds
from cloud_sync.core.facts import CohortStatistics
from cloud_sync.core.rollout.base import Mode
from cloud_sync.core.rollout.execution_life import FINISHED, UNHEALTHY
from cloud_sync.core.rollout.gates.base import GateResult, OnFail, Verdict, register
from cloud_sync.core.rollout.scene import Scene
from edge_contract.messages import Counters
from edge_contract.reading import JsonValue

__all__ = ["Safety"]

_CRASH_LOOP: Final = 2
"""So many new lives since the stage began are a crash loop; one may be a person with a plug."""

_NAMED: Final = 20


@register
class Safety:
    """Fails when too many devices are unhealthy, or calls surely fail more than elsewhere.

    Devices fail the stage when they are too many of all in it, whatever the others will do: a stage
    may have two devices, and one of two that cannot run the candidate is reason enough to stop. In
    a large stage they fail it earlier, when they are surely too many of those that are through.
    What the control's devices do as well, in a power cut for example, does not count.
    """

    name: ClassVar[str] = "safety"
    share: ClassVar[float] = 0.2
    on_fail: ClassVar[OnFail] = OnFail.ROLL_BACK
    required: ClassVar[bool] = True

    def applies(self, scene: Scene) -> bool:
        """Return that it always does."""
        return True

    def judge(self, scene: Scene) -> GateResult:
        """Judge devices first, then calls."""
        unhealthy = [name for name, one in scene.members.items() if one.state in UNHEALTHY]
        crashing = [name for name in scene.members if _crashes(scene, name)]
        bad = sorted({*unhealthy, *crashing})
        executed = sum(one.state in FINISHED or one.ran for one in scene.members.values())
        others = len(scene.others)
        crashing_others = sum(_crashes(scene, name) for name in scene.others)
        usual = crashing_others / others if others else 0.0
        now = scene.now().counters
        evidence: dict[str, JsonValue] = {
            "executed": executed,
            "unhealthy": len(unhealthy),
            "crashing": len(crashing),
            "devices": list(bad[:_NAMED]),
            "crashing_share_of_control": usual,
            "allowed_share": scene.plan.unhealthy_share,
            "rows": now.rows,
            "calls": now.calls,
            "failures": now.failures,
        }
        allowed = scene.plan.unhealthy_share + usual
        sure, _ = rate_bounds(len(bad), executed, alpha=scene.alpha(self.name, self.share) / 2)
        of = len({*scene.reachable(), *bad})
        if bad and (len(bad) > allowed * of or sure > allowed):
            verb = "is" if len(bad) == 1 else "are"
            text = f"{len(bad)} of {executed} devices {verb} not well: {_listed(scene, bad)}"
            return GateResult(self.name, Verdict.FAIL, text, evidence)
        if not executed:
            text = "no device has run it yet"
            return GateResult(self.name, Verdict.INCONCLUSIVE, text, evidence)
        return self._judge_calls(scene, now, evidence, executed=executed)

    def _judge_calls(
        self, scene: Scene, now: Counters, evidence: dict[str, JsonValue], *, executed: int
    ) -> GateResult:
        control = scene.control()
        usual = control.counters if control is not None else Counters()
        level = scene.alpha(self.name, self.share) / 8
        low, _ = _bounds(now, alpha=level)
        allowed = scene.plan.failure_margin + _allowed(scene, usual, alpha=level)
        evidence |= {"failing_share_at_least": low, "failing_share_allowed": allowed}
        counted = f"{now.failures} of {now.calls + now.failures} calls failed"
        if low > allowed:
            text = f"{counted}, surely more than the {allowed:.1%} allowed"
            return GateResult(self.name, Verdict.FAIL, text, evidence)
        needed = scene.min_rows(self.name)
        if scene.mode is not Mode.LOAD and now.rows < needed:
            text = f"{now.rows} of at least {needed} rows seen; {counted}"
            return GateResult(self.name, Verdict.INCONCLUSIVE, text, evidence)
        expected = max(_share(usual), _share(_counters(scene.before())))
        if _share(now) > expected + scene.plan.failure_margin:
            text = f"{counted}, more than the {expected:.1%} expected, but not surely"
            return GateResult(self.name, Verdict.INCONCLUSIVE, text, evidence)
        well = "1 device ran it and is" if executed == 1 else f"{executed} devices ran it and are"
        text = f"{well} well; {counted}"
        return GateResult(self.name, Verdict.PASS, text, evidence)


def _allowed(scene: Scene, usual: Counters, *, alpha: float) -> float:
    """Return the share of failing calls that is not the candidate's fault.

    The control's, or what the stage's own devices had before and the control has got since: a
    device whose camera is broken goes on failing, whatever it runs.
    """
    if not _attempts(usual):
        return 0.0
    _, now = _bounds(usual, alpha=alpha)
    mine, theirs = _counters(scene.before()), _counters(scene.control_before())
    if not _attempts(mine) or not _attempts(theirs):
        return now
    grown = max(now - _bounds(theirs, alpha=alpha)[0], 0.0)
    return max(now, _bounds(mine, alpha=alpha)[1] + grown)


def _bounds(counters: Counters, *, alpha: float) -> tuple[float, float]:
    return rate_bounds(counters.failures, _attempts(counters), alpha=alpha)


def _attempts(counters: Counters) -> int:
    return counters.calls + counters.failures


def _counters(cohort: CohortStatistics | None) -> Counters:
    return Counters() if cohort is None else cohort.counters


def _crashes(scene: Scene, name: str) -> bool:
    facts, before = scene.devices.get(name), scene.stage.boots.get(name)
    return facts is not None and before is not None and facts.boots - before >= _CRASH_LOOP


def _share(counters: Counters) -> float:
    attempts = _attempts(counters)
    return counters.failures / attempts if attempts else 0.0


def _listed(scene: Scene, names: list[str]) -> str:
    shown = [
        f"{name} ({scene.members[name].detail or scene.members[name].state.value})"
        for name in names[:3]
    ]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(shown) + more
