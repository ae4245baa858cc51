"""What the alarm analysis works on and what it remembers."""

from typing import Protocol

from cloud_sync.core.increments import AnalysisSubject, PackageRole
from cloud_sync.core.pending import Analysis, Pending
from cloud_sync.core.records import AlarmRecord, DetectorRecord, EvidencePoint
from cloud_sync.core.segments import Segment
from edge_contract.stats import ProfileSpec

__all__ = ["AnalysisStore"]


class AnalysisStore(Protocol):
    """What the alarm analysis works on and what it remembers."""

    def pending_subjects(self) -> list[PackageRole]:
        """Return what there are unseen counts of."""
        ...

    def pending(self, subject: PackageRole, spec: ProfileSpec) -> Pending | None:
        """Return the counts that came since the last :meth:`commit_analysis`, if any."""
        ...

    def detectors(self, subject: PackageRole) -> dict[Segment, DetectorRecord]:
        """Return what the detectors of a package in a role remember, by segment."""
        ...

    def commit_analysis(self, subject: PackageRole, analysis: Analysis) -> None:
        """Keep what a look came to and forget the counts it was at, in one transaction."""
        ...

    def evidence_history(
        self, subject: AnalysisSubject, *, since_unix_s: float = 0.0
    ) -> list[EvidencePoint]:
        """Return where the detectors of a segment stood, oldest first.

        There is at most one point a minute, and of what is older than two days one an hour: the
        one with the greatest evidence, see :meth:`thin_evidence`.
        """
        ...

    def thin_evidence(self, now_unix_s: float) -> int:
        """Forget points of evidence that are too many or older than 90 days; return how many."""
        ...

    def alarms(self, *, model: str = "", limit: int = 100) -> list[AlarmRecord]:
        """Return alarms, newest first."""
        ...
