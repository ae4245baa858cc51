"""The alarm desk: feeds new counts to the detectors and raises alarms.

One cause moves many features, one after another, and at first no device stands out. So an alarm
grows for a while: what else drifts in the same version joins it, and its devices are looked at
anew. The operator gets one alarm and not ten.
"""

import logging
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from cloud_sync.core.alarms import AlarmBudget, DriftDetector, Finding, alarm_of
from cloud_sync.core.facts import EvidenceSource, PackageFacts
from cloud_sync.core.increments import PackageRole
from cloud_sync.core.records import AlarmRecord
from cloud_sync.ports import AnalysisStore, PackageRepository
from edge_contract.errors import EdgeError
from edge_contract.package import Role, short

__all__ = ["AlarmDesk", "Watched"]

_BEFORE: Final = 5  # devices are looked at from a fifth of the grouping time before the alarm

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


@dataclass(frozen=True, slots=True)
class _Growing:
    """An alarm that others of its version may still join."""

    alarm_id: str
    raised_unix_s: float
    findings: Mapping[str, Finding] = field(default_factory=dict)

    def joined_by(self, findings: Sequence[Finding]) -> "_Growing":
        """Return the alarm with more findings; one of the same subject replaces the elder."""
        more = {finding.subject: finding for finding in findings}
        return replace(self, findings={**self.findings, **more})


class AlarmDesk:
    """All drift detectors. Used by the conductor's thread; ``watched`` may be read by any.

    Args:
        store: Pending counts, detector states and alarms.
        packages: The registry.
        source: Statistics by device, to name the ones that cause an alarm.
        per_month: False alarms allowed per month, for the whole fleet.
        grouping_s: How long an alarm grows after it was raised.
    """

    def __init__(
        self,
        store: AnalysisStore,
        packages: PackageRepository,
        source: EvidenceSource,
        *,
        per_month: float,
        grouping_s: float,
    ) -> None:
        self._store = store
        self._packages = packages
        self._source = source
        self._per_month = per_month
        self._grouping_s = grouping_s
        self._growing: dict[str, _Growing] = {}
        self._detectors: dict[str, DriftDetector] = {}
        self.watched: Mapping[str, Watched] = {}

    def restore(self) -> None:
        """Find out where detectors stood before a restart, so that no open alarm is hidden."""
        for model in self._packages.models():
            for version in self._packages.versions(model):
                subject = PackageRole(version.digest, Role.PRIMARY)
                state = self._store.detector(subject)
                with _others_go_on(subject):
                    package = None if state is None else self._packages.find(version.digest)
                    if package is not None:
                        budget = AlarmBudget(per_month=self._per_month)
                        self._show(DriftDetector(package, budget, state))

    def tick(self, now_unix_s: float) -> int:
        """Analyse everything that is new; return how many alarms were raised.

        What cannot be analysed now is tried again the next time.
        """
        raised = 0
        for subject in self._store.pending_subjects():
            with _others_go_on(subject):
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
        before = self._growing_alarm(package, now_unix_s)
        growing = before.joined_by(findings)
        alarms: list[AlarmRecord] = []
        try:
            if growing.findings:
                alarms.append(self._record(package, growing))
            self._store.commit_analysis(
                subject, pending.token, detector=detector.to_state(), alarms=alarms
            )
        except EdgeError:
            del self._detectors[subject.package]  # it has seen what will be pending once more
            raise
        if findings:
            self._growing[package.digest] = growing
            _log.warning("alarm: %s", alarms[0].document["sentence"])
        self._show(detector)
        return int(bool(findings) and not before.findings)

    def _growing_alarm(self, package: PackageFacts, now_unix_s: float) -> "_Growing":
        """Return the version's alarm that still grows, or the beginning of a new one."""
        growing = self._growing.get(package.digest)
        if growing is not None and now_unix_s <= growing.raised_unix_s + self._grouping_s:
            return growing
        day = time.strftime("%Y%m%d", time.gmtime(now_unix_s))
        return _Growing(f"{day}-{secrets.token_hex(4)}", now_unix_s)

    def _record(self, package: PackageFacts, growing: "_Growing") -> AlarmRecord:
        """Return the alarm as it stands; devices are judged by what they saw around it."""
        alarm = alarm_of(
            package,
            list(growing.findings.values()),
            self._source,
            since_unix_s=growing.raised_unix_s - self._grouping_s / _BEFORE,
            now_unix_s=growing.raised_unix_s,
        )
        return AlarmRecord(
            growing.alarm_id,
            alarm.model,
            growing.raised_unix_s,
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

    def _show(self, detector: DriftDetector) -> None:
        watched = Watched(dict(detector.evidence()), detector.drifted())
        self.watched = {**self.watched, detector.package.digest: watched}

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


@contextmanager
def _others_go_on(subject: PackageRole) -> Iterator[None]:
    """Log what goes wrong with one package; the others are watched all the same."""
    try:
        yield
    except EdgeError as error:
        _log.warning("cannot look for drift of package %s: %s", short(subject.package), error)
