"""The short way of a ready array of many rows: run, copy the call into the log, and no more.

Labels and scores are made of what the model gave when somebody asks for them, and for the
statistics when the rows are counted, off the caller's thread.
"""

from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_agent.adapters.row_judge import judge_of
from edge_agent.prediction import Prediction
from edge_contract.errors import UnavailableError

if TYPE_CHECKING:
    from edge_agent.adapters.block_stream import BlockStream
    from edge_agent.adapters.inputs import Rows
    from edge_agent.adapters.recorder import Stream
    from edge_agent.ports import InferenceSession
    from edge_agent.prediction import Origin
    from edge_contract.package import Manifest

__all__ = ["BlockPath"]

_ARRAY: Final = np.ndarray
_FLOAT: Final = np.dtype(np.float32)


class BlockPath:
    """Serves ready arrays of one package. Thread-safe.

    Args:
        session: Of its model.
        stream: Where what finds no room is counted.
        blocks: Where calls go.
        origin: With the layout of its rows.
        input_name: Of the model's only input.
        shape: Of that input for one row.
    """

    __slots__ = (
        "_axes",
        "_count",
        "_fit",
        "_is_usable",
        "_name",
        "_origin",
        "_put",
        "_run",
        "_shape",
    )

    def __init__(
        self,
        session: "InferenceSession",
        stream: "Stream",
        blocks: "BlockStream",
        *,
        origin: "Origin",
        input_name: str,
        shape: tuple[int, ...],
    ) -> None:
        self._run = session.run
        self._put = blocks.put
        self._count = stream.count
        self._fit = blocks.rows.fit
        self._origin = origin
        self._name = input_name
        self._shape = shape
        self._is_usable = True
        self._axes = 1 + len(shape)

    @classmethod
    def of(
        cls, manifest: "Manifest", session: "InferenceSession", stream: "Stream", origin: "Origin"
    ) -> "BlockPath | None":
        """Return the path of a package; ``None`` if its rows or answers need the longer way."""
        layout, blocks = origin.row, stream.blocks
        if layout is None or blocks is None or judge_of(manifest, layout) is None:
            return None
        return cls(
            session,
            stream,
            blocks,
            origin=origin,
            input_name=layout.input_name,
            shape=layout.shape[1:],
        )

    def predict(self, rows: "Rows", wake: Callable[[], None]) -> Prediction | None:
        """Predict rows and observe them; ``None`` if they go the longer way, and nothing happened.

        That is for all but ``float32`` arrays of several rows, and where the model fails: the
        longer way tells why.

        Args:
            rows: See :data:`edge_agent.adapters.inputs.Rows`.
            wake: Asks for rows to be collected soon, because the log fills up.
        """
        if type(rows) is not _ARRAY or rows.dtype != _FLOAT or not self._is_usable:
            return None
        shape = rows.shape
        if len(shape) != self._axes or shape[1:] != self._shape:
            return None
        count = shape[0]
        if count < 2:
            return None
        began_s = perf_counter()
        try:
            outputs = self._run({self._name: rows})
        except UnavailableError:
            return None
        latency_us = (perf_counter() - began_s) * 1e6
        if not self._fit(outputs, count):
            return None
        try:
            dropped = self._put((rows, *outputs), count, latency_us, wake)
        except UnavailableError:  # no room for a log: the longer way does without one
            self._is_usable = False
            return None
        if dropped is not None:
            self._count(dropped=dropped[0], calls=dropped[1])
        return Prediction(outputs, self._origin)
