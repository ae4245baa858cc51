"""What of a graph can be quantized, and in which ways that is to be tried."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Final

from onnx import ModelProto, NodeProto, TensorProto

__all__ = ["PASSING", "PRODUCTS", "WEIGHTED", "Plan", "Recipe", "plan_for", "weighted_nodes"]

_CONVOLUTIONS: Final = frozenset({"Conv", "ConvTranspose"})
PRODUCTS: Final = frozenset({"Gemm", "MatMul"})
"""Matrix products."""
WEIGHTED: Final = _CONVOLUTIONS | PRODUCTS
"""Operators whose second input is their weights."""
PASSING: Final = frozenset(
    {
        "Add", "AveragePool", "Clip", "Concat", "Flatten", "GlobalAveragePool", "MaxPool", "Pad",
        "Relu", "Reshape", "Resize", "Split", "Squeeze", "Transpose", "Unsqueeze",
    }
)  # fmt: skip
"""Operators that can hand on numbers of 8 bits between those."""
_QUANTIZED: Final = frozenset(
    {
        "ConvInteger", "DequantizeLinear", "DynamicQuantizeLinear", "MatMulInteger", "QLinearConv",
        "QLinearMatMul", "QuantizeLinear",
    }
)  # fmt: skip
_NAMED: Final = 4


class Recipe(enum.Enum):
    """A way to make weights and activations whole numbers of 8 bits."""

    DYNAMIC = "dynamic"
    """The range of activations is found anew in every call."""
    STATIC = "static"
    """It is fixed beforehand, by calibration on rows of the caller."""
    STATIC_PER_CHANNEL = "static per channel"
    """The same, with a scale of its own for each channel of the weights."""
    STATIC_WIDE = "static per channel, wide"
    """The same, calibrated also on rows half as far again from their mean, so that fewer numbers
    lie beyond the range; each is told apart less finely."""
    STATIC_SPARING = "static per channel, sparing"
    """Products and convolutions alone; everything between them stays exact."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to try on a graph.

    Attributes:
        recipes: In the order in which to try them; none if nothing can be gained.
        weight_bytes: Of the weights that would be quantized.
        why_not: If there is no recipe.
    """

    recipes: Sequence[Recipe] = ()
    weight_bytes: int = 0
    why_not: str = ""


def plan_for(model: ModelProto) -> Plan:
    """Return what to try on a prepared graph.

    One with convolutions is never quantized dynamically: onnxruntime would run them several times
    slower than in the exact model.
    """
    kinds = list(dict.fromkeys(node.op_type for node in model.graph.node))
    if _QUANTIZED.intersection(kinds):
        return Plan(why_not="the model is quantized already")
    found = weighted_nodes(model)
    if not found:
        more = " and others" if len(kinds) > _NAMED else ""
        return Plan(
            why_not="nothing to quantize: no matrix product or convolution has float32 weights, "
            f"the operators are {', '.join(kinds[:_NAMED])}{more}"
        )
    names = {node.input[1] for node in found}
    weights = [tensor for tensor in model.graph.initializer if tensor.name in names]
    weight_bytes = sum(4 * prod(tensor.dims) for tensor in weights)
    if any(node.op_type in _CONVOLUTIONS for node in found):
        never = (Recipe.DYNAMIC, Recipe.STATIC)
        return Plan(tuple(it for it in Recipe if it not in never), weight_bytes)
    return Plan(tuple(Recipe), weight_bytes)


def weighted_nodes(model: ModelProto) -> list[NodeProto]:
    """Return the products and convolutions whose weights are float32 constants."""
    weights = {
        tensor.name
        for tensor in model.graph.initializer
        if tensor.data_type == TensorProto.FLOAT and len(tensor.dims) >= 2
    }
    return [
        node for node in model.graph.node if node.op_type in WEIGHTED and node.input[1] in weights
    ]
