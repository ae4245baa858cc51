"""Records that the warehouse keeps for people: alarms, rollouts, commands and who did what."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from edge_contract.messages import Command, CommandResult
from edge_contract.reading import JsonObject

__all__ = [
    "AcknowledgementRecord",
    "AlarmRecord",
    "AuditRecord",
    "CommandRecord",
    "CommandState",
    "CommandTally",
    "DetectorRecord",
    "DeviceAnswer",
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


@dataclass(frozen=True, slots=True)
class AcknowledgementRecord:
    """That somebody looks after an alarm. A later one of the same alarm replaces it.

    Attributes:
        alarm_id: Which alarm.
        by: Who.
        at_unix_s: Since when.
        note: What they say about it; may be empty.
    """

    alarm_id: str
    by: str
    at_unix_s: float
    note: str = ""


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


class CommandState(enum.Enum):
    """Where a command stands on one device."""

    WAITING = "waiting"
    """Nothing was heard of it yet."""
    ACCEPTED = "accepted"
    """The device has taken it up; the result will follow."""
    DONE = "done"
    FAILED = "failed"
    """The device refused it, or could not do it."""
    TIMED_OUT = "timed_out"
    """No result came in time."""


@dataclass(frozen=True, slots=True)
class CommandRecord:
    """A command, whom it was sent to, and what they answered.

    Attributes:
        command: The message.
        devices: To whom.
        created_unix_s: When it was ordered.
        by: Who ordered it.
        results: Answers by device; the first final answer of a device counts.
        audience: Whom it was meant for, as people call it; empty where that is just ``devices``.
        timeout_s: How long after it expired a device that took it up may take for the result.
    """

    command: Command
    devices: tuple[str, ...]
    created_unix_s: float
    by: str
    results: Mapping[str, CommandResult] = field(default_factory=dict)
    audience: str = ""
    timeout_s: float = 0.0

    def state_of(self, device: str, now_unix_s: float) -> CommandState:
        """Return where the command stands on a device."""
        result = self.results.get(device)
        if result is not None and result.final:
            return CommandState.DONE if result.ok else CommandState.FAILED
        grace_s = self.timeout_s if result is not None else 0.0
        if now_unix_s > self.command.expires_unix_s + grace_s:
            return CommandState.TIMED_OUT
        return CommandState.WAITING if result is None else CommandState.ACCEPTED

    def is_over(self, now_unix_s: float) -> bool:
        """Return whether nothing will come of it any more that counts."""
        if now_unix_s > self.command.expires_unix_s + self.timeout_s:
            return True
        is_open = (CommandState.WAITING, CommandState.ACCEPTED)
        return all(self.state_of(device, now_unix_s) not in is_open for device in self.devices)


@dataclass(frozen=True, slots=True)
class CommandTally:
    """A command in numbers.

    Attributes:
        command: The message.
        created_unix_s: When it was ordered.
        by: Who ordered it.
        audience: Whom it was meant for, as people call it.
        timeout_s: See :class:`CommandRecord`.
        devices: How many it was sent to.
        done: How many did it.
        failed: How many refused it, or could not do it.
        accepted: How many took it up and have not finished.
    """

    command: Command
    created_unix_s: float
    by: str
    audience: str
    timeout_s: float
    devices: int
    done: int
    failed: int
    accepted: int

    def counts(self, now_unix_s: float) -> dict[CommandState, int]:
        """Return how many devices there are in each state."""
        silent = self.devices - self.done - self.failed - self.accepted
        expires_unix_s = self.command.expires_unix_s
        is_late, is_over = (
            now_unix_s > expires_unix_s,
            now_unix_s > expires_unix_s + self.timeout_s,
        )
        return {
            CommandState.WAITING: 0 if is_late else silent,
            CommandState.ACCEPTED: 0 if is_over else self.accepted,
            CommandState.DONE: self.done,
            CommandState.FAILED: self.failed,
            CommandState.TIMED_OUT: silent * is_late + self.accepted * is_over,
        }


@dataclass(frozen=True, slots=True)
class DeviceAnswer:
    """What one device answered to a command, and when."""

    name: str
    result: CommandResult
    at_unix_s: float


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """Who did what, and when; never changed.

    Attributes:
        at_unix_s: When.
        by: Who.
        action: What: ``push``, ``rollout.start``, ...
        subject: To what.
        detail: The rest.
        number: Its place in the record, given by the store when it is added.
    """

    at_unix_s: float
    by: str
    action: str
    subject: str
    detail: JsonObject = field(default_factory=dict)
    number: int = 0
