"""Cells: a statistic's counts on at most 64 ordered cells that its reference decides.

Every comparison of live and reference statistics is made on the same cells. Cells of a number hold
about equal shares of the reference, so that each says as much as the next; zero, missing, the
infinities and what lies below or above everything in the reference are cells of their own. What
the reference never held still has a cell to fall into.

A statistic may be looked at from several sides: of a classifier's predictions one view is the
confidence whatever the class, another the class whatever the confidence.
"""

import bisect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from edge_contract.stats import (
    BINS,
    Categories,
    Labels,
    Probabilities,
    Sketch,
    Statistic,
)

__all__ = ["MAX_CELLS", "Atom", "View", "views_of"]

MAX_CELLS: Final = 64
_OWN_CELLS: Final = 10
"""Cells of a number without a full share of the reference: 8 of a kind, the last of each side."""

Counter = Callable[[Statistic], list[int]]


class Atom(NamedTuple):
    """Cells whose share of the rows means something by itself.

    Attributes:
        name: ``zero``, ``missing``, ``infinite``, ``out of range``, ``other``, ``invalid``,
            ``wrong``, ``unknown``.
        cells: Their indices.
    """

    name: str
    cells: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class View:
    """One way to lay a statistic out on cells.

    Attributes:
        name: ``value``, ``category``, ``confidence``, ``class`` or ``truth``.
        reference: The reference's counts by cell.
        ordered: The first so many cells have an order; the ones behind (missing) have none.
        atoms: The same ones for every reference of the same kind of statistic.
        zero: The cell of zero, if the view has one.
    """

    name: str
    reference: tuple[int, ...]
    ordered: int
    atoms: tuple[Atom, ...]
    zero: int | None
    _count: Counter

    @property
    def ranked(self) -> bool:
        """Whether the order is one of size, and not only of frequency."""
        return self.name in ("value", "confidence")

    @property
    def one_sided(self) -> bool:
        """Whether nothing but a growing atom matters: fewer errors do no harm."""
        return self.name == "truth"

    def counts_of(self, live: Statistic) -> list[int]:
        """Return a live statistic's counts on these cells."""
        return self._count(live)


def views_of(statistic: Statistic) -> tuple[View, ...]:
    """Return the views of a reference's statistic; none for one that has no distribution."""
    match statistic:
        case Sketch():
            return (_sketch_view(statistic),)
        case Categories():
            return (_category_view(statistic),)
        case Probabilities():
            return (_confidence_view(statistic), _class_view(statistic))
        case Labels():
            return (_truth_view(statistic),)
        case _:
            return ()


def _sketch_view(reference: Sketch) -> View:
    """Lay out, behind each other: -inf, buckets below zero, zero, buckets above, +inf; missing.

    On either side of zero the first and the last cell are for what the reference's range does not
    hold.
    """
    split = reference.spec.code_of(0.0)
    share = max(sum(reference.counts.values()) / (MAX_CELLS - _OWN_CELLS), 1.0)
    below = {code: count for code, count in reference.counts.items() if code < split}
    above = {code: count for code, count in reference.counts.items() if code >= split}
    ends_below, ends_above = _equal_shares(below, share), _equal_shares(above, share)
    held = reference.counts.keys() | ({split} if reference.zero else set())
    lowest, highest = min(held, default=-math.inf), max(held, default=math.inf)
    zero = 2 + len(ends_below) + 2
    last = zero + 2 + len(ends_above) + 2

    def cell_of(code: int) -> int:
        first, behind = (1, zero - 1) if code < split else (zero + 1, last - 1)
        if code < lowest:
            return first
        if code > highest:
            return behind
        return first + 1 + bisect.bisect_left(ends_below if code < split else ends_above, code)

    known = {code: cell_of(code) for code in reference.counts}

    def count(live: Statistic) -> list[int]:
        cells = [0] * (last + 2)
        if isinstance(live, Sketch):
            for code, seen in live.counts.items():
                cells[known[code] if code in known else cell_of(code)] += seen
            cells[0] = live.negative_infinity
            cells[zero] = live.zero
            cells[last] = live.positive_infinity
            cells[last + 1] = live.missing
        return cells

    atoms = (
        Atom("zero", (zero,)),
        Atom("missing", (last + 1,)),
        Atom("infinite", (0, last)),
        Atom("out of range", (1, zero - 1, zero + 1, last - 1)),
    )
    return View("value", tuple(count(reference)), last + 1, atoms, zero, count)


def _category_view(reference: Categories) -> View:
    """Lay out known categories, most frequent first, the rare ones together; other; missing."""
    size = min(reference.spec.size, MAX_CELLS - 2)

    def count(live: Statistic) -> list[int]:
        cells = [0] * (size + 2)
        if isinstance(live, Categories):
            for index, seen in live.counts.items():
                cells[min(index, size - 1)] += seen
            cells[size] = live.other
            cells[size + 1] = live.missing
        return cells

    atoms = (Atom("other", (size,)), Atom("missing", (size + 1,)))
    return View("category", tuple(count(reference)), size + 1, atoms, None, count)


def _confidence_view(reference: Probabilities) -> View:
    """Lay out the probability of the predicted class, whichever it is; behind it invalid ones."""
    pooled = _pooled(reference)
    share = max(sum(pooled.values()) / (MAX_CELLS - 2), 1.0)
    ends = _equal_shares(pooled, share)
    last = len(ends) + 1
    cell_of = [bisect.bisect_left(ends, index) for index in range(BINS)]

    def count(live: Statistic) -> list[int]:
        cells = [0] * (last + 1)
        if isinstance(live, Probabilities):
            for index, seen in _pooled(live).items():
                cells[cell_of[index]] += seen
            cells[last] = live.invalid
        return cells

    atoms = (Atom("invalid", (last,)),)
    return View("confidence", tuple(count(reference)), last, atoms, None, count)


def _class_view(reference: Probabilities) -> View:
    """Lay out the predicted class, the last ones together if there are very many."""
    size = min(len(reference.spec.lows), MAX_CELLS - 1)

    def count(live: Statistic) -> list[int]:
        cells = [0] * (size + 1)
        if isinstance(live, Probabilities):
            for index, bins in live.counts.items():
                cells[min(index, size - 1)] += sum(bins.values())
            cells[size] = live.invalid
        return cells

    atoms = (Atom("invalid", (size,)),)
    return View("class", tuple(count(reference)), size, atoms, None, count)


def _truth_view(reference: Labels) -> View:
    """Lay out right, wrong, and truths that are no class of the model."""

    def count(live: Statistic) -> list[int]:
        if not isinstance(live, Labels):
            return [0, 0, 0]
        return [live.correct, live.count - live.unknown - live.correct, live.unknown]

    atoms = (Atom("wrong", (1,)), Atom("unknown", (2,)))
    return View("truth", tuple(count(reference)), 2, atoms, None, count)


def _pooled(statistic: Probabilities) -> dict[int, int]:
    pooled: dict[int, int] = {}
    for bins in statistic.counts.values():
        for index, seen in bins.items():
            pooled[index] = pooled.get(index, 0) + seen
    return pooled


def _equal_shares(counts: Mapping[int, int], share: float) -> list[int]:
    """Return the last keys of all cells but the last, so that each holds at least ``share``."""
    ends: list[int] = []
    held = 0
    for key in sorted(counts):
        held += counts[key]
        if held >= share:
            ends.append(key)
            held = 0
    # What is left over lies behind the last end; without a rest that end is the last cell's own.
    return ends if held else ends[:-1]
