"""What the demo found out while it told its story."""

from dataclasses import dataclass, field

from edge_contract.errors import EdgeError

__all__ = ["Facts", "RolloutFacts", "StoryError"]


class StoryError(EdgeError):
    """Something that the demo shows did not happen."""


@dataclass(frozen=True, slots=True)
class RolloutFacts:
    """How one rollout ended."""

    name: str
    version: str
    strategy: str
    outcome: str
    devices_exposed: int
    seconds: float
    stages: list[str]
    exposed: frozenset[str] = field(default_factory=frozenset)


@dataclass(slots=True)
class Facts:
    """What the closing table and the last line say."""

    drift_alarm_s: float = 0.0
    estimated_accuracy: float = 0.0
    true_accuracy: float = 0.0
    clean_accuracy: float = 0.0
    labels_when_alarmed: int = 0
    alarm_devices_right: bool = False
    rollouts: list[RolloutFacts] = field(default_factory=list)
    killed: str = ""
    loop_closed: bool = False
    broker_restarts: int = 0
