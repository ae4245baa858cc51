"""Which devices, and which features, a drift comes from."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cloud_sync.core.analysis.bins import View, views_of
from cloud_sync.core.analysis.distances import ks
from cloud_sync.core.analysis.watched import truth_columns, watched_columns
from cloud_sync.core.facts import CohortStatistics, PackageFacts
from edge_contract.package.reference import Role
from edge_contract.reading import JsonObject
from edge_contract.stats import Profile

__all__ = ["DeviceShare", "rank_devices", "rank_features"]

_ALPHA: Final = 0.01
"""How often a device is blamed by chance, all devices of one ranking together."""


@dataclass(frozen=True, slots=True)
class DeviceShare:
    """How much of a drift is one device's doing.

    Attributes:
        device: Its name.
        rows: Rows it counted.
        distance: Mean KS distance of the drifted columns to the reference, 0 to 1.
        score: ``distance * sqrt(rows)``: how surely it differs; the ranking goes by it.
        contribution: By how much the fleet's mean distance falls when the device is left out.
        blamed: Whether it differs by more than chance and a reference of this size explain.
    """

    device: str
    rows: int
    distance: float
    score: float
    contribution: float
    blamed: bool

    def to_json(self) -> JsonObject:
        """Return the numbers as evidence."""
        return {
            "rows": self.rows,
            "distance": self.distance,
            "score": self.score,
            "contribution": self.contribution,
            "blamed": self.blamed,
        }


def rank_devices(
    package: PackageFacts,
    by_device: Mapping[str, CohortStatistics],
    subjects: Collection[str],
    *,
    role: str = Role.PRIMARY,
    stratum: str = "",
) -> Sequence[DeviceShare]:
    """Return the devices that saw any rows, the ones that differ most first.

    Args:
        package: Whose reference they are compared with.
        by_device: What each counted lately.
        subjects: The columns that drifted.
        role: In which role they counted it; truths are compared with those of the author.
        stratum: Part of the day or week that it was counted in; empty compares with all rows.
    """
    views = _views(_reference(package, role, stratum), subjects, role=role)
    counts = {
        device: [view.counts_of(statistics.profile[index]) for index, view in views]
        for device, statistics in by_device.items()
    }
    rows = {device: max(map(sum, cells), default=0) for device, cells in counts.items()}
    busy = [device for device, seen in rows.items() if seen]
    if not busy or not views:
        return []
    total = [[sum(c) for c in zip(*cells, strict=True)] for cells in _by_view(counts, busy)]
    whole = _mean_distance(views, total)
    shares: list[DeviceShare] = []
    for device in busy:
        cells = counts[device]
        rest = [
            [a - b for a, b in zip(all_, own, strict=True)]
            for all_, own in zip(total, cells, strict=True)
        ]
        distance = _mean_distance(views, cells)
        shares.append(
            DeviceShare(
                device=device,
                rows=rows[device],
                distance=distance,
                score=distance * math.sqrt(rows[device]),
                contribution=whole - _mean_distance(views, rest) if len(busy) > 1 else whole,
                blamed=_differs(views, cells, devices=len(busy)),
            )
        )
    return sorted(shares, key=lambda share: (-share.score, share.device))


def rank_features(package: PackageFacts, live: CohortStatistics) -> Sequence[tuple[str, float]]:
    """Return (subject, KS distance to the reference), the most distant first."""
    distances: dict[str, float] = {}
    for index, view in _views(package.reference.profile, None, role=Role.PRIMARY):
        subject = package.reference.profile.spec.columns[index].subject
        distance = ks(view.counts_of(live.profile[index]), view.reference)
        distances[subject] = max(distances.get(subject, 0.0), distance)
    return sorted(distances.items(), key=lambda item: (-item[1], item[0]))


def _reference(package: PackageFacts, role: str, stratum: str) -> Profile | None:
    reference = package.reference
    if role != Role.PRIMARY:
        return reference.labels
    if reference.strata is not None and stratum in reference.strata.parts:
        return reference.strata.parts[stratum].profile
    return reference.profile


def _views(
    profile: Profile | None, subjects: Collection[str] | None, *, role: str
) -> list[tuple[int, View]]:
    if profile is None:
        return []
    columns = watched_columns if role == Role.PRIMARY else truth_columns
    return [
        (index, view)
        for index, subject in columns(profile.spec)
        if subjects is None or subject in subjects
        for view in views_of(profile[index])
    ]


def _by_view(
    counts: Mapping[str, Sequence[Sequence[int]]], devices: Sequence[str]
) -> list[list[Sequence[int]]]:
    return [list(cells) for cells in zip(*(counts[device] for device in devices), strict=True)]


def _mean_distance(views: Sequence[tuple[int, View]], cells: Sequence[Sequence[int]]) -> float:
    distances = [ks(own, view.reference) for (_, view), own in zip(views, cells, strict=True)]
    return sum(distances) / len(distances)


def _differs(
    views: Sequence[tuple[int, View]], cells: Sequence[Sequence[int]], *, devices: int
) -> bool:
    """Test every column by the DKW bound, Bonferroni over columns and devices, both sides."""
    level = _ALPHA / (devices * len(views))
    for (_, view), own in zip(views, cells, strict=True):
        live, reference = sum(own), sum(view.reference)
        if live and reference:
            bound = math.sqrt(math.log(4 / level) / 2)
            if ks(own, view.reference) > bound / math.sqrt(live) + bound / math.sqrt(reference):
                return True
    return False
