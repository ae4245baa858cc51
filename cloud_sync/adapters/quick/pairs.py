"""Pairs of lists, gaps and counts, of many windows: looked at all at once."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from cloud_sync.adapters.quick.blocks import Bools
from cloud_sync.adapters.quick.drafts import Draft
from cloud_sync.adapters.quick.layouts import Layout
from cloud_sync.adapters.quick.texts import Integers, TextLists

__all__ = ["Pairs", "integers"]

_T = TypeVar("_T", np.int64, np.bool_)


@dataclass(slots=True)
class Pairs:
    """Pairs of lists: gaps and counts of a sketch, or of a class of predictions."""

    row: Integers
    window: Integers
    gaps: Integers
    counts: Integers
    totals: Integers
    low: Integers
    high: Integers
    zero_is_wrong: Bools
    offset: Integers
    column: Integers

    @classmethod
    def of(cls, draft: Draft, lists: TextLists, window: Integers) -> "Pairs":
        """Look up what the layouts of the windows say of them."""
        row, gaps, counts = map(integers, (draft.rows, draft.gaps, draft.counts))
        layouts = list({id(layout): layout for layout in draft.layouts}.values())
        places = row
        if len(layouts) > 1:
            first = dict(zip(map(id, layouts), _firsts(layouts), strict=True))
            places = row + np.array([first[id(of)] for of in draft.layouts], np.int64)[window]

        def looked_up(parts: "Sequence[npt.NDArray[_T]]") -> "npt.NDArray[_T]":
            return np.concatenate(parts)[places] if parts else np.zeros(0, np.int64)

        return cls(
            row,
            window,
            gaps,
            counts,
            lists.facts.totals[counts] if row.size else row,
            low=looked_up([of.low for of in layouts]),
            high=looked_up([of.high for of in layouts]),
            zero_is_wrong=looked_up([of.zero_is_wrong for of in layouts]),
            offset=looked_up([of.offset for of in layouts]),
            column=looked_up([of.column for of in layouts]),
        )

    def are_wrong(self, lists: TextLists) -> Bools:
        """Return which are no rising codes within their range, or no counts from 1 up."""
        facts, gaps, counts = lists.facts, self.gaps, self.counts
        is_wrong: Bools = (
            (lists.lengths[gaps] != lists.lengths[counts])
            | (facts.firsts[gaps] < self.low)
            | (facts.totals[gaps] > self.high)
            | (facts.lowest_later[gaps] < 1)
            | (facts.lowest[counts] < 1)
        )
        return is_wrong

    def where(self, is_kept: Bools) -> "Pairs":
        """Return some of them."""
        if is_kept.all():
            return self
        return Pairs(*(getattr(self, field.name)[is_kept] for field in fields(self)))


def integers(numbers: "array[int]") -> Integers:
    """Return the same numbers, not copied."""
    return np.frombuffer(numbers, np.int64)


def _firsts(layouts: Sequence[Layout]) -> list[int]:
    """Return where the rows of each begin, one after the other."""
    sizes = [of.low.size for of in layouts]
    return [sum(sizes[:place]) for place in range(len(sizes))]
