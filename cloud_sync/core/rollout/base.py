"""What a rollout strategy is, and where all of them are listed.

To add a strategy: write one file beside this one, decorate the class with ``@register`` and add the
import line to ``cloud_sync/core/rollout/__init__.py``.
"""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeVar

from cloud_sync.core.rollout.steps import GateRule
from edge_contract.errors import UsageError

if TYPE_CHECKING:
    from cloud_sync.core.rollout.plan import RolloutPlan

__all__ = ["STRATEGIES", "Mode", "RolloutStrategy", "Stage", "register"]


class Mode(enum.Enum):
    """How the devices of a stage run the candidate."""

    LOAD = "load"
    """Beside the serving version, ready to take over; what it predicts is not judged."""
    SHADOW = "shadow"
    """Beside the serving version, on the same inputs; its predictions are compared."""
    SERVE = "serve"
    """It serves, on trial first."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of a rollout.

    Attributes:
        name: For people.
        mode: How its devices run the candidate.
        fraction: Share of the targeted devices, above 0 to 1; at least one device. 0 where
            ``count`` says how many.
        bake_s: Shortest time that its devices run the candidate before it is judged.
        min_rows: Rows that the candidate must have seen for a judgement; 0 if traffic is not asked
            for.
        gates: Names of the gates that must pass, in the order they are asked.
        count: So many devices instead of a share.
        max_wait_s: Longest time for delivery, and again for a judgement; 0 takes the plan's.
        rules: What the plan changes about gates, by name.
        approval: Whether a person must approve before it begins.
    """

    name: str
    mode: Mode
    fraction: float
    bake_s: float
    min_rows: int
    gates: tuple[str, ...]
    count: int = 0
    max_wait_s: float = 0.0
    rules: Mapping[str, GateRule] = field(default_factory=dict)
    approval: bool = False

    def rule(self, gate: str) -> GateRule:
        """Return what the plan says about a gate."""
        return self.rules.get(gate, GateRule())

    @property
    def size(self) -> str:
        """How many devices, for people."""
        if self.count:
            return "1 device" if self.count == 1 else f"{self.count} devices"
        return f"{self.fraction * 100:.3g}% of the devices"


class RolloutStrategy(Protocol):
    """Makes the stages of a plan. Holds no state: the same plan, the same stages.

    Promises of every strategy: at least one stage, and fractions that never fall.
    """

    name: ClassVar[str]
    promotes: ClassVar[bool]
    """Whether the candidate becomes the stable version when all stages have passed."""

    def stages(self, plan: "RolloutPlan") -> Sequence[Stage]:
        """Return the stages.

        Raises:
            UsageError: The plan asks for what this strategy does not do.
        """
        ...


STRATEGIES: dict[str, RolloutStrategy] = {}
"""Every strategy by name."""

S = TypeVar("S", bound=RolloutStrategy)


def register(cls: type[S]) -> type[S]:
    """List a strategy under its name; rollouts that are kept on disk name it, so never rename."""
    if cls.name in STRATEGIES:
        raise UsageError(f"rollout strategy {cls.name!r} is already taken; choose another name")
    STRATEGIES[cls.name] = cls()
    return cls
