"""Parts of statistics by which devices are compared: histograms, and sums of standardised numbers.

Each lays a profile out as whole numbers that add up over devices, and says how far such numbers are
from the reference's.
"""

import math
from collections.abc import Collection, Sequence
from statistics import NormalDist
from typing import Final, Protocol, TypeAlias

from cloud_sync.core.analysis.bins import View, views_of
from cloud_sync.core.analysis.distances import ks
from cloud_sync.core.analysis.watched import truth_columns, watched_columns
from edge_contract.package.reference import Role
from edge_contract.stats import Profile
from edge_contract.stats.joint import Joint
from edge_contract.stats.quantised import Sums
from edge_contract.stats.vectors import Vectors

__all__ = ["HistogramPart", "Numbers", "Part", "SumsPart", "parts_of"]

Numbers: TypeAlias = Sequence[int]
"""Of one device, or added up over several, in the order of the part."""

_NORMAL: Final = NormalDist()
_FEWEST_ROWS: Final = 30
"""Means of fewer rows are not near enough to normal to blame anybody for them."""


class Part(Protocol):
    """One side of a statistic."""

    def numbers_of(self, live: Profile) -> Numbers:
        """Return what a live profile holds of it."""
        ...

    def rows(self, numbers: Numbers) -> int:
        """Return how many rows numbers rest on."""
        ...

    def distance(self, numbers: Numbers) -> float:
        """Return how far numbers are from the reference: 0 to 1, as a KS distance is."""
        ...

    def differs(self, numbers: Numbers, level: float) -> bool:
        """Return whether chance explains the distance with a probability of ``level`` at most."""
        ...


class HistogramPart:
    """Counts on the cells of a view; they differ by the bound of Dvoretzky, Kiefer and Wolfowitz.

    Args:
        column: Of the profile.
        view: Of the reference's statistic in that column.
    """

    def __init__(self, column: int, view: View) -> None:
        self._column = column
        self._view = view

    def numbers_of(self, live: Profile) -> Numbers:
        """Return the counts by cell."""
        return self._view.counts_of(live[self._column])

    def rows(self, numbers: Numbers) -> int:
        """Return the sum of the counts."""
        return sum(numbers)

    def distance(self, numbers: Numbers) -> float:
        """Return the KS distance."""
        return ks(numbers, self._view.reference)

    def differs(self, numbers: Numbers, level: float) -> bool:
        """Test both sides, of devices and of the reference."""
        live, reference = sum(numbers), sum(self._view.reference)
        if not live or not reference:
            return False
        bound = math.sqrt(math.log(4 / level) / 2)
        return self.distance(numbers) > bound / math.sqrt(live) + bound / math.sqrt(reference)


class SumsPart:
    """Means of products of features, or of components of an embedding; the furthest one decides.

    Args:
        column: Of the profile.
        reference: By place.
    """

    def __init__(self, column: int, reference: Sequence[Sums]) -> None:
        self._column = column
        self._reference = reference

    def numbers_of(self, live: Profile) -> Numbers:
        """Return count, total and squares of each place, one after another."""
        sums = _sums_of(live, self._column) or [Sums(0, 0, 0)] * len(self._reference)
        return [number for one in sums for number in (one.count, one.total, one.squares)]

    def rows(self, numbers: Numbers) -> int:
        """Return the largest count."""
        return max(numbers[::3], default=0)

    def distance(self, numbers: Numbers) -> float:
        """Return the KS distance of two normal distributions whose means are so far apart."""
        shifts = [_shift(live, known) for live, known in self._pairs(numbers)]
        return max((math.erf(shift / math.sqrt(8)) for shift in shifts), default=0.0)

    def differs(self, numbers: Numbers, level: float) -> bool:
        """Test the means of all places, Bonferroni over them."""
        bound = -_NORMAL.inv_cdf(level / (2 * max(len(self._reference), 1)))
        for live, known in self._pairs(numbers):
            spread = max(_variance(live), _variance(known))
            chance = math.sqrt(spread * (1 / live.count + 1 / known.count))
            gap = abs(live.total / live.count - known.total / known.count)
            if live.count >= _FEWEST_ROWS and gap > bound * chance:
                return True
        return False

    def _pairs(self, numbers: Numbers) -> list[tuple[Sums, Sums]]:
        live = [Sums(*numbers[first : first + 3]) for first in range(0, len(numbers), 3)]
        pairs = zip(live, self._reference, strict=True)
        return [(own, known) for own, known in pairs if own.count and known.count]


def parts_of(reference: Profile, subjects: Collection[str], *, role: str) -> Sequence[Part]:
    """Return the parts of some subjects.

    Args:
        reference: What is compared with.
        subjects: See :mod:`cloud_sync.core.analysis.watched`; also ``joint`` and ``embedding``.
        role: Truths are compared with those of the author.
    """
    columns = watched_columns if role == Role.PRIMARY else truth_columns
    histograms = [
        HistogramPart(index, view)
        for index, subject in columns(reference.spec)
        if subject in subjects
        for view in views_of(reference[index])
    ]
    sums = [
        SumsPart(index, _sums_of(reference, index))
        for index, column in enumerate(reference.spec.columns)
        if column.subject in subjects and _sums_of(reference, index)
    ]
    return [*histograms, *sums]


def _sums_of(profile: Profile, column: int) -> Sequence[Sums]:
    statistic = profile[column]
    return statistic.sums if isinstance(statistic, Joint | Vectors) else ()


def _shift(live: Sums, known: Sums) -> float:
    """Return by how many of the reference's standard deviations the mean has moved."""
    gap = abs(live.total / live.count - known.total / known.count)
    deviation = math.sqrt(_variance(known))
    return gap / deviation if deviation else (math.inf if gap else 0.0)


def _variance(sums: Sums) -> float:
    mean = sums.total / sums.count
    return max(sums.squares / sums.count - mean * mean, 0.0)
