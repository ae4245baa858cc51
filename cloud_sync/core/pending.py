"""What the alarm analysis takes from the warehouse, and what it gives back."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from cloud_sync.core.increments import Increment, PendingKey
from cloud_sync.core.records import AlarmRecord, EvidencePoint
from cloud_sync.core.segments import WHOLE_FLEET, Segment
from edge_contract.reading import JsonObject

__all__ = ["Analysis", "Pending"]


@dataclass(frozen=True, slots=True)
class Pending:
    """Counts that the alarm analysis has not seen yet, of one package in one role.

    Attributes:
        groups: By group of devices and stratum, merged; each row is in one of them.
        token: Names these counts: ``AnalysisStore.commit_analysis`` forgets exactly them.
    """

    groups: Mapping[PendingKey, Increment]
    token: frozenset[int]

    def by_segment(self) -> dict[Segment, dict[str, Increment]]:
        """Return what each segment, and the whole fleet, has in each stratum."""
        found: dict[Segment, dict[str, Increment]] = {}
        for key, increment in self.groups.items():
            for segment in (WHOLE_FLEET, *key.segments):
                strata = found.setdefault(segment, {})
                before = strata.get(key.stratum)
                strata[key.stratum] = before.merged(increment) if before else increment
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """What one look at pending counts came to; kept all or nothing.

    Attributes:
        at_unix_s: When.
        token: Of the :class:`Pending` that the detectors have seen; counts that came since then
            stay. An empty one forgets nothing.
        detectors: What detectors remember from now on, by segment; others stay as they are.
        retired: Segments whose detectors are forgotten.
        alarms: New or changed ones.
        points: Where detectors stand now, by segment. At most one a minute is kept of each.
    """

    at_unix_s: float
    token: frozenset[int] = frozenset()
    detectors: Mapping[Segment, JsonObject] = field(default_factory=dict)
    retired: Collection[Segment] = ()
    alarms: Sequence[AlarmRecord] = ()
    points: Mapping[Segment, EvidencePoint] = field(default_factory=dict)
