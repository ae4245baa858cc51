"""Records that the warehouse keeps for people: alarms, rollouts, commands and who did what."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from edge_contract.messages import Command, CommandResult
from edge_contract.reading import JsonObject

__all__ = [
    "AlarmRecord",
    "AuditRecord",
    "CommandRecord",
    "DetectorRecord",
    "EvidencePoint",
    "RolloutEvent",
    "RolloutRecord",
    "SubjectReading",
]


@dataclass(frozen=True, slots=True)
class AlarmRecord:
    """An alarm. Saving one of the same identifier replaces it.

    Attributes:
        alarm_id: Its name.
        model: Which model it is about.
        raised_unix_s: When.
        document: The rest.
    """

    alarm_id: str
    model: str
    raised_unix_s: float
    document: JsonObject


class SubjectReading(NamedTuple):
    """Where one subject stands: what is kept over time and shown.

    Attributes:
        evidence: The test's statistic over its threshold; 1 or more alarms.
        rows: Rows that the distances rest on.
        ks: Distance of what was seen lately to the reference; 0 where there is no such thing.
        psi: The same as population stability index.
    """

    evidence: float
    rows: int
    ks: float = 0.0
    psi: float = 0.0


@dataclass(frozen=True, slots=True)
class EvidencePoint:
    """Where the detectors of a package stood in one segment at one time.

    Attributes:
        at_unix_s: When they had been asked.
        readings: By subject; the ones that have seen nothing yet are missing.
    """

    at_unix_s: float
    readings: Mapping[str, SubjectReading]

    @property
    def peak(self) -> float:
        """The greatest evidence of all subjects; 0 if there is none."""
        return max((reading.evidence for reading in self.readings.values()), default=0.0)


@dataclass(frozen=True, slots=True)
class DetectorRecord:
    """What the detectors of a package remember about one segment.

    Attributes:
        state: By kind of detector, and what the alarm desk needs besides.
        seen_unix_s: When they last saw any counts.
    """

    state: JsonObject
    seen_unix_s: float


@dataclass(frozen=True, slots=True)
class RolloutRecord:
    """A rollout as it stands. Saving one of the same identifier replaces it.

    Attributes:
        rollout_id: Its name.
        started_unix_s: When; the newest are listed first.
        document: Everything that is needed to go on after a restart.
    """

    rollout_id: str
    started_unix_s: float
    document: JsonObject


@dataclass(frozen=True, slots=True)
class RolloutEvent:
    """One line of a rollout's history; never changed."""

    at_unix_s: float
    sentence: str
    evidence: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CommandRecord:
    """A command, whom it was sent to, and what they answered.

    Attributes:
        command: The message.
        devices: To whom.
        created_unix_s: When it was ordered.
        by: Who ordered it.
        results: Answers by device; the first answer of a device counts.
    """

    command: Command
    devices: tuple[str, ...]
    created_unix_s: float
    by: str
    results: Mapping[str, CommandResult] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """Who did what, and when; never changed.

    Attributes:
        at_unix_s: When.
        by: Who.
        action: What: ``push``, ``rollout.start``, ...
        subject: To what.
        detail: The rest.
    """

    at_unix_s: float
    by: str
    action: str
    subject: str
    detail: JsonObject = field(default_factory=dict)
