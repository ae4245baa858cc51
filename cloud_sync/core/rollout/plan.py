"""The plan of a rollout: what an operator asks for, and every limit that decisions use."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, Self

from cloud_sync.core.rollout.base import STRATEGIES, Mode, Stage
from cloud_sync.core.rollout.plan_fields import FLAGS, NUMBERS, SHARES, TEXTS, WHOLE_NUMBERS
from cloud_sync.core.rollout.steps import GateRule, Step, checked_rules, rule_json, rules_from_json
from cloud_sync.core.rollout.zones import checked_window, checked_zone
from edge_contract.errors import UsageError
from edge_contract.maintenance import MaintenanceWindow
from edge_contract.names import Version, checked_name
from edge_contract.reading import JsonValue, Reader

__all__ = ["RolloutPlan"]

_DEFAULT_BAKE_S: Final = 900.0
_DEFAULT_MAX_WAIT_S: Final = 4 * 3600.0
_DEFAULT_MIN_ROWS: Final = 500
_DEFAULT_MARGIN: Final = 0.05
_LEAST_LEVEL: Final = 1e-6
_SLOWEST: Final = 1e-3
_DEFAULT_PENALTY_S: Final = 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutPlan:
    """What to roll out and how. A 0 or an empty field takes the default that is named.

    Attributes:
        model: Name of the model.
        version: Its version, the candidate.
        strategy: Name of the strategy.
        steps: Shares of the targeted devices, rising, or steps with rules of their own; the
            strategy's own if empty.
        shadow: Whether the candidate first runs in shadow, where the strategy has such a stage.
        bake_s: Shortest time on a stage once its devices run the candidate; 15 minutes.
        max_wait_s: Longest time for delivery, and again for a judgement after baking; 4 hours.
        min_rows: Rows of the candidate that a judgement needs; 500. Bounds are tightest there.
        approval: Whether a person must approve before it starts.
        gates: Rules for all stages, by gate.
        target: Filter of the devices it is for; empty for all.
        start_at_unix_s: When it begins at the earliest; 0 for at once.
        windows: When devices may be told to change, as ``mon-fri 22:00-06:00``; empty for always.
        time_zone: Of devices that name none.
        devices_per_minute: So many devices are told at most; 0 for no limit.
        max_in_flight: So many reachable devices may be at it at a time; 0 for no limit.
        penalty_s: For so long a device that failed comes last, twice as long after each further
            failure; a day.
        detect: Loss of quality, as a share of the rows, that the rollout must be able to see; 0
            asks for nothing. ``margin`` is half of it unless it is given.
        alpha: Probability that a candidate as good as the serving version is ever found worse, all
            stages and gates of the rollout together.
        beta: Probability that a candidate worse than ``margin`` ever passes one stage's test.
        margin: By how much the candidate's quality may be lower, as a share of the rows; 0.05.
        drift_margin: By how much more than its control it may drift, as a KS distance.
        min_agreement: In shadow: share of agreeing rows, among the rows that the serving version
            gets right.
        failure_margin: By how much its share of failing calls may be higher.
        latency_margin: By how much its calls may take longer, as a share of the control's time.
        latency_floor_ms: Calls that take longer by less than this never count.
        delivered_share: Share of a stage's reachable devices that must run it.
        unhealthy_share: Share of a stage's devices that may fail, beyond what the control does.
        baseline_s: How far back before the rollout a device's past goes; four times ``bake_s``.
        trial_calls: Predictions of a device's own trial; 20.
        trial_s: Shortest length of that trial; a quarter of ``bake_s``, at most a minute.
        notify_s: How long a reachable device may take to begin; half of ``max_wait_s``.
        progress_s: How long it may take to load and start the trial; half of ``max_wait_s``.
    """

    model: str
    version: str
    strategy: str = "canary"
    steps: Sequence[Step | float] = ()
    shadow: bool = True
    bake_s: float = 0.0
    max_wait_s: float = 0.0
    min_rows: int = 0
    approval: bool = False
    gates: Mapping[str, GateRule] = field(default_factory=dict)
    target: str = ""
    start_at_unix_s: float = 0.0
    windows: Sequence[str] = ()
    time_zone: str = "UTC"
    devices_per_minute: float = 0.0
    max_in_flight: int = 0
    penalty_s: float = 0.0
    detect: float = 0.0
    alpha: float = 0.01
    beta: float = 0.05
    margin: float = 0.0
    drift_margin: float = 0.1
    min_agreement: float = 0.8
    failure_margin: float = 0.01
    latency_margin: float = 0.5
    latency_floor_ms: float = 1.0
    delivered_share: float = 0.9
    unhealthy_share: float = 0.1
    baseline_s: float = 0.0
    trial_calls: int = 0
    trial_s: float = 0.0
    notify_s: float = 0.0
    progress_s: float = 0.0

    def __post_init__(self) -> None:
        checked_name(self.model, "model")
        Version.parse(self.version)
        if self.strategy not in STRATEGIES:
            raise UsageError(
                f"rollout strategy {self.strategy!r} is unknown "
                f"(known: {', '.join(sorted(STRATEGIES))})"
            )
        self._check_numbers()
        self._set("steps", tuple(_step(step) for step in self.steps))
        self._check_steps()
        self._set("windows", tuple(map(checked_window, self.windows)))
        checked_zone(self.time_zone)
        self._fill("bake_s", _DEFAULT_BAKE_S)
        self._fill("max_wait_s", max(_DEFAULT_MAX_WAIT_S, 2 * self.bake_s))
        self._fill("min_rows", _DEFAULT_MIN_ROWS)
        self._fill("margin", self.detect / 2 or _DEFAULT_MARGIN)
        self._fill("penalty_s", _DEFAULT_PENALTY_S)
        self._fill("baseline_s", 4 * self.bake_s)
        self._fill("trial_calls", 20)
        self._fill("trial_s", min(self.bake_s / 4, 60.0))
        self._fill("notify_s", self.max_wait_s / 2)
        self._fill("progress_s", self.max_wait_s / 2)
        checked_rules(self.gates)
        self._check_gates()

    @property
    def widenings(self) -> tuple[Step, ...]:
        """The steps, each with its rules."""
        return tuple(_step(step) for step in self.steps)

    @property
    def titles(self) -> str:
        """The sizes of the steps, for people."""
        return ", ".join(step.title for step in self.widenings)

    @property
    def maintenance(self) -> tuple[MaintenanceWindow, ...]:
        """When devices may be told."""
        return tuple(MaintenanceWindow.parse(text) for text in self.windows)

    def stages(self) -> Sequence[Stage]:
        """Return the strategy's stages."""
        return STRATEGIES[self.strategy].stages(self)

    def stage(self, name: str, mode: Mode, *, step: Step | float, gates: Sequence[str]) -> Stage:
        """Return a stage of the size of a step, under the step's rules and then the plan's."""
        step = _step(step)
        rules = {
            gate: step.gates.get(gate, GateRule()).over(self.gates.get(gate, GateRule()))
            for gate in gates
            if gate in step.gates or gate in self.gates
        }
        return Stage(
            name,
            mode,
            step.fraction,
            step.bake_s or self.bake_s,
            step.min_rows or self.min_rows,
            tuple(gate for gate in gates if not (gate in rules and rules[gate].off)),
            count=step.count,
            max_wait_s=step.max_wait_s or self.max_wait_s,
            rules=rules,
            approval=step.approval,
        )

    def idle_stage(self, name: str, mode: Mode) -> Stage:
        """Return a stage on all devices that asks for no traffic."""
        whole = self.stage(name, mode, step=Step(fraction=1.0), gates=("safety", "delivery"))
        return dataclasses.replace(whole, bake_s=0.0, min_rows=0)

    def to_json(self) -> dict[str, JsonValue]:
        """Return all fields by name."""
        plain: dict[str, JsonValue] = {
            name: getattr(self, name) for name in (*TEXTS, *NUMBERS, *WHOLE_NUMBERS, *FLAGS)
        }
        rules: dict[str, JsonValue] = {name: rule_json(rule) for name, rule in self.gates.items()}
        return plain | {
            "steps": [step.to_json() for step in self.widenings],
            "gates": rules,
            "windows": list(self.windows),
        }

    @classmethod
    def from_json(cls, reader: Reader) -> Self:
        """Read the fields that are there, the others take their defaults.

        Raises:
            The reader's error: a field is unknown or makes no sense.
        """
        given = reader.fields(max_length=100)
        for name, item in given.items():
            if name not in _NAMES:
                raise item.refused(f"none of that name (known: {', '.join(_NAMES)})")
        values: dict[str, object] = {
            **{name: given[name].text() for name in TEXTS if name in given},
            **{name: given[name].number() for name in NUMBERS if name in given},
            **{name: given[name].integer() for name in WHOLE_NUMBERS if name in given},
            **{name: given[name].flag() for name in FLAGS if name in given},
        }
        if "windows" in given:
            values["windows"] = [item.text() for item in given["windows"].items(max_length=50)]
        make: Callable[..., Self] = cls
        try:
            if "steps" in given:
                items = given["steps"].items(max_length=100)
                values["steps"] = [Step.from_json(item) for item in items]
            if "gates" in given:
                values["gates"] = rules_from_json(given["gates"])
            for name in ("model", "version"):
                if name not in given:
                    raise reader.refused(f"an object with {name!r}")
            return make(**values)
        except UsageError as error:
            raise reader.refused(str(error)) from error

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _fill(self, name: str, default: float) -> None:
        if not getattr(self, name):
            self._set(name, default)

    def _check_numbers(self) -> None:
        for name in (*NUMBERS, *WHOLE_NUMBERS):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise UsageError(f"{name} of a rollout must be 0 or more, got {value!r}")
        for name in SHARES:
            value = getattr(self, name)
            if not 0.0 < value < 1.0 and not (name in ("margin", "detect") and value == 0.0):
                raise UsageError(f"{name} of a rollout must lie between 0 and 1, got {value!r}")
        for name in ("alpha", "beta"):
            if getattr(self, name) < _LEAST_LEVEL:
                raise UsageError(
                    f"{name} of a rollout must be at least {_LEAST_LEVEL:g}, "
                    f"got {getattr(self, name)!r}"
                )
        if 0.0 < self.devices_per_minute < _SLOWEST:
            raise UsageError(
                f"devices_per_minute must be at least {_SLOWEST:g}, or 0 for no limit, "
                f"got {self.devices_per_minute!r}"
            )
        if self.detect and self.margin >= self.detect:
            raise UsageError(
                f"a loss of {self.detect} cannot be told from one of {self.margin} that is put up "
                "with: margin must be below detect, or be left out"
            )

    def _check_steps(self) -> None:
        steps = self.widenings
        for sizes in (
            [s.fraction for s in steps if s.fraction],
            [s.count for s in steps if s.count],
        ):
            if any(a >= b for a, b in pairwise(sizes)):
                raise UsageError(
                    "steps of a rollout must rise from above 0 to at most 1, "
                    f"got {', '.join(step.title for step in steps)}"
                )
        if any(not 0.0 <= step.fraction <= 1.0 for step in steps):
            raise UsageError(
                "steps of a rollout must rise from above 0 to at most 1, "
                f"got {[step.fraction for step in steps]}"
            )

    def _check_gates(self) -> None:
        stages = self.stages()
        asked = {gate for step in self.widenings for gate in step.gates} | set(self.gates)
        known = {gate for stage in stages for gate in (*stage.gates, *stage.rules)}
        unknown = sorted(asked - known)
        if unknown:
            raise UsageError(
                f"gate {unknown[0]!r} is asked in no stage of {self.strategy} "
                f"(asked: {', '.join(sorted(known))})"
            )


def _step(step: Step | float) -> Step:
    if isinstance(step, Step):
        return step
    if not (math.isfinite(step) and 0.0 < step <= 1.0):
        raise UsageError(f"steps of a rollout must rise from above 0 to at most 1, got {step}")
    return Step(fraction=float(step))


_NAMES: Final = (*TEXTS, *NUMBERS, *WHOLE_NUMBERS, *FLAGS, "steps", "gates", "windows")
