"""What a tensor of an ONNX file claims, and the numbers of small ones."""

import math
import struct
from typing import Final

from edge_contract.errors import PackageError
from edge_contract.onnx_file.protobuf import Field, Fields, Runs
from edge_contract.records import dataclass, field

__all__ = ["Tensor", "read_tensor"]

_AXES, _TYPE, _FLOATS, _INT32, _TEXTS, _INT64, _NAME, _RAW = 1, 2, 4, 5, 6, 7, 8, 9
_DOUBLES, _UINT64, _EXTERNAL, _LOCATION = 10, 11, 13, 14
_RUNS: Final = Runs(
    floats=(_FLOATS,), doubles=(_DOUBLES,), integers=(_INT32, _UINT64), texts=(_TEXTS,)
)
_SMALL: Final = 64
_FORMATS: Final = {1: "f", 6: "i", 7: "q", 11: "d"}
"""The types whose values can say how large something gets: float32, int32, int64, float64."""
_MOST_PER_BYTE: Final = 8


@dataclass(slots=True)
class Tensor:
    """A tensor that stands in a file.

    Attributes:
        name: Empty for one that an attribute holds.
        axes: How long each axis is.
        numbers: Its values, of a small tensor of numbers; ``None`` of any other.
    """

    name: str = ""
    axes: list[int] = field(default_factory=list)
    numbers: tuple[float, ...] | None = None


def read_tensor(fields: Fields, place: Field, *, what: str) -> Tensor:
    """Read a ``TensorProto``.

    Raises:
        PackageError: It lies in another file, or claims more values than it has bytes for.
    """
    tensor, kind = Tensor(), 0
    raw: Field | None = None
    held: list[int] = []
    for it in fields.within(place, runs=_RUNS):
        if it.number == _AXES:
            tensor.axes.extend(fields.numbers(it))
        elif it.number == _TYPE:
            kind = it.value
        elif it.number == _NAME:
            tensor.name = fields.text(it)
        elif it.number == _RAW:
            raw = it
        elif it.number == _INT64 and it.end - it.value <= _SMALL * 10 and len(held) < _SMALL:
            held.extend(fields.numbers(it))
        elif it.number == _EXTERNAL or (it.number == _LOCATION and it.value):
            raise PackageError(
                f"{what} keeps weights in another file, which could be any file of the device: "
                "save it as one file"
            )
    size, held_bytes = math.prod(tensor.axes), place.end - place.value
    if min(tensor.axes, default=0) < 0 or size > _MOST_PER_BYTE * held_bytes:
        raise PackageError(
            f"tensor {tensor.name!r} in {what} says that it is {tensor.axes} and holds "
            f"{held_bytes:,} bytes: it is damaged, or made to fill the memory"
        )
    if size <= _SMALL and kind in _FORMATS:
        tensor.numbers = tuple(held) if raw is None else _raw_numbers(fields.bytes_of(raw), kind)
    return tensor


def _raw_numbers(data: bytes, kind: int) -> tuple[float, ...] | None:
    count, rest = divmod(len(data), struct.calcsize(_FORMATS[kind]))
    return None if rest else struct.unpack(f"<{count}{_FORMATS[kind]}", data)
