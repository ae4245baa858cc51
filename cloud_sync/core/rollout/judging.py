"""Asks the gates of a stage, in their order, and says what they think together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final

from cloud_sync.core.rollout.gates import GATES, Gate, GateResult, OnFail, Verdict
from cloud_sync.core.rollout.scene import Scene
from cloud_sync.core.rollout.stage_life import StageState
from edge_contract.reading import JsonObject

__all__ = ["Judgement", "judge"]

_EARLY: Final = frozenset({"safety", "delivery"})
"""Asked while devices are still being told; the others need what gathers afterwards."""


_AWAITED_FIRST: Final = "delivery"
_NAMED: Final = 20


@dataclass(frozen=True, slots=True)
class Judgement:
    """What all gates that were asked think.

    Attributes:
        results: By gate, up to the first failure.
        failed: The gate that failed, if one did.
        waits_for: The first required gate that has not passed, if there is one.
        on_fail: What the failed gate asks for.
        unjudged: Rows that no gate was told of, by device: one device is a third of its cohort's
            counts at most. Most first.
        unbounded: Sides on which too few devices counted for that, or whose source does not do it.
    """

    results: tuple[GateResult, ...]
    failed: Gate | None
    waits_for: GateResult | None
    on_fail: OnFail | None = None
    unjudged: Mapping[str, int] = field(default_factory=dict)
    unbounded: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether gates were asked, none failed, and all required ones passed."""
        return bool(self.results) and self.failed is None and self.waits_for is None

    def sentence(self) -> str:
        """Return what decided, in English."""
        return self._decided() + _left_out(self.unjudged)

    def evidence(self) -> JsonObject:
        """Return every verdict with its numbers, and who counted too much to be judged by all."""
        return {
            "gates": [result.to_json() for result in self.results],
            "unjudged": dict(islice(self.unjudged.items(), _NAMED)),
            "unbounded": list(self.unbounded),
        }

    def verdict_of(self, gate: str) -> Verdict:
        """Return one gate's verdict; one that was not asked is inconclusive."""
        found = (result.verdict for result in self.results if result.gate == gate)
        return next(found, Verdict.INCONCLUSIVE)

    def _decided(self) -> str:
        if self.failed is not None:
            return f"{self.failed.name} failed: {self.results[-1].sentence}"
        if self.waits_for is not None:
            return f"{self.waits_for.gate} is inconclusive: {self.waits_for.sentence}"
        return "; ".join(f"{result.gate}: {result.sentence}" for result in self.results)


def judge(scene: Scene) -> Judgement:
    """Ask the stage's gates until one fails."""
    results: list[GateResult] = []
    waits_for: GateResult | None = None
    early = scene.stage.state is StageState.DISPATCHING
    for gate in _asked(scene, early=early):
        rule = scene.stage.stage.rule(gate.name)
        result = gate.judge(scene)
        spent = {"alpha": scene.alpha(gate.name, gate.share)} if gate.share else {}
        results.append(replace(result, evidence={**result.evidence, **spent}))
        if result.verdict is Verdict.FAIL:
            wanted = OnFail(rule.on_fail) if rule.on_fail else gate.on_fail
            return _judgement(scene, results, failed=gate, on_fail=wanted)
        required = gate.required or (result.gathering and scene.plan.detect > 0.0)
        required = required if rule.required is None else rule.required
        awaited = gate.name == _AWAITED_FIRST if early else required
        if result.verdict is not Verdict.PASS and awaited and waits_for is None:
            waits_for = result
    return _judgement(scene, results, waits_for=waits_for)


def _judgement(
    scene: Scene,
    results: Sequence[GateResult],
    *,
    failed: Gate | None = None,
    waits_for: GateResult | None = None,
    on_fail: OnFail | None = None,
) -> Judgement:
    unjudged, unbounded = scene.unjudged(), scene.unbounded()
    return Judgement(tuple(results), failed, waits_for, on_fail, unjudged, unbounded)


def _left_out(unjudged: Mapping[str, int]) -> str:
    """Return the end of a sentence about devices that counted more than is taken from one."""
    if not unjudged:
        return ""
    named = [f"{rows} rows of {device!r}" for device, rows in unjudged.items()]
    more = f" and those of {len(named) - 2} more devices" if len(named) > 2 else ""
    listed = " and ".join(named[:2]) + more
    return f"; {listed} are not judged: one device counts for a third at most"


def _asked(scene: Scene, *, early: bool) -> Sequence[Gate]:
    gates = (GATES[name] for name in scene.stage.stage.gates if not early or name in _EARLY)
    return [gate for gate in gates if gate.applies(scene)]
