"""What a gate is, and where all of them are listed.

To add a gate: write one file beside this one, decorate the class with ``@register``, add the import
line to ``cloud_sync/core/rollout/gates/__init__.py`` and its name to the stages that shall ask it.
"""

import enum
from dataclasses import dataclass, field
from typing import ClassVar, Protocol, TypeVar

from cloud_sync.core.rollout.scene import Scene
from edge_contract.errors import UsageError
from edge_contract.reading import JsonObject

__all__ = ["GATES", "Gate", "GateResult", "OnFail", "Verdict", "register"]


class Verdict(enum.Enum):
    """What a gate found.

    INCONCLUSIVE is not a failure: it asks for more data or a person, and never promotes by itself.
    No data is always inconclusive.
    """

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


class OnFail(enum.Enum):
    """What a rollout does when a gate fails."""

    PAUSE = "pause"
    ABORT = "abort"
    ROLL_BACK = "rollback"


@dataclass(frozen=True, slots=True)
class GateResult:
    """A verdict with its reasons.

    Attributes:
        gate: Name of the gate.
        verdict: What it found.
        sentence: Why, in English.
        evidence: The numbers, their bounds, and how many rows they rest on.
        gathering: Whether there is data on both sides that does not decide yet. Where a plan says
            which loss it wants to see, that is waited for even if the gate is not required.
    """

    gate: str
    verdict: Verdict
    sentence: str
    evidence: JsonObject = field(default_factory=dict)
    gathering: bool = False

    def to_json(self) -> JsonObject:
        """Return everything for the rollout's history."""
        return {
            "gate": self.gate,
            "verdict": self.verdict.value,
            "sentence": self.sentence,
            "evidence": self.evidence,
        }


class Gate(Protocol):
    """A question that a stage must answer well. Holds no state: the same scene, the same answer.

    Attributes:
        name: Of the gate; kept in histories, so never rename it.
        share: Its part of the alpha of a stage; those of all gates add up to at most 1.
        on_fail: What a failure leads to.
        required: Whether a stage waits until it passes; if not, only a failure counts.
    """

    name: ClassVar[str]
    share: ClassVar[float]
    on_fail: ClassVar[OnFail]
    required: ClassVar[bool]

    def applies(self, scene: Scene) -> bool:
        """Return whether the question makes sense for these packages and this stage.

        Must not depend on data: a gate without data is inconclusive, not left out.
        """
        ...

    def judge(self, scene: Scene) -> GateResult:
        """Return the answer as far as it can be given now."""
        ...


GATES: dict[str, Gate] = {}
"""Every gate by name."""

G = TypeVar("G", bound=Gate)


def register(cls: type[G]) -> type[G]:
    """List a gate under its name."""
    if cls.name in GATES:
        raise UsageError(f"gate {cls.name!r} is already taken; choose another name")
    GATES[cls.name] = cls()
    return cls
