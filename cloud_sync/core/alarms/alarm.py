"""An alarm: what drifted, by how much, and which devices it comes from, in one sentence."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from cloud_sync.core.alarms.base import Finding
from cloud_sync.core.analysis.ranking import DeviceShare, rank_devices
from cloud_sync.core.analysis.watched import title_of
from cloud_sync.core.facts import EvidenceSource, PackageFacts
from edge_contract.package.reference import Role
from edge_contract.reading import JsonObject

__all__ = ["Alarm", "alarm_of"]

_NAMED: Final = 10
_SPOKEN: Final = 3


@dataclass(frozen=True, slots=True)
class Alarm:
    """Findings of one look, put together for people.

    Attributes:
        model: Name of the model.
        version: Its version.
        digest: The package.
        kind: ``drift``.
        raised_unix_s: When.
        sentence: What happened, in English.
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
    features: Sequence[str]
    devices: Sequence[str]
    evidence: JsonObject = field(default_factory=dict)


def alarm_of(
    package: PackageFacts,
    findings: Sequence[Finding],
    source: EvidenceSource,
    *,
    since_unix_s: float,
    now_unix_s: float,
) -> Alarm:
    """Return the alarm about findings.

    Args:
        package: What drifted.
        findings: What :meth:`DriftDetector.observe` returned; at least one.
        source: Where the devices' own statistics are.
        since_unix_s: How far back devices are looked at; a few windows are enough.
        now_unix_s: Now.
    """
    features = [finding.subject for finding in findings]
    by_device = source.by_device(package.digest, Role.PRIMARY, since_unix_s=since_unix_s)
    ranked = rank_devices(package, by_device, features)
    blamed = [share for share in ranked if share.blamed]
    devices = [share.device for share in blamed][:_NAMED]
    return Alarm(
        model=package.manifest.name,
        version=package.manifest.version,
        digest=package.digest,
        kind="drift",
        raised_unix_s=now_unix_s,
        sentence=_sentence(package, findings, devices, blamed=len(blamed), seen=len(ranked)),
        features=features,
        devices=devices,
        evidence={
            "findings": {finding.subject: finding.to_json() for finding in findings},
            "devices": {share.device: _device_json(share) for share in ranked[:_NAMED]},
            "devices_seen": len(ranked),
            "devices_blamed": len(blamed),
            "variance_inflation": package.reference.variance_inflation,
        },
    )


def _device_json(share: DeviceShare) -> JsonObject:
    return share.to_json()


def _sentence(
    package: PackageFacts,
    findings: Sequence[Finding],
    devices: Sequence[str],
    *,
    blamed: int,
    seen: int,
) -> str:
    first = findings[0]
    title = title_of(first.subject)
    others = len(findings) - 1
    what = f"{title} and {others} more" if others else title
    text = (
        f"{what} of {package.manifest.reference} drifted: KS {first.ks:.2f} over {first.rows} rows "
        f"({first.test}, evidence {first.evidence:.1f} times the threshold)"
    )
    if not devices:
        return f"{text}; no single device stands out"
    if blamed == seen > 1:
        return f"{text}; all {seen} devices differ, most {', '.join(devices[:_SPOKEN])}"
    more = f" and {blamed - _SPOKEN} more" if blamed > _SPOKEN else ""
    return f"{text}; most from {', '.join(devices[:_SPOKEN])}{more}"
