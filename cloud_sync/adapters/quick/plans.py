"""Which statistics a window has, and how they are taken apart without a look at each."""

from array import array
from collections.abc import Callable, Sequence
from itertools import accumulate
from operator import itemgetter
from typing import Any, Final, NamedTuple, TypeAlias

from cloud_sync.adapters.quick.layouts import Layout
from edge_contract.reading import JsonValue
from edge_contract.stats import MomentsSpec, SketchSpec

__all__ = ["NO_LISTS", "TWO_LISTS", "Lists", "Step", "WindowPlan"]

TWO_LISTS: Final[list[dict[str, int]]] = [{}, {}]
"""What stands in place of the two lists of a sketch whose numbers are in the text."""

NO_LISTS: Final[list[list[int]]] = [[], []]
"""What a sketch has that saw nothing but zeros, or missing values."""

_States: TypeAlias = "Sequence[JsonValue]"
Lists: TypeAlias = "Sequence[Sequence[Any]]"
"""States that should be lists of numbers; whoever puts them into arrays sees whether they are."""


class Step(NamedTuple):
    """Some sketches, whose lists stand one after the other, and what comes behind them.

    Attributes:
        first: Place of the first of them among the window's sketches.
        rows: Their rows in the layout.
        place: Of the state behind them, of a kind of its own; ``None`` if there is none.
        column: Of that state.
    """

    first: int
    rows: "array[int]"
    place: int | None
    column: int


class WindowPlan:
    """How the states of a window with certain columns are taken apart.

    Args:
        layout: Of the spec.
        gaps: The first column and gaps to the next ones, as they stand in the message.

    Attributes:
        layout: The same.
        columns: Of all states.
        cells: Columns that are sketches.
        sketches: Returns their states.
        moment_columns: Columns that are moments.
        moments: Returns their states.
        steps: Sketches, and what stands between them, in their order.
        is_known: Whether the spec has all these columns.
    """

    def __init__(self, layout: Layout, gaps: Sequence[int]) -> None:
        spec = layout.spec
        self.layout = layout
        self.columns = tuple(accumulate(gaps))
        self.is_known = not gaps or (
            gaps[0] >= 0 and min(gaps[1:], default=1) >= 1 and self.columns[-1] < len(spec.columns)
        )
        columns = self.columns if self.is_known else ()
        kinds = [spec.columns[column].spec for column in columns]
        sketches = [place for place, kind in enumerate(kinds) if isinstance(kind, SketchSpec)]
        moments = [place for place, kind in enumerate(kinds) if isinstance(kind, MomentsSpec)]
        self.cells = array("q", [columns[place] for place in sketches])
        self.moment_columns = array("q", [columns[place] for place in moments])
        self.sketches, self.moments = _getter(sketches), _getter(moments)
        self.fives, self.sixes = [5] * len(sketches), [6] * len(moments)
        self.tails = [TWO_LISTS] * len(sketches)
        steps: list[Step] = []
        first = seen = 0
        for place, (column, kind) in enumerate(zip(columns, kinds, strict=True)):
            if isinstance(kind, SketchSpec):
                seen += 1
            elif not isinstance(kind, MomentsSpec):
                steps.append(Step(first, self.cells[first:seen], place, column))
                first = seen
        if seen > first:
            steps.append(Step(first, self.cells[first:], None, 0))
        self.steps = tuple(steps)


def _getter(places: Sequence[int]) -> "Callable[[_States], Lists]":
    """Return what finds the states in some places; what is no list is told by whoever uses it."""
    match places:
        case []:
            return lambda _states: ()
        case [place]:
            return lambda states: (_list(states[place]),)
        case _:
            found: Callable[[_States], Lists] = itemgetter(*places)
            return found


def _list(state: JsonValue) -> Sequence[JsonValue]:
    return state if isinstance(state, list) else ()
