"""Effects: what a rollout asks its service to do. Data only; carried out in order."""

from dataclasses import dataclass, field
from typing import TypeAlias

from edge_contract.messages import Assignment, Target
from edge_contract.reading import JsonObject

__all__ = ["Assign", "Happened", "RolloutEffect", "SetStable", "TryAgain"]


@dataclass(frozen=True, slots=True)
class Assign:
    """Want this of one model on one device, in place of what was wanted before.

    Repeated after a restart; the same assignment again changes nothing and needs no message. The
    targets name the rollout while it wants them; a target without one means that the rollout is
    through with the device, which is back on the stable version.
    """

    rollout_id: str
    device: str
    model: str
    assignment: Assignment


@dataclass(frozen=True, slots=True)
class SetStable:
    """From now on every device runs this version, unless another rollout assigns one to it.

    Ends all assignments of this rollout. Repeated after a restart.
    """

    rollout_id: str
    model: str
    target: Target


@dataclass(frozen=True, slots=True)
class Happened:
    """A line of the rollout's history, for the log and for people."""

    rollout_id: str
    at_unix_s: float
    sentence: str
    evidence: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TryAgain:
    """Let devices forget that the candidate failed on them: a person wants it tried again."""

    rollout_id: str
    devices: tuple[str, ...]
    model: str
    target: Target
    by: str


RolloutEffect: TypeAlias = Assign | SetStable | Happened | TryAgain
