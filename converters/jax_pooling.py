"""Mends what jax2onnx writes of pooling, for onnxruntime.

JAX pools a window of any shape over ``[batch, height, width, channels]``, and so does the exported
MaxPool, but onnxruntime pools no more than three axes. Where the window is 1 along the first and
last of them, pooling pictures is the same.
"""

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
from onnx import AttributeProto, ModelProto, NodeProto, helper, numpy_helper

__all__ = ["pool_pictures"]

_ALL_AXES: Final = 4
_TO_PICTURES: Final = (0, 3, 1, 2)
_FROM_PICTURES: Final = (0, 2, 3, 1)
_AXES: Final = "pooling_axes"


def pool_pictures(model: ModelProto) -> None:
    """Rewrite every MaxPool over four axes of which two are pooled, in place."""
    nodes = list(model.graph.node)
    rewritten = [it for node in nodes for it in _rewritten(node)]
    if len(rewritten) == len(nodes):
        return
    model.graph.initializer.append(numpy_helper.from_array(np.array([0, 1]), _AXES))
    del model.graph.node[:]
    model.graph.node.extend(rewritten)


def _rewritten(node: NodeProto) -> Iterator[NodeProto]:
    settings = {it.name: it for it in node.attribute}
    window = list(settings["kernel_shape"].ints) if "kernel_shape" in settings else []
    if node.op_type != "MaxPool" or len(window) != _ALL_AXES or window[0] != 1 or window[-1] != 1:
        yield node
        return
    rows, pictures, pooled, back = (
        f"{node.output[0]}_{step}" for step in ("rows", "pictures", "pooled", "back")
    )
    yield helper.make_node("Squeeze", [node.input[0], _AXES], [rows])
    yield helper.make_node("Transpose", [rows], [pictures], perm=_TO_PICTURES)
    pool = helper.make_node("MaxPool", [pictures], [pooled])
    pool.attribute.extend(_in_two_axes(settings))
    yield pool
    yield helper.make_node("Transpose", [pooled], [back], perm=_FROM_PICTURES)
    yield helper.make_node("Unsqueeze", [back, _AXES], [node.output[0]])


def _in_two_axes(settings: Mapping[str, AttributeProto]) -> list[AttributeProto]:
    """Return the settings of the two axes in the middle; pads are all starts, then all ends."""
    kept = []
    for name, setting in settings.items():
        values = list(setting.ints)
        if name == "pads":
            kept.append(helper.make_attribute(name, [*values[1:3], *values[5:7]]))
        else:
            kept.append(helper.make_attribute(name, values[1:3]) if values else setting)
    return kept
