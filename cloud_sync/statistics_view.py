"""Views of a version's statistics: what people see of its features, its quality and its alarms."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from cloud_sync.core.analysis.columns import ClassShare, ColumnView
from edge_contract.reading import JsonObject

__all__ = [
    "AlarmView",
    "ClassShare",
    "CustomView",
    "DeviceShareView",
    "EvidenceView",
    "FeatureView",
    "SegmentView",
    "StatisticsView",
]


@dataclass(frozen=True, slots=True)
class EvidenceView:
    """What the evidence was at a time; 1 or more is an alarm."""

    at_unix_s: float
    evidence: float


@dataclass(frozen=True, slots=True)
class FeatureView(ColumnView):
    """Drift of one feature or of the prediction: distances are shown, evidence decides.

    Beside a column's ``history`` holds its evidence over time, and ``test`` says what found a
    drift. ``evidence`` of 1 or more is an alarm; ``kind`` may also be ``other``.
    """

    history: Sequence[EvidenceView] = ()
    test: str = ""


@dataclass(frozen=True, slots=True)
class AlarmView:
    """Something drifted; ``devices`` are the ones that cause it, worst first.

    ``segment`` is the part of the fleet in which it was found, such as ``site=oslo``; empty if it
    is all of it. ``acknowledged_by`` says who looks after it, since when and what they ``note``;
    empty if nobody does.
    """

    alarm_id: str
    model: str
    version: str
    kind: str
    raised_unix_s: float
    sentence: str
    features: Sequence[str]
    devices: Sequence[str]
    evidence: JsonObject
    segment: str = ""
    acknowledged_by: str = ""
    acknowledged_unix_s: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class SegmentView:
    """A part of the fleet: how far it is from the reference, and in which column most.

    ``distance`` is the largest KS distance of its columns, ``worst`` that column. ``accuracy`` is
    estimated without labels. ``suppressed`` says why the numbers are withheld, if they are.
    """

    segment: str
    devices: int
    rows: int
    distance: float = math.nan
    worst: str = ""
    evidence: float = math.nan
    drifted: Sequence[str] = ()
    accuracy: float = math.nan
    suppressed: str = ""


@dataclass(frozen=True, slots=True)
class DeviceShareView:
    """How much of the drift is one device's doing; ``blamed`` if it is more than chance."""

    device: str
    rows: int
    distance: float
    contribution: float
    blamed: bool


@dataclass(frozen=True, slots=True)
class CustomView:
    """A statistic of a plugin, as it says itself: what devices counted, and the reference."""

    subject: str
    kind: str
    live: JsonObject
    reference: JsonObject


@dataclass(frozen=True, slots=True)
class StatisticsView:
    """What a version saw, all of the fleet or a segment of it, against its reference.

    ``features`` come with the worst first. ``held_out`` is the quality when the package was made,
    ``estimated`` the one without labels, ``labelled`` the one with them; all by metric. ``custom``
    are the statistics of plugins. If ``suppressed`` says why, everything that is counted is
    withheld.
    """

    name: str
    version: str
    digest: str
    task: str
    segment: str
    since_unix_s: float
    until_unix_s: float
    rows: int
    devices: int
    reference_rows: int
    variance_inflation: float
    suppressed: str = ""
    features: Sequence[FeatureView] = ()
    classes: Sequence[ClassShare] = ()
    held_out: JsonObject = field(default_factory=dict)
    estimated: JsonObject = field(default_factory=dict)
    labelled: JsonObject = field(default_factory=dict)
    segments: Sequence[SegmentView] = ()
    device_shares: Sequence[DeviceShareView] = ()
    device_note: str = ""
    alarms: Sequence[AlarmView] = ()
    custom: Sequence[CustomView] = ()
