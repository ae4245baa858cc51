"""Noise on counts, so that nobody can tell from a window what any single row held.

Counts get noise of the two-sided geometric distribution, the discrete form of Laplace's (Ghosh,
Roughgarden, Sundararajan, "Universally utility-maximizing privacy mechanisms", STOC 2009). Two sets
of rows of the same size that differ in one row differ in two cells of a column, by 1 each: the
sensitivity is 2, and the noise of a cell has the parameter ``exp(-epsilon / 2)``. Each column by
itself is then epsilon-differentially private for every row; a row stands in all columns, so that
its loss over a window is at most epsilon times their number.

How many rows there were is public and stays exact: after the noise, what is below 0 becomes 0 and
all cells are lowered or raised alike until they add up to that number (the projection onto the
simplex, as in Duchi and others, ICML 2008). That uses noisy numbers alone and gives nothing away.

Which cells there are is known before anything is counted, from the reference: a cell that came up
only because somebody's value lies there would tell of that value. A value outside of them is
counted in the nearest one; one cell past each end says that there is something further out. A cell
that the reference has empty stays empty unless it has more than noise would give it once in a
million times: what is new in the stream can be told from noise.

What is no count of rows by cells is left out of a noisy profile: moments and other sums, the
smallest and largest value, hashes of unknown categories, calibration of labels.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final, Protocol, TypeAlias

from edge_contract.errors import UsageError
from edge_contract.stats.agreement import Agreement
from edge_contract.stats.base import Statistic
from edge_contract.stats.categories import Categories
from edge_contract.stats.labels import Labels
from edge_contract.stats.moments import Moments
from edge_contract.stats.probabilities import BINS, Probabilities
from edge_contract.stats.profile import Profile
from edge_contract.stats.sketch import FLOAT_BITS, Sketch, SketchSpec

__all__ = [
    "MAX_EPSILON",
    "MIN_EPSILON",
    "NOISE_FACT",
    "checked_epsilon",
    "noisy_counts",
    "noisy_profile",
]

Draw: TypeAlias = Callable[[], float]
"""Gives random numbers from 0 to below 1, which nobody can foresee."""

NOISE_FACT: Final = "noise_epsilon"
"""The fact in a birth message that says with which epsilon a device adds noise."""

MIN_EPSILON: Final = 0.01
MAX_EPSILON: Final = 100.0

_SENSITIVITY: Final = 2
_MAX_CLASSES: Final = 32
_BY_CHANCE: Final = 1e-6


def checked_epsilon(epsilon: float) -> float:
    """Return epsilon if it is 0, for no noise, or can be used.

    Raises:
        UsageError: It is out of range: smaller ones drown everything, larger ones hide nothing.
    """
    if epsilon != 0 and not MIN_EPSILON <= epsilon <= MAX_EPSILON:
        raise UsageError(
            f"noise epsilon must be 0 for none, or from {MIN_EPSILON} to {MAX_EPSILON:.0f}, "
            f"got {epsilon}"
        )
    return epsilon


def noisy_profile(
    profile: Profile,
    reference: Profile | None,
    *,
    epsilon: float,
    draw: Draw,
    exact: Collection[str] = (),
) -> Profile:
    """Return a window's profile with noise on every count.

    Args:
        profile: Of the window.
        reference: Says which cells there are; where it has none of a number, the number's column
            is left out.
        epsilon: See :func:`checked_epsilon`; above 0.
        draw: Source of chance.
        exact: Subjects that hold nothing of anybody and stay as they are.
    """

    def noisy(counts: Sequence[int], empty: Collection[int] = ()) -> list[int]:
        return noisy_counts(counts, epsilon=epsilon, draw=draw, empty=empty)

    kept: dict[int, Statistic] = {}
    for index, column in enumerate(profile.spec.columns):
        statistic = profile[index]
        if not statistic.count:
            continue
        known = None if reference is None else reference.find(column.subject, column.spec.kind)
        found = statistic if column.subject in exact else _noisy(statistic, known, noisy)
        if found is not None:
            kept[index] = found
    return Profile(profile.spec, kept)


def noisy_counts(
    counts: Sequence[int], *, epsilon: float, draw: Draw, empty: Collection[int] = ()
) -> list[int]:
    """Return counts of all cells with noise: none is negative, and their sum is the same.

    Args:
        counts: Of every cell that there can be.
        epsilon: See :func:`checked_epsilon`; above 0.
        draw: Source of chance.
        empty: Places of cells that had nothing in the reference.
    """
    rate = epsilon / _SENSITIVITY

    def geometric() -> int:
        return math.floor(-math.log(1.0 - draw()) / rate)

    noisy = [count + geometric() - geometric() for count in counts]
    least = math.ceil(-math.log(_BY_CHANCE) / rate)
    kept = [place for place, number in enumerate(noisy) if number > least or place not in empty]
    kept = kept or list(range(len(noisy)))
    found = [0] * len(noisy)
    for place, number in zip(
        kept, _projected([noisy[place] for place in kept], sum(counts)), strict=True
    ):
        found[place] = number
    return found


class _Noise(Protocol):
    """Puts noise on the counts of one column."""

    def __call__(self, counts: Sequence[int], empty: Collection[int] = ()) -> list[int]: ...


def _noisy(statistic: Statistic, known: Statistic | None, noisy: _Noise) -> Statistic | None:
    match statistic, known:
        case Sketch(), Sketch():
            return _sketch(statistic, known, noisy)
        case Categories(), Categories():
            return _categories(statistic, known, noisy)
        case Probabilities(), Probabilities():
            return _probabilities(statistic, known, noisy)
        case Labels(), _ if statistic.spec.classes <= _MAX_CLASSES:
            unknown, pairs = _pairs(statistic, statistic.confusion, noisy)
            return Labels(statistic.spec, unknown=unknown, confusion=pairs)
        case Agreement(), _ if 0 < statistic.spec.classes <= _MAX_CLASSES:
            unknown, pairs = _pairs(statistic, statistic.pairs, noisy)
            gap = Moments(nonfinite=sum(pairs.values()))
            return Agreement(statistic.spec, unknown=unknown, pairs=pairs, gap=gap)
        case _:
            return None


def _sketch(sketch: Sketch, reference: Sketch, noisy: _Noise) -> Sketch:
    cells = _cells(sketch.spec, sorted(reference.counts))
    known = [reference.counts.get(code, 0) for code in cells]
    zero, missing, above, below, *others = noisy(
        [*_apart(sketch), *_moved(sketch.counts, cells)], _empty([*_apart(reference), *known])
    )
    return Sketch(sketch.spec, zero, missing, above, below, _positive(cells, others))


def _apart(sketch: Sketch) -> list[int]:
    return [sketch.zero, sketch.missing, sketch.positive_infinity, sketch.negative_infinity]


def _empty(counts: Sequence[int]) -> set[int]:
    """Return the places of empty cells; none if all are: then nothing is known."""
    empty = {place for place, count in enumerate(counts) if not count}
    return empty if len(empty) < len(counts) else set()


def _cells(spec: SketchSpec, codes: list[int]) -> list[int]:
    """Return the reference's buckets and one past each end."""
    first, last = (codes[0], codes[-1]) if codes else (0, 0)
    before, after = first - 1, last + 1
    if spec.mapping == FLOAT_BITS:  # has no bucket 0
        before, after = before or -1, after or 1
    return sorted({max(before, spec.first_code), *codes, min(after, spec.last_code)})


def _categories(categories: Categories, reference: Categories, noisy: _Noise) -> Categories:
    places = range(categories.spec.size)

    def cells(of: Categories) -> list[int]:
        return [of.missing, of.other, *(of.counts.get(index, 0) for index in places)]

    missing, other, *others = noisy(cells(categories), _empty(cells(reference)))
    return Categories(
        categories.spec, missing=missing, other=other, counts=_positive(places, others)
    )


def _probabilities(found: Probabilities, reference: Probabilities, noisy: _Noise) -> Probabilities:
    spec = found.spec
    cells = {
        predicted: sorted(reference.counts.get(predicted, {})) or [BINS // 2]
        for predicted in range(len(spec.lows))
    }
    counts = [
        count
        for predicted, bins in cells.items()
        for count in _moved(found.counts.get(predicted, {}), bins)
    ]
    known = [
        reference.counts.get(predicted, {}).get(index, 0)
        for predicted, bins in cells.items()
        for index in bins
    ]
    invalid, *others = noisy([found.invalid, *counts], _empty([reference.invalid, *known]))
    result = spec.empty()
    result.invalid = invalid
    place = 0
    for predicted, bins in cells.items():
        kept = _positive(bins, others[place : place + len(bins)])
        place += len(bins)
        if kept:
            result.counts[predicted] = kept
            middles = (n * spec.middle_of(predicted, index) for index, n in kept.items())
            result.sums[predicted] = math.fsum(middles)
    return result


def _pairs(
    statistic: Labels | Agreement, pairs: Mapping[int, int], noisy: _Noise
) -> tuple[int, dict[int, int]]:
    keys = range(statistic.spec.classes**2)
    unknown, *others = noisy([statistic.unknown, *(pairs.get(key, 0) for key in keys)])
    return unknown, _positive(keys, others)


def _moved(counts: Mapping[int, int], cells: Sequence[int]) -> list[int]:
    """Return the counts by cell, each that lies in none in the nearest one."""
    found = [0] * len(cells)
    for key, count in counts.items():
        place = bisect_left(cells, key)
        if place == len(cells) or (place and key - cells[place - 1] < cells[place] - key):
            place -= 1
        found[place] += count
    return found


def _positive(keys: Iterable[int], counts: Sequence[int]) -> dict[int, int]:
    return {key: count for key, count in zip(keys, counts, strict=True) if count}


def _projected(numbers: list[int], total: int) -> list[int]:
    """Return the nearest counts that are not negative and add up to ``total``.

    All are lowered by one number, or raised by it; what is too much then by less than the number
    of cells is taken from the largest ones.
    """
    low, high = min(numbers) - total - 1, max(numbers)
    while high - low > 1:  # too much is left at low, too little at high
        middle = (low + high) // 2
        if _left(numbers, middle) >= total:
            low = middle
        else:
            high = middle
    counts = [max(number - low, 0) for number in numbers]
    excess = sum(counts) - total
    for place in sorted(range(len(counts)), key=lambda index: -counts[index])[:excess]:
        counts[place] -= 1
    return counts


def _left(numbers: Iterable[int], lowered_by: int) -> int:
    return sum(number - lowered_by for number in numbers if number > lowered_by)
