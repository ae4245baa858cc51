"""The short way of a single row: in memory that a session is bound to, with nothing wrapped.

For a small model, wrapping a row, looking inputs and outputs up by name and making arrays of what
comes out takes longer than the model itself. Here a call copies its row in, runs, and copies what
came of it into the ring and to the caller; arrays are made when somebody asks for them.
"""

import struct
from collections.abc import Callable, Sequence
from operator import itemgetter
from time import perf_counter
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_agent.adapters.row_judge import judge_of
from edge_agent.prediction import Prediction

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_agent.adapters.inputs import Rows
    from edge_agent.adapters.recorder import Stream
    from edge_agent.adapters.row_judge import Judge
    from edge_agent.adapters.row_memory import RowLayout, RowMemory
    from edge_agent.ports import InferenceSession
    from edge_agent.prediction import Origin
    from edge_contract.package import Manifest

__all__ = ["RowPath"]

_ARRAY: Final = np.ndarray  # by one look-up, not by two
_FLOAT: Final = np.dtype(np.float32)
_SCALARS: Final = frozenset((float, int, np.float32, np.float64))


class RowPath:
    """Serves single rows of one package. Thread-safe.

    Threads that predict at once use memory of their own each, which is kept for later calls.
    """

    __slots__ = (
        "_answer_at", "_append", "_axes", "_enough", "_free", "_get", "_is_table", "_judge",
        "_latency_at", "_layout", "_origin", "_pack", "_session", "_shape", "_stream", "_width",
    )  # fmt: skip

    def __init__(
        self,
        layout: "RowLayout",
        *,
        session: "InferenceSession",
        stream: "Stream",
        judge: "Judge",
        origin: "Origin",
        names: tuple[str, ...],
    ) -> None:
        self._layout = layout
        self._session = session
        self._stream = stream
        self._judge = judge
        self._origin = origin
        self._shape = layout.shape
        self._axes = len(layout.shape)
        self._is_table = len(layout.shape) == 2
        self._width = len(names)
        self._pack = struct.Struct(f"{len(names)}f").pack_into
        self._get = itemgetter(*names) if len(names) > 1 else None
        self._answer_at = layout.answer_at
        self._latency_at = layout.latency_at
        self._append = stream.append_row
        self._enough = stream.enough
        self._free: list[RowMemory] = []

    @classmethod
    def of(
        cls, manifest: "Manifest", session: "InferenceSession", stream: "Stream", origin: "Origin"
    ) -> "RowPath | None":
        """Return the path of a package; ``None`` if its rows or answers need the longer way.

        Args:
            manifest: Of the package.
            session: Of its model.
            stream: Where its rows go.
            origin: With the layout of its rows, if they have one.
        """
        layout = origin.row
        judge = None if layout is None else judge_of(manifest, layout)
        memory = None if layout is None or judge is None else layout.memory(session)
        if layout is None or judge is None or memory is None:
            return None
        names = tuple(feature.name for feature in manifest.features)
        path = cls(layout, session=session, stream=stream, judge=judge, origin=origin, names=names)
        path._free.append(memory)
        return path

    def predict(self, rows: "Rows", wake: Callable[[], None]) -> Prediction | None:
        """Predict a row and observe it; ``None`` if it goes the longer way, and nothing happened.

        That is for many rows, for what is no row at all, and where the model fails: the longer way
        tells why.

        Args:
            rows: See :data:`edge_agent.adapters.inputs.Rows`.
            wake: Asks for rows to be collected soon, because the ring fills up.
        """
        # The type of an array that was pickled is equal only; to compare takes longer.
        is_ready = (
            type(rows) is _ARRAY
            and (rows.dtype is _FLOAT or rows.dtype == _FLOAT)
            and rows.shape == self._shape
        )
        if not is_ready and type(rows) is _ARRAY and rows.ndim == self._axes and len(rows) > 1:
            return None
        try:
            memory = self._free.pop()
        except IndexError:
            made = self._layout.memory(self._session)
            if made is None:
                return None
            memory = made
        held, table, numbers, _, ring_row, run = memory
        if is_ready:
            table[...] = rows  # type: ignore[assignment]  # an array, as was asked above
        elif not self._copied(rows, memory):
            self._free.append(memory)
            return None
        began_s = perf_counter()
        try:
            run()
        except Exception:  # noqa: BLE001  runtimes' errors share no better base class
            return None
        latency_at = self._latency_at
        numbers[latency_at] = (perf_counter() - began_s) * 1e6
        numbers[latency_at - 2], numbers[latency_at - 1] = self._judge(memory)
        room = self._append(ring_row)
        if room <= self._enough:
            self._stream.after_call(room, (np.frombuffer(ring_row, _FLOAT).reshape(1, -1),), wake)
        answer = held[self._answer_at :]
        self._free.append(memory)
        return Prediction(answer, self._origin)

    def _copied(self, rows: "Rows", memory: "RowMemory") -> bool:
        """Copy a row of another form into memory; return whether it is one."""
        if type(rows) is np.ndarray:
            return self._copied_array(rows, memory.table)
        if not self._is_table:
            return False
        if isinstance(rows, (list, tuple)) and rows:
            first = rows[0]
            if len(rows) == 1 and isinstance(first, (list, tuple)):
                return self._packed(first, memory)
            return self._width > 1 and self._packed(rows, memory)
        if type(rows) is dict and self._get is not None:
            try:
                return self._packed(self._get(rows), memory)
            except KeyError:
                return False
        return False

    def _copied_array(self, rows: "NDArray[np.generic]", table: "NDArray[np.float32]") -> bool:
        is_row = rows.shape == self._shape or (rows.shape == self._shape[1:] and self._width > 1)
        if not is_row or rows.dtype.kind not in "biuf":
            return False
        with np.errstate(over="ignore"):  # what is too large becomes an infinity, as everywhere
            table[...] = rows
        return True

    def _packed(self, row: "Sequence[object]", memory: "RowMemory") -> bool:
        if not row or type(row[0]) not in _SCALARS:
            return False
        try:
            self._pack(memory.memory, 0, *row)
        except (struct.error, TypeError, ValueError, OverflowError):
            return False  # a text, something missing, or another number of values
        return True
