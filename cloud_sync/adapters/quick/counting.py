"""Checks the sketches of windows all at once, of many messages or of one."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np

from cloud_sync.adapters.quick.block_reader import BlockReader, BlockStates
from cloud_sync.adapters.quick.checked import Checked
from cloud_sync.adapters.quick.layouts import Layout, Layouts
from cloud_sync.adapters.quick.states import QuickStates, unpack_quickly
from cloud_sync.adapters.quick.sums import QuickSum
from cloud_sync.core.counting import Observed, SpecLookup, observed
from edge_contract.json_text import parse_json
from edge_contract.messages import TelemetryBatch
from edge_contract.messages.codec import Tools
from edge_contract.reading import MAX_INTEGER, JsonValue
from edge_contract.stats import MomentsSpec, ProbabilitiesSpec, ProfileSpec

__all__ = ["QuickCounting"]

_WHOLE: Final = {int}


class QuickCounting:
    """Implements :class:`cloud_sync.core.counting.Counting`. One thread at a time.

    Args:
        parse: Reads JSON.
        parse_many: Reads JSON of messages that come together; may refuse what is unusual.
    """

    def __init__(
        self,
        parse: Callable[[bytes], object] = parse_json,
        parse_many: Callable[[bytes], object] = parse_json,
    ) -> None:
        self.tools = Tools(parse, unpack_quickly)
        self._layouts = Layouts()
        self._reader = BlockReader(parse_many, self._layouts)

    def decode_many(
        self, payloads: Sequence[bytes], specs: SpecLookup
    ) -> Sequence[TelemetryBatch | None]:
        """Decode and check telemetry together; ``None`` for what is to be taken by itself."""
        return self._reader.read(payloads, specs)

    def check(self, spec: ProfileSpec, state: Mapping[int, JsonValue]) -> Observed:
        """Return what was observed."""
        if isinstance(state, BlockStates):
            block = state.block
            if block is not None and block.layouts[state.window].spec is spec:
                return Observed(block.most[state.window], block.seen_by(state.window))
        return observed(self._counts(spec, state))

    def _counts(self, spec: ProfileSpec, state: Mapping[int, JsonValue]) -> Mapping[int, int]:
        """Return the observations of each column."""
        if not isinstance(state, QuickStates) or not state.sparse:
            return spec.check(state)
        checked = _checked(self._layouts.of(spec), state)
        if checked is None:  # wrong, or unusual: the other way tells which
            return spec.check(state)
        counts = _counts(checked, state)
        for column, found in state.rest.items():
            if not 0 <= column < len(spec.columns):
                return spec.check(state)
            of = spec.columns[column].spec
            if isinstance(of, MomentsSpec):
                counts[column] = of.check(found)
                if isinstance(found, list):
                    checked.moments.append([column, *found])
            elif isinstance(of, ProbabilitiesSpec):
                counts[column] = of.check(found)
                checked.plain[column] = found
            else:
                statistic = checked.rest[column] = of.decode(found)
                counts[column] = statistic.count
        state.checked = checked
        return counts

    def sum(self, spec: ProfileSpec) -> QuickSum:
        """Return a sum of nothing yet."""
        return QuickSum(self._layouts.of(spec))


def _checked(layout: Layout, state: QuickStates) -> Checked | None:
    """Return what the sketches add to a sum; ``None`` if something may be wrong with them."""
    if {*map(type, state.apart)} != _WHOLE:
        return None
    columns = np.array(state.sparse, np.int64)
    if columns.max() >= layout.is_sketch.size or not layout.is_sketch[columns].all():
        return None
    try:
        apart = np.array(state.apart, np.int64).reshape(-1, 4)
    except OverflowError:
        return None
    lists = state.lists.facts
    gaps, counts = np.array(state.gaps), np.array(state.counts)
    lengths = state.lists.lengths[gaps]
    is_right = (
        (lengths == state.lists.lengths[counts]).all()
        and (lists.firsts[gaps] >= layout.low[columns]).all()
        and (lists.totals[gaps] <= layout.high[columns]).all()
        and lists.lowest_later[gaps].min() >= 1
        and lists.lowest[counts].min() >= 1
        and apart.min() >= 0
        and apart.max() <= MAX_INTEGER
    )
    if not is_right:
        return None
    codes = state.lists.codes_of(gaps)
    if (codes == 0).any() and (
        np.repeat(layout.zero_is_wrong[columns], lengths) & (codes == 0)
    ).any():
        return None
    places = codes + np.repeat(layout.offset[columns], lengths)
    return Checked(columns, apart, places, state.lists.numbers_of(counts))


def _counts(checked: Checked, state: QuickStates) -> dict[int, int]:
    seen = checked.apart.sum(axis=1) + state.lists.facts.totals[state.counts]
    return dict(zip(state.sparse, seen.tolist(), strict=True))
