"""ONNX files as small as they come."""

from collections.abc import Sequence

import numpy as np
from onnx import TensorProto, helper, numpy_helper

__all__ = ["dense_model", "file_with_note"]


def dense_model(weights: Sequence[float], *, dtype: str = "float32", bias: float = 1.0) -> bytes:
    """The bytes of a model that multiplies by ``weights`` and adds ``bias``."""
    matrix = np.array(weights, np.float32).astype(dtype).reshape(-1, 1)
    kind = helper.np_dtype_to_tensor_dtype(matrix.dtype)
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "weights"], ["product"]),
            helper.make_node("Add", ["product", "bias"], ["y"]),
        ],
        "dense",
        [helper.make_tensor_value_info("x", kind, ["batch", len(weights)])],
        [helper.make_tensor_value_info("y", kind, ["batch", 1])],
        initializer=[
            numpy_helper.from_array(matrix, "weights"),
            helper.make_tensor("bias", TensorProto.FLOAT, [1], [bias]),
        ],
    )
    data: bytes = helper.make_model(graph).SerializeToString()
    return data


def file_with_note(note: bytes) -> bytes:
    """The bytes of a model that does nothing and carries a note, which need not be a text."""
    length, left = bytearray(), len(note)
    while left >= 0x80:
        length.append(left & 0x7F | 0x80)
        left >>= 7
    graph = bytes([7 << 3 | 2, 0])
    return bytes([6 << 3 | 2, *length, left]) + note + graph
