"""Which devices, and which features, a drift comes from."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cloud_sync.core.analysis.bins import views_of
from cloud_sync.core.analysis.distances import ks
from cloud_sync.core.analysis.parts import Numbers, Part, parts_of
from cloud_sync.core.analysis.watched import watched_columns
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
        distance: Mean distance of what drifted to the reference, 0 to 1: the KS distance, and of
            means that of two normal distributions so far apart.
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
        subjects: What drifted: features, prediction, ``joint``, ``embedding``, errors.
        role: In which role they counted it; truths are compared with those of the author.
        stratum: Part of the day or week that it was counted in; empty compares with all rows.
    """
    reference = _reference(package, role, stratum)
    parts = [] if reference is None else parts_of(reference, subjects, role=role)
    numbers = {
        device: [part.numbers_of(statistics.profile) for part in parts]
        for device, statistics in by_device.items()
    }
    rows = {
        device: max((part.rows(own) for part, own in zip(parts, seen, strict=True)), default=0)
        for device, seen in numbers.items()
    }
    busy = [device for device, seen in rows.items() if seen]
    if not busy:
        return []
    total = [_added(column) for column in zip(*(numbers[device] for device in busy), strict=True)]
    whole = _mean_distance(parts, total)
    shares: list[DeviceShare] = []
    for device in busy:
        seen = numbers[device]
        rest = [_without(all_, own) for all_, own in zip(total, seen, strict=True)]
        distance = _mean_distance(parts, seen)
        shares.append(
            DeviceShare(
                device=device,
                rows=rows[device],
                distance=distance,
                score=distance * math.sqrt(rows[device]),
                contribution=whole - _mean_distance(parts, rest) if len(busy) > 1 else whole,
                blamed=_differs(parts, seen, devices=len(busy)),
            )
        )
    return sorted(shares, key=lambda share: (-share.score, share.device))


def rank_features(package: PackageFacts, live: CohortStatistics) -> Sequence[tuple[str, float]]:
    """Return (subject, KS distance to the reference), the most distant first."""
    distances: dict[str, float] = {}
    reference = package.reference.profile
    for index, subject in watched_columns(reference.spec):
        for view in views_of(reference[index]):
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


def _added(numbers: Sequence[Numbers]) -> Numbers:
    return [sum(column) for column in zip(*numbers, strict=True)]


def _without(numbers: Numbers, own: Numbers) -> Numbers:
    return [a - b for a, b in zip(numbers, own, strict=True)]


def _mean_distance(parts: Sequence[Part], numbers: Sequence[Numbers]) -> float:
    distances = [part.distance(own) for part, own in zip(parts, numbers, strict=True)]
    return sum(distances) / len(distances)


def _differs(parts: Sequence[Part], numbers: Sequence[Numbers], *, devices: int) -> bool:
    """Test every part, Bonferroni over parts and devices."""
    level = _ALPHA / (devices * len(parts))
    return any(part.differs(own, level) for part, own in zip(parts, numbers, strict=True))
