"""Constants of a graph."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

__all__ = ["Value", "constant_of"]

Value: TypeAlias = "str | float | np.generic | NDArray[np.generic]"
"""The name of a tensor, or a constant: whole numbers as int64, others as float64."""


def constant_of(
    value: "float | np.generic | NDArray[np.generic]",
) -> tuple[int, list[int], Sequence[object]]:
    """Return the element type of a constant, its shape, and its elements in a row."""
    array = np.asarray(value)
    content: Sequence[object]
    match array.dtype.kind:
        case "b":
            kind, content = TensorProto.BOOL, array.astype(bool).ravel().tolist()
        case "i" | "u":
            kind, content = TensorProto.INT64, array.astype(np.int64).ravel().tolist()
        case "O" | "U":
            kind = TensorProto.STRING
            content = [str(item).encode() for item in array.ravel().tolist()]
        case _:
            kind, content = TensorProto.DOUBLE, array.astype(np.float64).ravel().tolist()
    return kind, list(array.shape), content
