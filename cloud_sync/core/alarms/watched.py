"""Where the detectors of a package stand, in the whole fleet and in its segments, for pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from cloud_sync.core.alarms.panel import Panel
from cloud_sync.core.segments import WHOLE_FLEET, Segment

__all__ = ["Watched", "watched_by"]


@dataclass(frozen=True, slots=True)
class Watched:
    """Where the detectors of one package stand.

    Attributes:
        evidence: By subject, the statistic over its threshold in the whole fleet; 1 alarms.
        drifted: Subjects that have alarmed in the whole fleet.
        segments: The same of each segment that is watched.
    """

    evidence: Mapping[str, float] = field(default_factory=dict)
    drifted: frozenset[str] = frozenset()
    segments: "Mapping[Segment, Watched]" = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """Whether anything has alarmed and is not calm again, anywhere."""
        return bool(self.drifted) or any(part.drifted for part in self.segments.values())


def watched_by(panels: Sequence[Panel]) -> Watched:
    """Return where all detectors of one package stand, whatever their role."""
    segments = sorted({segment for panel in panels for segment in panel.segments})
    parts = {segment: _part(panels, segment) for segment in segments}
    whole = parts.pop(WHOLE_FLEET, Watched())
    return replace(whole, segments=parts)


def _part(panels: Sequence[Panel], segment: Segment) -> Watched:
    evidence: dict[str, float] = {}
    drifted: frozenset[str] = frozenset()
    for panel in panels:
        evidence |= panel.evidence(segment)
        drifted |= panel.drifted(segment)
    return Watched(evidence, drifted)
