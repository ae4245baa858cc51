"""The plan of a rollout: what an operator asks for, and every limit that decisions use."""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from cloud_sync.core.rollout.base import STRATEGIES, Stage
from edge_contract.errors import UsageError
from edge_contract.names import VERSION_PATTERN, checked_name
from edge_contract.reading import JsonValue, Reader

__all__ = ["RolloutPlan"]

_DEFAULT_BAKE_S: Final = 900.0
_DEFAULT_MAX_WAIT_S: Final = 4 * 3600.0
_DEFAULT_MIN_ROWS: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutPlan:
    """What to roll out and how. A 0 or an empty field takes the default that is named.

    Attributes:
        model: Name of the model.
        version: Its version, the candidate.
        strategy: Name of the strategy.
        steps: Shares of the fleet, rising; the strategy's own if empty.
        shadow: Whether the candidate first runs in shadow, where the strategy has such a stage.
        bake_s: Shortest time on a stage once its devices run the candidate; 15 minutes.
        max_wait_s: Longest time for delivery, and again for a judgement after baking; 4 hours.
        min_rows: Rows of the candidate that a judgement needs; 500. Bounds are tightest there.
        approval: Whether a person must approve before it starts.
        alpha: Probability that a candidate as good as the serving version is ever found worse, all
            stages and gates of the rollout together.
        beta: Probability that a candidate worse than ``margin`` ever passes one stage's test.
        margin: By how much the candidate's quality may be lower, as a share of the rows.
        drift_margin: By how much more than its control it may drift, as a KS distance.
        min_agreement: In shadow: share of agreeing rows, among the rows that the serving version
            gets right.
        failure_margin: By how much its share of failing calls may be higher.
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
    steps: Sequence[float] = ()
    shadow: bool = True
    bake_s: float = 0.0
    max_wait_s: float = 0.0
    min_rows: int = 0
    approval: bool = False
    alpha: float = 0.01
    beta: float = 0.05
    margin: float = 0.05
    drift_margin: float = 0.1
    min_agreement: float = 0.8
    failure_margin: float = 0.01
    delivered_share: float = 0.9
    unhealthy_share: float = 0.1
    baseline_s: float = 0.0
    trial_calls: int = 0
    trial_s: float = 0.0
    notify_s: float = 0.0
    progress_s: float = 0.0

    def __post_init__(self) -> None:
        checked_name(self.model, "model")
        if self.strategy not in STRATEGIES:
            raise UsageError(
                f"rollout strategy {self.strategy!r} is unknown "
                f"(known: {', '.join(sorted(STRATEGIES))})"
            )
        object.__setattr__(self, "steps", tuple(self.steps))
        self._check_numbers()
        self._fill("bake_s", _DEFAULT_BAKE_S)
        self._fill("max_wait_s", max(_DEFAULT_MAX_WAIT_S, 2 * self.bake_s))
        self._fill("min_rows", _DEFAULT_MIN_ROWS)
        self._fill("baseline_s", 4 * self.bake_s)
        self._fill("trial_calls", 20)
        self._fill("trial_s", min(self.bake_s / 4, 60.0))
        self._fill("notify_s", self.max_wait_s / 2)
        self._fill("progress_s", self.max_wait_s / 2)
        self.stages()

    def stages(self) -> Sequence[Stage]:
        """Return the strategy's stages."""
        return STRATEGIES[self.strategy].stages(self)

    def to_json(self) -> dict[str, JsonValue]:
        """Return all fields by name."""
        fields: dict[str, JsonValue] = dataclasses.asdict(self)
        return fields | {"steps": list(self.steps)}

    @classmethod
    def from_json(cls, reader: Reader) -> Self:
        """Read the fields; raises the reader's error."""
        try:
            return cls(
                model=reader["model"].text(),
                version=reader["version"].text(pattern=VERSION_PATTERN),
                strategy=reader["strategy"].text(max_length=64),
                steps=[item.number() for item in reader["steps"].items(max_length=100)],
                shadow=reader["shadow"].flag(),
                bake_s=reader["bake_s"].number(),
                max_wait_s=reader["max_wait_s"].number(),
                min_rows=reader["min_rows"].integer(),
                approval=reader["approval"].flag(),
                alpha=reader["alpha"].number(),
                beta=reader["beta"].number(),
                margin=reader["margin"].number(),
                drift_margin=reader["drift_margin"].number(),
                min_agreement=reader["min_agreement"].number(),
                failure_margin=reader["failure_margin"].number(),
                delivered_share=reader["delivered_share"].number(),
                unhealthy_share=reader["unhealthy_share"].number(),
                baseline_s=reader["baseline_s"].number(),
                trial_calls=reader["trial_calls"].integer(),
                trial_s=reader["trial_s"].number(),
                notify_s=reader["notify_s"].number(),
                progress_s=reader["progress_s"].number(),
            )
        except UsageError as error:
            raise reader.refused(str(error)) from error

    def _fill(self, name: str, default: float) -> None:
        if not getattr(self, name):
            object.__setattr__(self, name, default)

    def _check_numbers(self) -> None:
        for name in (*_FLOATS, "min_rows", "trial_calls"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise UsageError(f"{name} of a rollout must be 0 or more, got {value!r}")
        for name in _SHARES:
            value = getattr(self, name)
            if not 0.0 < value < 1.0:
                raise UsageError(f"{name} of a rollout must lie between 0 and 1, got {value!r}")
        rising = all(a < b for a, b in zip((0.0, *self.steps), self.steps, strict=False))
        if self.steps and not (rising and self.steps[-1] <= 1.0):
            raise UsageError(
                f"steps of a rollout must rise from above 0 to at most 1, got {self.steps}"
            )


_SHARES: Final = (
    "alpha", "beta", "margin", "drift_margin", "min_agreement", "failure_margin",
    "delivered_share", "unhealthy_share",
)  # fmt: skip
_TIMES: Final = (
    "bake_s", "max_wait_s", "baseline_s", "trial_s", "notify_s", "progress_s",
)  # fmt: skip
_FLOATS: Final = (*_SHARES, *_TIMES)
