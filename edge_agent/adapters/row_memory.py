"""Memory that holds one row from its input to its place in the ring, so that nothing is converted.

It begins as a row of the ring does: features, embedding, class, score, latency, probabilities. What
the model gives besides follows. A session is bound to it once; a call then copies the row in, runs,
copies the whole into the ring, and keeps its second half for whoever asks for the answer.
"""

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple, Self

import numpy as np

from edge_agent.adapters.outputs import Decoded, OutputDecoder
from edge_contract.package import Manifest, OutputRole, OutputSpec
from edge_contract.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_agent.ports import InferenceSession, Tensor

__all__ = ["RowLayout", "RowMemory"]

_FLOAT: Final = np.dtype(np.float32)
_NUMBERS: Final = ("float32", "float64", "int64", "int32", "bool")
_WORD: Final = 8  # bytes: the widest number, which all others are aligned like


class RowMemory(NamedTuple):
    """What one call at a time uses.

    Attributes:
        memory: All of it.
        table: ``float32[1, ...]``: the input.
        numbers: All of it as float32.
        wholes: All of it as int64.
        ring_row: What goes into the ring.
        run: Runs the model on it.
    """

    memory: bytearray
    table: "NDArray[np.float32]"
    numbers: "memoryview[float]"
    wholes: "memoryview[int]"
    ring_row: memoryview
    run: Callable[[], None]


class _Place(NamedTuple):
    """Where an output stands."""

    begin: int
    dtype: "np.dtype[np.generic]"
    shape: tuple[int, ...]

    def of(self, memory: bytearray, *, skipped: int = 0) -> "Tensor":
        """Return it as an array that shares memory without its first bytes."""
        size = math.prod(self.shape)
        array: Tensor = np.frombuffer(memory, self.dtype, size, self.begin - skipped)
        return array.reshape(self.shape)


@dataclass(frozen=True, slots=True)
class RowLayout:
    """Where everything about one row of a model of one input stands.

    Attributes:
        input_name: Of the model's only input.
        shape: Of that input for one row.
        features: How many numbers that are.
        latency_at: Which float32 is the latency; class and score stand before it.
        ring_bytes: How much of it goes into the ring.
        size: All of it, in bytes.
        answer_at: From which byte on it is kept for the caller.
        outputs: By name, in the order of the manifest.
        decoder: Reads the outputs.
    """

    input_name: str
    shape: tuple[int, ...]
    features: int
    latency_at: int
    ring_bytes: int
    size: int
    answer_at: int
    outputs: Mapping[str, _Place]
    decoder: OutputDecoder

    @classmethod
    def of(
        cls,
        manifest: Manifest,
        decoder: OutputDecoder,
        *,
        shape: tuple[int, ...],
        components: int,
        probabilities: int,
    ) -> Self | None:
        """Return the layout of a model's rows; ``None`` if its outputs cannot be laid out.

        That is where one is no number, has an axis that may vary besides the first, or is to be
        observed and is not ``float32``.

        Args:
            manifest: Of a model whose only input is ``float32`` and holds its features in order.
            decoder: Reads the model's outputs.
            shape: Of that input for one row.
            components: Of an embedding, how many are observed.
            probabilities: How many are observed.
        """
        features = len(manifest.features)
        latency_at = features + components + 2
        ring_bytes = 4 * (latency_at + 1 + probabilities)
        observed = {
            OutputRole.EMBEDDING: (4 * features, components),
            OutputRole.PROBABILITIES: (4 * (latency_at + 1), probabilities),
        }
        end = _aligned(ring_bytes)
        outputs: dict[str, _Place] = {}
        for output in manifest.outputs:
            size = _row_shape(output)
            if size is None or output.tensor.element_type not in _NUMBERS:
                return None
            dtype = np.dtype(output.tensor.element_type)
            begin, count = observed.pop(output.role, (0, 0))
            if count and (count != math.prod(size) or dtype != _FLOAT):
                return None
            if not count:
                begin, end = end, end + _aligned(math.prod(size) * dtype.itemsize)
            outputs[output.tensor.name] = _Place(begin, dtype, size)
        return cls(
            input_name=manifest.inputs[0].name,
            shape=shape,
            features=features,
            latency_at=latency_at,
            ring_bytes=ring_bytes,
            size=end,
            answer_at=4 * features // _WORD * _WORD,
            outputs=outputs,
            decoder=decoder,
        )

    def memory(self, session: "InferenceSession") -> RowMemory | None:
        """Return memory that a session is bound to; ``None`` if it cannot be."""
        memory = bytearray(self.size)
        table = np.frombuffer(memory, _FLOAT, self.features).reshape(self.shape)
        outputs = {name: place.of(memory) for name, place in self.outputs.items()}
        run = session.bound({self.input_name: table}, outputs)
        if run is None:
            return None
        view = memoryview(memory)
        return RowMemory(
            memory, table, view.cast("f"), view.cast("q"), view[: self.ring_bytes], run
        )

    def place(self, name: str) -> int:
        """Return at which byte an output begins."""
        return self.outputs[name].begin

    def read(self, answer: bytearray) -> "tuple[Decoded, list[Tensor]]":
        """Return what the model said in a call whose memory was kept from ``answer_at`` on."""
        tensors = [place.of(answer, skipped=self.answer_at) for place in self.outputs.values()]
        return self.decoder.decode(tensors, 1), tensors


def _aligned(size: int) -> int:
    return -(-size // _WORD) * _WORD


def _row_shape(output: OutputSpec) -> tuple[int, ...] | None:
    """Return the shape of an output for one row; ``None`` if the manifest does not tell it."""
    axes = output.tensor.shape
    if not axes or isinstance(axes[0], int):
        return None
    rest = [axis for axis in axes[1:] if isinstance(axis, int)]
    return (1, *rest) if len(rest) == len(axes) - 1 else None
