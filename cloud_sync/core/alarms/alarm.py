"""An alarm: what drifted, where, by how much, and which devices it comes from, in one sentence."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from cloud_sync.core.alarms.base import Cause, Finding
from cloud_sync.core.alarms.kinds import role_of
from cloud_sync.core.analysis.ranking import DeviceShare, rank_devices
from cloud_sync.core.analysis.watched import title_of
from cloud_sync.core.facts import EvidenceSource, PackageFacts
from cloud_sync.core.segments import WHOLE_FLEET, Segment
from edge_contract.reading import JsonObject

__all__ = ["Alarm", "MembersLookup", "alarm_of", "found_json"]

MembersLookup: TypeAlias = Callable[[Segment], frozenset[str]]
"""Finds the devices of a segment, as it is now."""

_NAMED: Final = 10
_SPOKEN: Final = 3


@dataclass(frozen=True, slots=True)
class Alarm:
    """Findings of one cause, put together for people.

    Attributes:
        model: Name of the model.
        version: Its version.
        digest: The package.
        kind: Of the first finding: ``drift``, ``concept``, ...
        raised_unix_s: When.
        sentence: What happened, in English.
        segment: Where it is, or where it is worst if the whole fleet drifted; the whole fleet if no
            segment was found.
        features: Subjects that drifted, the surest first.
        devices: The ones that it comes from, the surest first; empty if it is all of them alike.
        evidence: The numbers behind it.
    """

    model: str
    version: str
    digest: str
    kind: str
    raised_unix_s: float
    sentence: str
    segment: Segment
    features: Sequence[str]
    devices: Sequence[str]
    evidence: JsonObject = field(default_factory=dict)

    def to_document(self) -> JsonObject:
        """Return everything but model and time, as alarms are stored."""
        return {
            "version": self.version,
            "digest": self.digest,
            "kind": self.kind,
            "sentence": self.sentence,
            "segment": self.segment.key,
            "features": list(self.features),
            "devices": list(self.devices),
            "evidence": self.evidence,
        }


def alarm_of(
    package: PackageFacts,
    findings: Mapping[Cause, Finding],
    source: EvidenceSource | None,
    *,
    members: MembersLookup,
    left_out: Mapping[str, int] | None = None,
    since_unix_s: float,
    now_unix_s: float,
) -> Alarm:
    """Return the alarm about findings.

    Devices are ranked in the whole fleet if that drifted, else among those of the segment.

    Args:
        package: What drifted.
        findings: What detectors returned, the surest first; at least one.
        source: Where the devices' own statistics are; ``None`` if no device is to be named.
        members: Finds the devices of a segment.
        left_out: How many windows of which devices alarms did not take, for there was too much in
            them.
        since_unix_s: How far back devices are looked at; a few windows are enough.
        now_unix_s: Now.
    """
    story = _Story.of(findings)
    ranked: Sequence[DeviceShare] = ()
    if source is not None:
        role = role_of(story.lead.kind)
        by_device = source.by_device(
            package.digest, role, since_unix_s=since_unix_s, subjects=story.subjects
        )
        within = by_device.keys() if story.is_everywhere else members(story.segment)
        by_device = {name: seen for name, seen in by_device.items() if name in within}
        strata = package.reference.strata
        stratum = "" if strata is None else strata.spec.key(now_unix_s)
        ranked = rank_devices(package, by_device, story.subjects, role=role, stratum=stratum)
    blamed = [share for share in ranked if share.blamed]
    devices = [share.device for share in blamed][:_NAMED]
    return Alarm(
        model=package.manifest.name,
        version=package.manifest.version,
        digest=package.digest,
        kind=story.lead.kind,
        raised_unix_s=now_unix_s,
        sentence=story.sentence(package)
        + _blame(devices, blamed=len(blamed), seen=len(ranked))
        + _left_out(left_out or {}),
        segment=story.segment,
        features=story.subjects,
        devices=devices,
        evidence={
            "findings": {subject: story.surest[subject].to_json() for subject in story.subjects},
            "found": found_json(findings),
            "devices": {share.device: share.to_json() for share in ranked[:_NAMED]},
            "devices_left_out": dict(sorted((left_out or {}).items())[:_NAMED]),
            "devices_seen": len(ranked),
            "devices_blamed": len(blamed),
            "variance_inflation": package.reference.variance_inflation,
        },
    )


def found_json(findings: Mapping[Cause, Finding]) -> list[JsonObject]:
    """Return all findings as evidence, each with its segment and subject."""
    return [
        {"segment": cause.segment.key, "subject": cause.subject, **finding.to_json()}
        for cause, finding in findings.items()
    ]


@dataclass(frozen=True, slots=True)
class _Story:
    """What findings have in common.

    Attributes:
        lead: The first of them, or the same of the segment where it is worst.
        surest: Of each subject, what the first that found it says.
        segment: Where the lead is worst; the whole fleet if no segment found it.
        others: Further segments that found anything.
        is_everywhere: Whether the whole fleet found the lead.
    """

    lead: Finding
    surest: Mapping[str, Finding]
    segment: Segment
    others: int
    is_everywhere: bool

    @classmethod
    def of(cls, findings: Mapping[Cause, Finding]) -> "_Story":
        first = next(iter(findings))
        same = {
            cause.segment: finding
            for cause, finding in findings.items()
            if (cause.kind, cause.subject) == (first.kind, first.subject)
        }
        parts = [segment for segment in same if segment != WHOLE_FLEET]
        worst = max(parts, key=lambda segment: same[segment].ks, default=WHOLE_FLEET)
        surest: dict[str, Finding] = {}
        for cause, finding in findings.items():
            surest.setdefault(cause.subject, finding)
        return cls(
            lead=same.get(WHOLE_FLEET, same[worst]),
            surest=surest,
            segment=worst,
            others=len({cause.segment for cause in findings} - {worst, WHOLE_FLEET}),
            is_everywhere=WHOLE_FLEET in same,
        )

    @property
    def subjects(self) -> list[str]:
        return list(self.surest)

    def sentence(self, package: PackageFacts) -> str:
        lead, others = self.lead, len(self.surest) - 1
        title = title_of(lead.subject)
        what = f"{title} and {others} more" if others else title
        if lead.text:
            what = f"{title} of {package.manifest.reference} {lead.text}{self._where()}"
            return f"{what}; {others} more drifted" if others else what
        return (
            f"{what} of {package.manifest.reference} drifted{self._where()}: "
            f"KS {lead.ks:.2f} over {lead.rows} rows "
            f"({lead.test}, evidence {lead.evidence:.1f} times the threshold)"
        )

    def _where(self) -> str:
        if self.segment == WHOLE_FLEET:
            return ""
        worst = " everywhere, worst" if self.is_everywhere else ""
        more = f" and {self.others} more segments" if self.others > 1 else ""
        more = more or (" and 1 more segment" if self.others else "")
        return f"{worst} at {self.segment.title}{more}"


def _left_out(windows: Mapping[str, int]) -> str:
    """Return of which devices alarms do not take everything, in words."""
    if not windows:
        return ""
    names = sorted(windows, key=lambda name: (-windows[name], name))
    told = ", ".join(names[:_SPOKEN])
    return f"; not counted, for there is too much of it: part of what {told} sent"


def _blame(devices: Sequence[str], *, blamed: int, seen: int) -> str:
    if not seen:
        return ""
    if not devices:
        return "; no single device stands out"
    if blamed == seen > 1:
        return f"; all {seen} devices differ, most {', '.join(devices[:_SPOKEN])}"
    more = f" and {blamed - _SPOKEN} more" if blamed > _SPOKEN else ""
    return f"; most from {', '.join(devices[:_SPOKEN])}{more}"
