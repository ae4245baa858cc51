"""Runs models on one row at a time, in memory that is bound to the session once.

A call of ``session.run`` wraps its inputs, allocates its outputs and looks both up by name, which
for a small model takes longer than the model. With everything bound, a call copies the row in and
the answer out.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple, Self

import numpy as np

from edge_agent.adapters.silent_onnxruntime import onnxruntime

if TYPE_CHECKING:
    from edge_agent.ports import Tensor

__all__ = ["RowRunner"]

_CPU: Final = "CPUExecutionProvider"
_FLOAT: Final = np.dtype(np.float32)
_TYPES: Final = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(bool)": np.bool_,
}


class _Bound(NamedTuple):
    """What one call at a time uses."""

    binding: "onnxruntime.IOBinding"
    row: "Tensor"
    outputs: "Sequence[Tensor]"


class RowRunner:
    """Runs a session of one table of numbers on single rows. Thread-safe.

    Threads that run at once use memory of their own each, which is kept for later calls.
    """

    __slots__ = ("_free", "_name", "_outputs", "_session", "_shape")

    def __init__(
        self,
        session: "onnxruntime.InferenceSession",
        *,
        name: str,
        width: int,
        outputs: "Sequence[tuple[str, np.dtype[np.generic], tuple[int, ...]]]",
    ) -> None:
        self._session = session
        self._name = name
        self._shape = (1, width)
        self._outputs = outputs
        self._free: list[_Bound] = []

    @classmethod
    def of(cls, session: "onnxruntime.InferenceSession", outputs: Sequence[str]) -> Self | None:
        """Return the runner of a session, or ``None`` if its inputs or outputs are of other kinds.

        They must be on the processor: one input ``float32[batch, N]``, and outputs of numbers whose
        shapes are known but for the batch, which comes first.
        """
        inputs = session.get_inputs()
        if session.get_providers() != [_CPU] or len(inputs) != 1:
            return None
        (table,) = inputs
        if table.type != "tensor(float)" or len(table.shape) != 2:
            return None
        batch, width = table.shape
        if isinstance(batch, int) or not isinstance(width, int):
            return None
        given = {tensor.name: tensor for tensor in session.get_outputs()}
        kinds: list[tuple[str, np.dtype[np.generic], tuple[int, ...]]] = []
        for name in outputs:
            tensor = given[name]
            first, *rest = tensor.shape or [0]
            is_known = not isinstance(first, int) and all(isinstance(axis, int) for axis in rest)
            if tensor.type not in _TYPES or not is_known:
                return None
            kinds.append((name, np.dtype(_TYPES[tensor.type]), (1, *rest)))
        return cls(session, name=table.name, width=width, outputs=kinds)

    def run(self, feeds: "Mapping[str, Tensor]") -> "Sequence[Tensor] | None":
        """Return the outputs of one row; ``None`` if it is no such row, or the model fails on it.

        What the model gives in another shape than it says is a failure, too: run it in the usual
        way, which tells why.
        """
        rows = feeds.get(self._name)
        if rows is None or rows.shape != self._shape or rows.dtype != _FLOAT:
            return None
        try:
            bound = self._free.pop()
        except IndexError:
            bound = self._bound()
        bound.row[...] = rows
        try:
            self._session.run_with_iobinding(bound.binding)
        except Exception:  # noqa: BLE001  onnxruntime's errors share no better base class
            return None
        answer = [output.copy() for output in bound.outputs]
        self._free.append(bound)
        return answer

    def _bound(self) -> _Bound:
        binding = self._session.io_binding()
        row = np.zeros(self._shape, np.float32)
        binding.bind_input(self._name, "cpu", 0, np.float32, self._shape, row.ctypes.data)
        outputs = [np.zeros(shape, dtype) for _, dtype, shape in self._outputs]
        for (name, dtype, shape), output in zip(self._outputs, outputs, strict=True):
            binding.bind_output(name, "cpu", 0, dtype, shape, output.ctypes.data)
        return _Bound(binding, row, outputs)
