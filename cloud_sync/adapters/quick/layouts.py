"""Where the buckets of all columns of a window lie in one row of numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from cloud_sync.adapters.quick.texts import Integers
from edge_contract.stats import (
    BINS,
    FLOAT_BITS,
    ProbabilitiesSpec,
    ProfileSpec,
    SketchSpec,
)

__all__ = ["Layout", "Layouts"]

_MOST_LAYOUTS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the codes of each sketch and of each histogram are among those of all.

    There is a row for each column, of which only those of sketches have codes, and behind them one
    for each class of each column of probabilities.

    Attributes:
        spec: What the columns are.
        is_sketch: Whether a row is a sketch's: bool[rows].
        low: Smallest code of each row: int64[rows].
        high: Largest code.
        zero_is_wrong: Whether 0 is no code.
        offset: Where the codes begin, less the smallest.
        column: Which column a row belongs to.
        size: Codes of all rows.
        first_class: Row of the first class of each column of probabilities.
    """

    spec: ProfileSpec
    is_sketch: npt.NDArray[np.bool_]
    low: Integers
    high: Integers
    zero_is_wrong: npt.NDArray[np.bool_]
    offset: Integers
    column: Integers
    size: int
    first_class: Mapping[int, int]

    @classmethod
    def of(cls, spec: ProfileSpec) -> "Layout":
        """Lay out a spec."""
        ranges: list[tuple[int, int]] = []
        owners = list(range(len(spec.columns)))
        first_class: dict[int, int] = {}
        for column in spec.columns:
            match column.spec:
                case SketchSpec() as sketch:
                    ranges.append((sketch.first_code, sketch.last_code))
                case _:
                    ranges.append((0, -1))
        for place, column in enumerate(spec.columns):
            if isinstance(column.spec, ProbabilitiesSpec):
                first_class[place] = len(ranges)
                ranges += [(0, BINS - 1)] * len(column.spec.lows)
                owners += [place] * len(column.spec.lows)
        low, high = np.array(ranges, np.int64).reshape(-1, 2).T
        sizes = high - low + 1
        is_sketch, zero_is_wrong = np.zeros((2, len(ranges)), np.bool_)
        for place, column in enumerate(spec.columns):
            if isinstance(column.spec, SketchSpec):
                is_sketch[place] = True
                zero_is_wrong[place] = column.spec.mapping == FLOAT_BITS
        return cls(
            spec,
            is_sketch,
            low,
            high,
            zero_is_wrong,
            offset=np.cumsum(sizes) - sizes - low,
            column=np.array(owners, np.int64),
            size=int(sizes.sum()),
            first_class=first_class,
        )


class Layouts:
    """Layouts of specs; found by their identity, because a hash takes longer."""

    def __init__(self) -> None:
        self._known: dict[int, Layout] = {}

    def of(self, spec: ProfileSpec) -> Layout:
        """Return the layout of a spec, which is kept with it."""
        known = self._known.get(id(spec))
        if known is None:
            if len(self._known) >= _MOST_LAYOUTS:
                self._known.clear()
            known = self._known[id(spec)] = Layout.of(spec)
        return known
