"""What the outputs of a model mean once its author has named classes, and the model with them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from converters.base import Tensors
from converters.class_outputs import (
    ClassOutput,
    add_probabilities,
    class_output_of,
    probabilities_of,
)
from converters.graph import parse_model
from converters.onnx_roles import Roles, roles_of
from converters.runtime import OnnxModel
from edge_contract.package import Task, TensorSpec

__all__ = ["Meaning", "implied_classes", "meaning_of"]


class Meaning(NamedTuple):
    """What a model predicts.

    Attributes:
        model: The ONNX model, with probabilities if it had only logits.
        roles: The meaning of its outputs.
        added: Which output the added probabilities come from, if there are any.
    """

    model: bytes
    roles: Roles
    added: ClassOutput | None = None

    def completed(self, said: Tensors) -> Tensors:
        """Return what a source model says with the probabilities that follow from it."""
        if self.added is None:
            return said
        return {**said, self.added.added: probabilities_of(said[self.added.name], self.added.form)}


def meaning_of(
    model: bytes,
    specs: Sequence[TensorSpec],
    said: Tensors,
    *,
    classes: Sequence[str | int],
    what: str,
) -> Meaning:
    """Return what a model predicts, and the model with probabilities if it says logits.

    Args:
        model: The serialized ``ModelProto``.
        specs: Its outputs.
        said: What its outputs are for the caller's rows.
        classes: Labels that the caller gave; probabilities are only added if there are some.
        what: How to call the model in errors.

    Raises:
        UsageError: The classes do not fit the outputs.
    """
    proto = parse_model(model, what=what)
    roles = roles_of(proto, specs, said, known=classes)
    if roles.task in (Task.BINARY, Task.MULTICLASS) or not classes:
        return Meaning(model, roles)
    added = class_output_of(proto, specs, said, classes=len(classes))
    add_probabilities(proto, added, classes=len(classes))
    completed = proto.SerializeToString(deterministic=True)
    meaning = Meaning(completed, roles, added)
    specs = OnnxModel(completed, what=what).outputs
    return meaning._replace(roles=roles_of(proto, specs, meaning.completed(said), known=classes))


def implied_classes(said: Tensors, labels: object) -> tuple[int, ...]:
    """Return 0, 1, 2, ... if labels can be nothing but places in an output; else nothing.

    That is so if every row has one whole number for a label, and one output has a number for each
    of them: a regression of one number has no such output.
    """
    if labels is None:
        return ()
    array = np.asarray(labels)
    widths = [it.shape[1] for it in said.values() if it.dtype.kind == "f" and it.ndim == 2]
    if array.dtype.kind not in "iu" or array.ndim != 1 or len(widths) != 1 or widths[0] < 2:
        return ()
    fits = len(array) > 0 and int(array.min()) >= 0 and int(array.max()) < widths[0]
    return tuple(range(widths[0])) if fits else ()
