"""Whole calls as the log keeps them, and the rows that they are of as counters want them."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_agent.adapters.block_log import Record
    from edge_agent.adapters.numpy_sketches import Block
    from edge_agent.adapters.row_memory import RowLayout
    from edge_agent.ports import Tensor

__all__ = ["BlockRows"]

_FLOAT: Final = np.dtype(np.float32)
_NUMBERS_AT_ONCE: Final = 1 << 18
_FEWEST_ROWS: Final = 256


class BlockRows:
    """Calls of many rows of one model, whose single rows a layout describes.

    Args:
        layout: Of a row.
    """

    __slots__ = ("_embedding", "_layout", "_outputs", "_probabilities", "row_bytes", "width")

    def __init__(self, layout: "RowLayout") -> None:
        self._layout = layout
        self._outputs = [(place.dtype, place.shape[1:]) for place in layout.outputs.values()]
        self.width = layout.ring_bytes // 4
        """Numbers in a row of a ring."""
        sizes = [dtype.itemsize * math.prod(shape) for dtype, shape in self._outputs]
        self.row_bytes = _FLOAT.itemsize * layout.features + sum(sizes)
        """What a row takes in the log, all outputs included."""
        begins = [place.begin for place in layout.outputs.values()]
        has_embedding = layout.latency_at - 2 > layout.features
        self._embedding = begins.index(4 * layout.features) if has_embedding else None
        self._probabilities = self.width - layout.latency_at - 1

    def fit(self, outputs: "Sequence[Tensor]", rows: int) -> bool:
        """Return whether these are what the layout says of so many rows."""
        place = 0
        for dtype, shape in self._outputs:
            output = outputs[place]
            if output.dtype != dtype or output.shape != (rows, *shape):
                return False
            place += 1
        return place == len(outputs)

    def blocks(self, records: "Iterable[Record]") -> "Iterator[Block]":
        """Yield ``float32[width, rows]``, of many small calls or a part of a large one each."""
        at_once = max(_NUMBERS_AT_ONCE // self.width, _FEWEST_ROWS)
        block: Block = np.empty((self.width, at_once), np.float32)
        filled = 0
        for record in records:
            arrays = self._arrays(record)
            first = 0
            while first < record.rows:
                last = min(first + at_once - filled, record.rows)
                part = [array[first:last] for array in arrays]
                latency_us = record.latency_us if first == 0 else math.nan
                self._fill(block[:, filled : filled + last - first], part, latency_us)
                filled += last - first
                first = last
                if filled == at_once:
                    yield block
                    filled = 0
        if filled:
            yield np.ascontiguousarray(block[:, :filled])

    def _arrays(self, record: "Record") -> "list[Tensor]":
        """Return the input, ``float32[rows, features]``, and the outputs of a call."""
        found: list[Tensor] = []
        begin = 0
        for dtype, shape in ((_FLOAT, (self._layout.features,)), *self._outputs):
            count = record.rows * math.prod(shape)
            array = np.frombuffer(record.content, dtype, count, begin)
            found.append(array.reshape(record.rows, *shape))
            begin += -(-array.nbytes // 8) * 8
        return found

    def _fill(
        self, block: "NDArray[np.float32]", arrays: "Sequence[Tensor]", latency_us: float
    ) -> None:
        given, *outputs = arrays
        layout = self._layout
        latency_at = layout.latency_at
        decoded = layout.decoder.decode(outputs, len(given))
        block[: layout.features] = given.T
        if self._embedding is not None:
            found = outputs[self._embedding]
            block[layout.features : latency_at - 2] = found.reshape(len(found), -1).T
        block[latency_at - 2] = decoded.classes
        block[latency_at - 1] = decoded.scores
        block[latency_at] = math.nan
        block[latency_at, 0] = latency_us
        if self._probabilities and decoded.probabilities is not None:
            block[latency_at + 1 :] = decoded.probabilities.T
