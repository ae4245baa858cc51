"""Tensors as the Open Inference Protocol writes them in bytes, to arrays and back."""

import math
import struct
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_agent.serving.refused import RefusedError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_agent.ports import Tensor

__all__ = [
    "TEXT",
    "bytes_of",
    "bytes_of_rows",
    "datatype_of",
    "dtype_of",
    "files_in",
    "from_bytes",
    "protocol_type",
    "texts",
]

_TYPES: Final = {
    "BOOL": np.dtype(np.bool_),
    **{f"UINT{bits}": np.dtype(f"<u{bits // 8}") for bits in (8, 16, 32, 64)},
    **{f"INT{bits}": np.dtype(f"<i{bits // 8}") for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": np.dtype(f"<f{bits // 8}") for bits in (16, 32, 64)},
}
TEXT: Final = "BYTES"
_OBJECT: Final = np.dtype(np.object_)
_NAMES: Final = {dtype: name for name, dtype in _TYPES.items()}
_ELEMENT_TYPES: Final = {str(dtype): name for name, dtype in _TYPES.items()} | {"string": TEXT}
_LENGTH: Final = struct.Struct("<I")


def protocol_type(element_type: str) -> str:
    """Return what the protocol calls an element type of a manifest: ``FP32`` for ``float32``."""
    return _ELEMENT_TYPES[element_type]


def datatype_of(tensor: "Tensor") -> str:
    """Return what the protocol calls the type of a tensor."""
    return _NAMES.get(tensor.dtype, TEXT)


def from_bytes(data: memoryview, datatype: str, shape: Sequence[int], *, name: str) -> "Tensor":
    """Return the tensor that some bytes hold: little-endian, row-major; texts after their length.

    Raises:
        RefusedError: It is not as long as its type and shape say, or a text is no UTF-8.
    """
    count = math.prod(shape)
    if datatype == TEXT:
        return texts(_texts_in(data, count, name), shape)
    dtype = dtype_of(datatype, name)
    if len(data) != count * dtype.itemsize:
        raise RefusedError.bad(
            f"input {name!r} is {datatype} of shape {list(shape)}, which is "
            f"{count * dtype.itemsize} bytes, got {len(data)}"
        )
    if dtype.kind == "b":  # any other byte would be a value that numpy does not know
        return np.frombuffer(data, np.uint8).astype(np.bool_).reshape(shape)
    tensor: Tensor = np.frombuffer(data, dtype).reshape(shape)
    return tensor if tensor.flags.aligned else tensor.copy()


def bytes_of(tensor: "Tensor") -> bytes:
    """Return the values of a tensor as :func:`from_bytes` reads them."""
    dtype = tensor.dtype
    if dtype in _NAMES:
        return tensor.tobytes()
    if dtype.kind not in "OU":
        return tensor.astype(dtype.newbyteorder("<")).tobytes()
    texts = [
        value if isinstance(value, bytes) else str(value).encode()
        for value in tensor.ravel().tolist()
    ]
    return b"".join(chain.from_iterable((_LENGTH.pack(len(text)), text) for text in texts))


def bytes_of_rows(tensor: "Tensor") -> Sequence[bytes]:
    """Return the same of each row of a tensor that has some."""
    if tensor.dtype not in _NAMES:
        return [bytes_of(row) for row in tensor.reshape(len(tensor), -1)]
    data = tensor.tobytes()
    size = len(data) // len(tensor)
    return [data[size * row : size * (row + 1)] for row in range(len(tensor))]


def texts(values: list[object], shape: Sequence[int]) -> "NDArray[np.object_]":
    """Return texts as a tensor."""
    tensor = np.empty(len(values), _OBJECT)
    tensor[:] = values
    return tensor.reshape(shape)


def files_in(data: memoryview, shape: Sequence[int], *, name: str) -> "NDArray[np.object_]":
    """Return the files, such as pictures, that some bytes hold, each after its length.

    Raises:
        RefusedError: They are not as many as the shape says, or something is left over.
    """
    return texts([bytes(part) for part in _parts_in(data, math.prod(shape), name)], shape)


def _texts_in(data: memoryview, count: int, name: str) -> list[object]:
    texts: list[object] = []
    for part in _parts_in(data, count, name):
        try:
            texts.append(str(part, "utf-8"))
        except UnicodeDecodeError as error:
            raise RefusedError.bad(
                f"input {name!r}: text {len(texts)} is no UTF-8: {error}"
            ) from error
    return texts


def _parts_in(data: memoryview, count: int, name: str) -> Iterator[memoryview]:
    """Yield what stands after each length; raises at the end if that was not all of it."""
    found = place = 0
    while place + _LENGTH.size <= len(data) and found < count:
        (length,) = _LENGTH.unpack_from(data, place)
        place += _LENGTH.size
        if length > len(data) - place:
            break
        yield data[place : place + length]
        place += length
        found += 1
    if found != count or place != len(data):
        raise RefusedError.bad(
            f"input {name!r} is BYTES with {count} texts: its {len(data)} bytes hold "
            f"{found} whole ones and something else; each is a length of 4 bytes and UTF-8"
        )


def dtype_of(datatype: str, name: str) -> "np.dtype[np.generic]":
    """Return the numpy type of a datatype that is no text; raises if there is no such type."""
    found = _TYPES.get(datatype)
    if found is None:
        raise RefusedError.bad(
            f"input {name!r} has datatype {datatype!r:.20}, known are {', '.join(_TYPES)}, {TEXT}"
        )
    return found
