"""Tensors as the Open Inference Protocol writes them in JSON, to arrays and back."""

import math
from array import array
from base64 import b64decode
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, Final

import numpy as np
import orjson

from edge_agent.serving.refused import RefusedError
from edge_agent.serving.tensors import TEXT, dtype_of, texts

if TYPE_CHECKING:
    from edge_agent.ports import Tensor

__all__ = ["files_in_json", "from_json", "json_of", "json_of_rows"]

_WHOLE: Final = frozenset({int})
_NUMBERS: Final = frozenset({int, float, type(None)})  # null stands for a missing value
_JSON_TYPES: Final = {"f": _NUMBERS, "i": _WHOLE, "u": _WHOLE, "b": frozenset({bool})}
_TEXTS: Final = frozenset({str, type(None)})
_PLAIN_NUMBERS: Final = frozenset({int, float})
_ARRAY_CODES: Final = {np.dtype(np.float32): "f", np.dtype(np.float64): "d"}
_KINDS: Final = {"f": "numbers", "i": "whole numbers", "u": "whole numbers", "b": "true or false"}


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
    if datatype == TEXT:
        if not found <= _TEXTS:
            raise _misfit(name, datatype, "texts", found)
        return texts(["" if text is None else text for text in flat], shape)
    dtype = dtype_of(datatype, name)
    if not found <= _JSON_TYPES[dtype.kind]:
        raise _misfit(name, datatype, _KINDS[dtype.kind], found)
    try:
        return _numbers(flat, found, dtype, shape)
    except OverflowError as error:
        raise RefusedError.bad(f"input {name!r} is {datatype}: {error}") from error


def files_in_json(data: object, shape: Sequence[int], *, name: str) -> "Tensor":
    """Return the files, such as pictures, that a JSON list holds in base64.

    Raises:
        RefusedError: It is no list of as many texts as its shape says, or one is no base64.
    """
    encoded = from_json(data, TEXT, shape, name=name)
    try:
        found: list[object] = [b64decode(text, validate=True) for text in encoded.ravel().tolist()]
    except ValueError as error:
        raise RefusedError.bad(
            f"input {name!r} takes files, in JSON as base64: {error}; or send them as bytes by the "
            "binary tensor extension"
        ) from error
    return texts(found, shape)


def json_of(tensor: "Tensor") -> bytes:
    """Return the values of a tensor as a flat JSON list; what is not finite becomes null."""
    if tensor.dtype.kind in "OU":
        return orjson.dumps([str(value) for value in tensor.ravel().tolist()])
    return orjson.dumps(tensor.ravel(), option=orjson.OPT_SERIALIZE_NUMPY)


def json_of_rows(tensor: "Tensor") -> Sequence[bytes]:
    """Return the same of each row of a tensor that has some, without the brackets."""
    table = tensor.ravel().reshape(len(tensor), -1)
    if tensor.dtype.kind in "OU":
        return [json_of(row)[1:-1] for row in table]
    return orjson.dumps(table, option=orjson.OPT_SERIALIZE_NUMPY)[2:-2].split(b"],[")


def _flattened(data: list[object]) -> tuple[list[object], set[type]]:
    """Return the values in nested lists, and their types."""
    found = set(map(type, data))
    while found == {list}:
        data = list(chain.from_iterable(data))  # type: ignore[arg-type]
        found = set(map(type, data))
    return data, found


def _numbers(
    values: list[object], found: set[type], dtype: "np.dtype[np.generic]", shape: Sequence[int]
) -> "Tensor":
    """Return numbers as an array; what is too large for a float is infinite, as in training."""
    code = _ARRAY_CODES.get(dtype)
    if code is not None and found <= _PLAIN_NUMBERS:
        # In half the time of numpy, and silent about numbers that are too large.
        return np.ndarray(shape, dtype, array(code, values))
    with np.errstate(over="ignore"):
        return np.array(values, dtype).reshape(shape)


def _misfit(name: str, datatype: str, wanted: str, found: set[type]) -> RefusedError:
    words = ", ".join(sorted("null" if kind is type(None) else kind.__name__ for kind in found))
    return RefusedError.bad(
        f"input {name!r} is {datatype}: its data are to be {wanted}, got {words}"
    )
