"""Which findings are one alarm: what has one cause is told once."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from cloud_sync.core.alarms.alarm import found_json
from cloud_sync.core.alarms.base import Cause, Finding
from cloud_sync.core.alarms.panel import Panel
from cloud_sync.core.records import AlarmRecord
from cloud_sync.core.segments import WHOLE_FLEET, Segment
from edge_contract.errors import MessageError
from edge_contract.reading import JsonObject, Reader

__all__ = ["GrowingAlarm", "amended", "digest_of_alarm", "standing_alarm"]


@dataclass(frozen=True, slots=True)
class GrowingAlarm:
    """An alarm that others of its version may still join.

    Attributes:
        alarm_id: Its name.
        raised_unix_s: When its first finding came.
        findings: All of them, in the order in which they came.
        names_devices: Whether it says which devices it comes from.
    """

    alarm_id: str
    raised_unix_s: float
    findings: Mapping[Cause, Finding] = field(default_factory=dict)
    names_devices: bool = False

    def joined_by(self, found: Mapping[Cause, Finding]) -> "GrowingAlarm":
        """Return the alarm with more findings; one of the same cause replaces the elder."""
        return replace(self, findings={**self.findings, **found})

    @classmethod
    def from_record(cls, record: AlarmRecord) -> Self:
        """Read an alarm as it is stored; raises ``MessageError``."""
        findings: dict[Cause, Finding] = {}
        for item in _evidence(record)["found"].items():
            finding = Finding.from_json(item["subject"].text(), item)
            segment = Segment.from_key(item["segment"].text())
            findings[Cause(segment, finding.kind, finding.subject)] = finding
        return cls(
            record.alarm_id,
            record.raised_unix_s,
            findings,
            names_devices=bool(record.document["devices"]),
        )


def standing_alarm(panel: Panel, cause: Cause) -> str:
    """Return the alarm that has told of a cause already; empty if none has.

    The whole fleet contains every segment, so what drifts in both has one cause, as far as anybody
    can tell; what drifts in two segments and not in the whole fleet may have two.
    """
    standing = panel.standing(cause.kind, cause.subject)
    if cause.segment == WHOLE_FLEET:
        return max(standing.values(), default="")  # identifiers begin with the day: the newest
    return standing.get(WHOLE_FLEET, "")


def amended(
    record: AlarmRecord, found: Mapping[Cause, Finding], *, now_unix_s: float
) -> AlarmRecord:
    """Return a stored alarm to whose evidence later findings were added."""
    evidence = _evidence(record).json_object()
    later: list[JsonObject] = [{**item, "joined_unix_s": now_unix_s} for item in found_json(found)]
    before = [item.json_object() for item in _evidence(record)["found"].items()]
    return replace(
        record, document={**record.document, "evidence": {**evidence, "found": [*before, *later]}}
    )


def digest_of_alarm(record: AlarmRecord) -> str:
    """Return the package that an alarm is about."""
    return Reader(record.document, f"alarm {record.alarm_id}", MessageError)["digest"].text()


def _evidence(record: AlarmRecord) -> Reader:
    return Reader(record.document, f"alarm {record.alarm_id}", MessageError)["evidence"]
