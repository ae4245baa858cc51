"""One step of a graph, and what can be told of it without running it.

Only constants are followed: a shape that is calculated from the rows is as large as the rows ask.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from edge_contract.records import dataclass, field

__all__ = ["Known", "Numbers", "Step", "known_numbers", "values_asked_for"]

Numbers: TypeAlias = tuple[float, ...]
Known: TypeAlias = Mapping[str, Numbers]
"""The values of small constants by the name of the tensor."""

_SAME_NUMBERS: Final = frozenset({"Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze", "Abs"})
_SHAPE_AT: Final = {"ConstantOfShape": 0, "Expand": 1, "Tile": 1, "Upsample": 1}
_SMALL: Final = 64


@dataclass(slots=True)
class Step:
    """A node.

    Attributes:
        operator: What it does.
        domain: Whose operator it is; empty for the standard's.
        inputs: Names of tensors; empty for one that is left out.
        outputs: Names of tensors.
        numbers: Small attributes that are numbers or tensors of numbers, by name.
    """

    operator: str = ""
    domain: str = ""
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    numbers: dict[str, Numbers] = field(default_factory=dict)

    def input(self, index: int) -> str:
        """Return the name of an input; empty if there is none."""
        return self.inputs[index] if index < len(self.inputs) else ""


def known_numbers(step: Step, known: Known) -> Numbers | None:
    """Return the values of a step's first output where its inputs are constants."""
    if step.operator == "Constant":
        return next(iter(step.numbers.values()), None)
    given = [known.get(name) for name in step.inputs]
    if not given or given[0] is None:
        return None
    if step.operator in _SAME_NUMBERS:
        return given[0]
    if any(values is None for values in given):
        return None
    each = [values for values in given if values is not None]
    match step.operator:
        case "Concat" if sum(map(len, each)) <= _SMALL:
            return tuple(value for values in each for value in values)
        case "Mul" | "Add" | "Pow" | "Sub" if len(each) == 2:
            return _elementwise(step.operator, *each)
        case "ReduceProd":
            return (math.prod(each[0]),)
        case _:
            return None


def values_asked_for(step: Step, known: Known) -> float:
    """Return how many values a step's constants ask it to make, at least; 0 if they do not say."""
    match step.operator:
        case "ConstantOfShape" | "Expand" | "Tile" | "Upsample":
            return _product(known.get(step.input(_SHAPE_AT[step.operator]), ()))
        case "RandomNormal" | "RandomUniform":
            return _product(step.numbers.get("shape", ()))
        case "OneHot":
            return _product(known.get(step.input(1), ()))
        case "Resize":
            return max(_product(known.get(step.input(at), ())) for at in (2, 3))
        case "Pad":
            pads = known.get(step.input(1), step.numbers.get("pads", ()))
            return sum(abs(pad) for pad in pads)
        case "Range":
            return _range_length([known.get(step.input(at), ()) for at in range(3)])
        case "HannWindow" | "HammingWindow" | "BlackmanWindow" | "MelWeightMatrix":
            return _product([abs(value) for name in step.inputs for value in known.get(name, ())])
        case _:
            return 0.0


def _product(values: Sequence[float]) -> float:
    """Return a product in which axes that are unknown or copied count as 1."""
    if not values or any(math.isnan(value) for value in values):
        return 0.0
    return math.prod(max(float(value), 1.0) for value in values)


def _range_length(ends: Sequence[Numbers]) -> float:
    if any(len(end) != 1 for end in ends):
        return 0.0
    (start,), (limit,), (delta,) = ends
    return abs(limit - start) / abs(delta) if delta else math.inf


def _elementwise(operator: str, left: Numbers, right: Numbers) -> Numbers | None:
    if len(left) != len(right) and 1 not in (len(left), len(right)):
        return None
    size = max(len(left), len(right))
    pairs = zip(left * (size // len(left)), right * (size // len(right)), strict=True)
    try:
        match operator:
            case "Mul":
                return tuple(a * b for a, b in pairs)
            case "Add":
                return tuple(a + b for a, b in pairs)
            case "Sub":
                return tuple(a - b for a, b in pairs)
            case _:
                return tuple(math.pow(a, b) for a, b in pairs)
    except (OverflowError, ValueError):
        return tuple([math.inf] * size)
