"""Tensors as the Open Inference Protocol writes them, in JSON and in bytes, to arrays and back."""

import json
import math
import struct
from array import array
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_agent.serving.refused import RefusedError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_agent.ports import Tensor

__all__ = ["bytes_of", "datatype_of", "from_bytes", "from_json", "json_of", "protocol_type"]

_TYPES: Final = {
    "BOOL": np.dtype(np.bool_),
    **{f"UINT{bits}": np.dtype(f"<u{bits // 8}") for bits in (8, 16, 32, 64)},
    **{f"INT{bits}": np.dtype(f"<i{bits // 8}") for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": np.dtype(f"<f{bits // 8}") for bits in (16, 32, 64)},
}
_TEXT: Final = "BYTES"
_OBJECT: Final = np.dtype(np.object_)
_NAMES: Final = {dtype: name for name, dtype in _TYPES.items()}
_ELEMENT_TYPES: Final = {str(dtype): name for name, dtype in _TYPES.items()} | {"string": _TEXT}
_LENGTH: Final = struct.Struct("<I")
_WHOLE: Final = frozenset({int})
_NUMBERS: Final = frozenset({int, float, type(None)})  # null stands for a missing value
_JSON_TYPES: Final = {"f": _NUMBERS, "i": _WHOLE, "u": _WHOLE, "b": frozenset({bool})}
_PLAIN_NUMBERS: Final = frozenset({int, float})
_ARRAY_CODES: Final = {np.dtype(np.float32): "f", np.dtype(np.float64): "d"}
_TEXTS: Final = frozenset({str, type(None)})
_KINDS: Final = {"f": "numbers", "i": "whole numbers", "u": "whole numbers", "b": "true or false"}


def protocol_type(element_type: str) -> str:
    """Return what the protocol calls an element type of a manifest: ``FP32`` for ``float32``."""
    return _ELEMENT_TYPES[element_type]


def datatype_of(tensor: "Tensor") -> str:
    """Return what the protocol calls the type of a tensor."""
    return _NAMES.get(tensor.dtype, _TEXT)


def from_json(data: object, datatype: str, shape: Sequence[int], *, name: str) -> "Tensor":
    """Return the tensor that a JSON list stands for, flat or nested.

    Raises:
        RefusedError: It is no list, or holds something else than its type and shape say.
    """
    if not isinstance(data, list):
        raise RefusedError.bad(
            f"input {name!r}: data is no list: give the values in row-major order"
        )
    flat, found = _flattened(data)
    count = math.prod(shape)
    if len(flat) != count:
        raise RefusedError.bad(
            f"input {name!r} has shape {list(shape)}, which is {count} values, got {len(flat)}"
        )
    if datatype == _TEXT:
        if not found <= _TEXTS:
            raise _misfit(name, datatype, "texts", found)
        return _texts(["" if text is None else text for text in flat], shape)
    dtype = _dtype(datatype, name)
    if not found <= _JSON_TYPES[dtype.kind]:
        raise _misfit(name, datatype, _KINDS[dtype.kind], found)
    try:
        return _numbers(flat, found, dtype).reshape(shape)
    except OverflowError as error:
        raise RefusedError.bad(f"input {name!r} is {datatype}: {error}") from error


def from_bytes(data: memoryview, datatype: str, shape: Sequence[int], *, name: str) -> "Tensor":
    """Return the tensor that some bytes hold: little-endian, row-major; texts after their length.

    Raises:
        RefusedError: It is not as long as its type and shape say, or a text is no UTF-8.
    """
    count = math.prod(shape)
    if datatype == _TEXT:
        return _texts(_texts_in(data, count, name), shape)
    dtype = _dtype(datatype, name)
    if len(data) != count * dtype.itemsize:
        raise RefusedError.bad(
            f"input {name!r} is {datatype} of shape {list(shape)}, which is "
            f"{count * dtype.itemsize} bytes, got {len(data)}"
        )
    if dtype.kind == "b":  # any other byte would be a value that numpy does not know
        return np.frombuffer(data, np.uint8).astype(np.bool_).reshape(shape)
    tensor: Tensor = np.frombuffer(data, dtype).reshape(shape)
    return tensor if tensor.flags.aligned else tensor.copy()


def json_of(tensor: "Tensor") -> str:
    """Return the values of a tensor as a flat JSON list; what is not finite becomes null."""
    if tensor.dtype == _OBJECT or tensor.dtype.kind == "U":
        return json.dumps([str(value) for value in tensor.ravel().tolist()])
    values = tensor.ravel().tolist()
    if tensor.dtype.kind == "b":
        return json.dumps(values)
    text = str(values)  # numbers look the same in JSON, and this is twice as quick
    if "n" in text:
        return json.dumps([value if math.isfinite(value) else None for value in values])
    return text


def bytes_of(tensor: "Tensor") -> bytes:
    """Return the values of a tensor as :func:`from_bytes` reads them."""
    dtype = tensor.dtype
    if dtype != _OBJECT and dtype.kind != "U":
        return tensor.astype(dtype.newbyteorder("<"), copy=False).tobytes()
    texts = [str(value).encode() for value in tensor.ravel().tolist()]
    return b"".join(chain.from_iterable((_LENGTH.pack(len(text)), text) for text in texts))


def _flattened(data: list[object]) -> tuple[list[object], set[type]]:
    """Return the values in nested lists, and their types."""
    found = set(map(type, data))
    while found == {list}:
        data = list(chain.from_iterable(data))  # type: ignore[arg-type]
        found = set(map(type, data))
    return data, found


def _numbers(values: list[object], found: set[type], dtype: "np.dtype[np.generic]") -> "Tensor":
    """Return numbers as an array; what is too large for a float is infinite, as in training."""
    code = _ARRAY_CODES.get(dtype)
    if code is not None and found <= _PLAIN_NUMBERS:
        # In half the time of numpy, and silent about numbers that are too large.
        return np.frombuffer(array(code, values), dtype)  # type: ignore[type-var]
    with np.errstate(over="ignore"):
        return np.array(values, dtype)


def _texts(texts: list[object], shape: Sequence[int]) -> "NDArray[np.object_]":
    tensor = np.empty(len(texts), _OBJECT)
    tensor[:] = texts
    return tensor.reshape(shape)


def _texts_in(data: memoryview, count: int, name: str) -> list[object]:
    texts: list[object] = []
    place = 0
    while place + _LENGTH.size <= len(data) and len(texts) < count:
        (length,) = _LENGTH.unpack_from(data, place)
        place += _LENGTH.size
        if length > len(data) - place:
            break
        try:
            texts.append(str(data[place : place + length], "utf-8"))
        except UnicodeDecodeError as error:
            raise RefusedError.bad(
                f"input {name!r}: text {len(texts)} is no UTF-8: {error}"
            ) from error
        place += length
    if len(texts) != count or place != len(data):
        raise RefusedError.bad(
            f"input {name!r} is BYTES with {count} texts: its {len(data)} bytes hold "
            f"{len(texts)} whole ones and something else; each is a length of 4 bytes and UTF-8"
        )
    return texts


def _dtype(datatype: str, name: str) -> "np.dtype[np.generic]":
    found = _TYPES.get(datatype)
    if found is None:
        raise RefusedError.bad(
            f"input {name!r} has datatype {datatype!r:.20}, known are {', '.join(_TYPES)}, {_TEXT}"
        )
    return found


def _misfit(name: str, datatype: str, wanted: str, found: set[type]) -> RefusedError:
    words = ", ".join(sorted("null" if kind is type(None) else kind.__name__ for kind in found))
    return RefusedError.bad(
        f"input {name!r} is {datatype}: its data are to be {wanted}, got {words}"
    )
