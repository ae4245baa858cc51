"""What the outputs of a model mean once its author has named classes, and the model with them."""

from collections.abc import Sequence
from typing import NamedTuple

from onnx import ModelProto

from converters.base import Tensors
from converters.class_outputs import (
    ClassOutput,
    add_probabilities,
    class_output_of,
    is_share,
    probabilities_of,
    row_width,
)
from converters.graph import parse_model
from converters.labels import are_yes_or_no, as_labels, tell_of_numbers
from converters.onnx_roles import Roles, roles_of
from converters.runtime import OnnxModel
from edge_contract.package import Task, TensorSpec

__all__ = ["Meaning", "meaning_of"]


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
    labels: object,
    what: str,
) -> Meaning:
    """Return what a model predicts, and the model with probabilities if it says logits.

    Args:
        model: The serialized ``ModelProto``.
        specs: Its outputs.
        said: What its outputs are for the caller's rows.
        classes: Labels that the caller gave.
        labels: The true ones of the caller's rows, which may imply the classes; or ``None``.
        what: How to call the model in errors.

    Raises:
        UsageError: The classes do not fit the outputs.
    """
    proto = parse_model(model, what=what)
    roles = roles_of(proto, specs, said, known=classes)
    if roles.task in (Task.BINARY, Task.MULTICLASS):
        return Meaning(model, roles)
    known = tuple(classes) or _implied_classes(proto, said, labels)
    if not known:
        if roles.task is Task.REGRESSION:
            tell_of_numbers(labels)
        return Meaning(model, roles)
    added = class_output_of(proto, specs, said, classes=len(known))
    add_probabilities(proto, added, classes=len(known))
    completed = proto.SerializeToString(deterministic=True)
    meaning = Meaning(completed, roles, added)
    specs = OnnxModel(completed, what=what).outputs
    return meaning._replace(roles=roles_of(proto, specs, meaning.completed(said), known=known))


def _implied_classes(proto: ModelProto, said: Tensors, labels: object) -> tuple[int, ...]:
    """Return the classes that labels imply, if they can mean nothing else; else nothing.

    Labels 0, 1, 2, ... are places in an output if every row has one such whole number, and one
    output has a number for each: a regression of one number has no such output. Labels of 0 and 1
    alone are two classes if the one number of the model ends in a sigmoid.
    """
    if labels is None:
        return ()
    array = as_labels(labels)
    if array.dtype.kind not in "biuf" or array.ndim != 1 or not len(array):
        return ()
    floats = {name: it for name, it in said.items() if it.dtype.kind == "f"}
    numbers = [name for name, it in floats.items() if row_width(it) in (1, 2)]
    if (
        len(numbers) == 1
        and are_yes_or_no(array)
        and is_share(proto, numbers[0], floats[numbers[0]])
    ):
        return (0, 1)
    widths = [it.shape[1] for it in floats.values() if it.ndim == 2]
    if array.dtype.kind not in "iu" or len(widths) != 1 or widths[0] < 2:
        return ()
    fits = int(array.min()) >= 0 and int(array.max()) < widths[0]
    return tuple(range(widths[0])) if fits else ()
