"""Gives a model that says logits an output of class probabilities, as devices need it.

Networks are often trained with a loss that takes logits, and then end in them: one number per
class, or of two classes one number for the second. Which of the outputs these are has to be told
by the classes that the author gives.
"""

from collections.abc import Sequence
from enum import Enum
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper

from converters.base import Tensors
from edge_contract.errors import UsageError
from edge_contract.package import TensorSpec

__all__ = [
    "ClassOutput",
    "Form",
    "add_probabilities",
    "class_output_of",
    "is_share",
    "probabilities_of",
    "row_width",
]

_PASSED_THROUGH: Final = frozenset({"Cast", "Flatten", "Identity", "Reshape", "Squeeze"})
_BOUNDED: Final = frozenset({"Clip", "HardSigmoid", "Sigmoid"})


class Form(Enum):
    """What the numbers of an output are."""

    LOGITS = "one logit per class"
    LOGIT = "the logit of the second class"
    PROBABILITY = "the probability of the second class"


class ClassOutput(NamedTuple):
    """The output that tells the classes apart, and how; ``added`` names the probabilities."""

    name: str
    form: Form
    added: str


def class_output_of(
    proto: ModelProto, specs: Sequence[TensorSpec], said: Tensors, *, classes: int
) -> ClassOutput:
    """Return which output says how likely the classes are, for a model without probabilities.

    Args:
        proto: The model.
        specs: Its outputs.
        said: What they are for the caller's rows.
        classes: How many classes the caller named.

    Raises:
        UsageError: None does, several do, or it cannot be told whether a number is a logit.
    """
    widths = [classes, 1] if classes == 2 else [classes]
    fitting = [
        spec
        for spec in specs
        if said[spec.name].dtype.kind == "f" and row_width(said[spec.name]) in widths
    ]
    if len(fitting) != 1:
        shapes = ", ".join(f"{spec.name!r} {spec}" for spec in specs)
        raise UsageError(
            f"{classes} classes were given, but {len(fitting)} outputs have a number for each row "
            f"and class (the outputs are {shapes}): leave the classes out, or give a model with "
            "one such output"
        )
    name = fitting[0].name
    added = _free("probabilities", [spec.name for spec in specs])
    if row_width(said[name]) > 1:
        if _is_bounded(proto, name):
            raise UsageError(
                f"output {name!r} holds {classes} numbers from 0 to 1 that do not sum to 1, so "
                "several classes can be true of one row: leave the classes out"
            )
        return ClassOutput(name, Form.LOGITS, added)
    numbers = said[name].astype(np.float64)
    in_range = bool(((numbers >= 0) & (numbers <= 1)).all())
    if in_range and not _is_bounded(proto, name):
        raise UsageError(
            f"output {name!r} is from 0 to 1 for all rows of X, but no sigmoid is at its end: it "
            "cannot be told whether it is a probability or a logit; end the model in a sigmoid"
        )
    return ClassOutput(name, Form.PROBABILITY if in_range else Form.LOGIT, added)


def probabilities_of(values: NDArray[np.generic], form: Form) -> NDArray[np.float32]:
    """Return ``float32[rows, classes]``, computed as the added output is, but in float64."""
    numbers = values.astype(np.float64).reshape(len(values), -1)
    with np.errstate(over="ignore", invalid="ignore"):
        if form is Form.LOGITS:
            powers = np.exp(numbers - numbers.max(axis=1, keepdims=True))
            shares = powers / powers.sum(axis=1, keepdims=True)
        else:
            second = 1 / (1 + np.exp(-numbers)) if form is Form.LOGIT else numbers
            shares = np.concatenate([1 - second, second], axis=1)
    probabilities: NDArray[np.float32] = shares.astype(np.float32)
    return probabilities


def add_probabilities(proto: ModelProto, output: ClassOutput, *, classes: int) -> None:
    """Add the output ``float32[batch, classes]`` to a graph; the others stay as they are."""
    graph, prefix = proto.graph, output.added
    flat, shape = f"{prefix}_flat", f"{prefix}_shape"
    width = classes if output.form is Form.LOGITS else 1
    graph.initializer.append(numpy_helper.from_array(np.array([-1, width]), shape))
    wide = f"{prefix}_float"
    graph.node.append(helper.make_node("Cast", [output.name], [wide], to=TensorProto.FLOAT))
    graph.node.append(helper.make_node("Reshape", [wide, shape], [flat]))
    if output.form is Form.LOGITS:
        graph.node.append(helper.make_node("Softmax", [flat], [prefix], axis=1))
    else:
        one, second, first = f"{prefix}_one", f"{prefix}_second", f"{prefix}_first"
        kind = "Sigmoid" if output.form is Form.LOGIT else "Identity"
        graph.initializer.append(numpy_helper.from_array(np.array(1, np.float32), one))
        graph.node.append(helper.make_node(kind, [flat], [second]))
        graph.node.append(helper.make_node("Sub", [one, second], [first]))
        graph.node.append(helper.make_node("Concat", [first, second], [prefix], axis=1))
    graph.output.append(
        helper.make_tensor_value_info(prefix, TensorProto.FLOAT, ["batch", classes])
    )


def row_width(values: NDArray[np.generic]) -> int:
    """Return how many numbers an output has per row; 0 if they have several axes."""
    if values.size == len(values):
        return 1
    return values.shape[1] if values.ndim == 2 else 0


def _is_bounded(proto: ModelProto, name: str) -> bool:
    """Whether what makes an output keeps it from 0 to 1."""
    makers = {made: node for node in proto.graph.node for made in node.output}
    while name in makers and makers[name].op_type in _PASSED_THROUGH:
        name = makers[name].input[0]
    return name in makers and makers[name].op_type in _BOUNDED


def is_share(proto: ModelProto, name: str, values: NDArray[np.generic]) -> bool:
    """Whether an output is one number per row that a sigmoid, or the like, keeps from 0 to 1."""
    numbers = values.astype(np.float64)
    in_range = bool(((numbers >= 0) & (numbers <= 1)).all())
    return row_width(values) == 1 and in_range and _is_bounded(proto, name)


def _free(name: str, taken: Sequence[str]) -> str:
    return name if name not in taken else _free(f"{name}_", taken)
