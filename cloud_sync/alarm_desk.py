"""The alarm desk: feeds new counts to the detectors and raises alarms."""

import logging
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from cloud_sync.core.alarms import AlarmBudget, DriftDetector, alarm_of
from cloud_sync.core.facts import EvidenceSource, PackageFacts
from cloud_sync.core.increments import PackageRole
from cloud_sync.core.records import AlarmRecord
from cloud_sync.ports import AnalysisStore, PackageRepository

__all__ = ["AlarmDesk", "Watched"]

_log = logging.getLogger("edgefleet.cloud")


@dataclass(frozen=True, slots=True)
class Watched:
    """Where the detectors of one package stand.

    Attributes:
        evidence: By subject, the statistic over its threshold; 1 and more alarms.
        drifted: Subjects that have alarmed.
    """

    evidence: Mapping[str, float] = field(default_factory=dict)
    drifted: frozenset[str] = frozenset()


class AlarmDesk:
    """All drift detectors. Used by the conductor's thread; ``watched`` may be read by any.

    Args:
        store: Pending counts, detector states and alarms.
        packages: The registry.
        source: Statistics by device, to name the ones that cause an alarm.
        per_month: False alarms allowed per month, for the whole fleet.
        look_back_s: How far back devices are looked at when an alarm is raised.
    """

    def __init__(
        self,
        store: AnalysisStore,
        packages: PackageRepository,
        source: EvidenceSource,
        *,
        per_month: float,
        look_back_s: float,
    ) -> None:
        self._store = store
        self._packages = packages
        self._source = source
        self._per_month = per_month
        self._look_back_s = look_back_s
        self._detectors: dict[str, DriftDetector] = {}
        self.watched: Mapping[str, Watched] = {}

    def tick(self, now_unix_s: float) -> int:
        """Analyse everything that is new; return how many alarms were raised."""
        raised = 0
        for subject in self._store.pending_subjects():
            package = self._packages.find(subject.package)
            if package is not None:
                raised += self._analyse(subject, package, now_unix_s)
        return raised

    def _analyse(self, subject: PackageRole, package: PackageFacts, now_unix_s: float) -> int:
        pending = self._store.pending(subject, package.specs[subject.role])
        if pending is None:
            return 0
        detector = self._detector(subject, package)
        findings = detector.observe(pending.increment.profile, now_unix_s)
        alarms: list[AlarmRecord] = []
        if findings:
            since_unix_s = now_unix_s - self._look_back_s
            alarm = alarm_of(
                package, findings, self._source, since_unix_s=since_unix_s, now_unix_s=now_unix_s
            )
            _log.warning("alarm: %s", alarm.sentence)
            alarms.append(
                AlarmRecord(
                    f"{time.strftime('%Y%m%d', time.gmtime(now_unix_s))}-{secrets.token_hex(4)}",
                    alarm.model,
                    now_unix_s,
                    {
                        "version": alarm.version,
                        "digest": alarm.digest,
                        "kind": alarm.kind,
                        "sentence": alarm.sentence,
                        "features": list(alarm.features),
                        "devices": list(alarm.devices),
                        "evidence": alarm.evidence,
                    },
                )
            )
        self._store.commit_analysis(
            subject, pending.token, detector=detector.to_state(), alarms=alarms
        )
        self.watched = {
            **self.watched,
            subject.package: Watched(dict(detector.evidence()), detector.drifted()),
        }
        return len(alarms)

    def _detector(self, subject: PackageRole, package: PackageFacts) -> DriftDetector:
        """Return the detector of a package, restored at first use; all share the budget."""
        if subject.package not in self._detectors:
            budget = AlarmBudget(per_month=self._per_month, watched=len(self._detectors) + 1)
            self._detectors[subject.package] = DriftDetector(
                package, budget, self._store.detector(subject)
            )
            for detector in self._detectors.values():
                detector.budget = budget
        return self._detectors[subject.package]
