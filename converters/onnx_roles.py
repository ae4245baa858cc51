"""Guesses what the outputs of a ready ONNX model mean, from their types and from what they say."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto

from converters.base import Tensors
from edge_contract.errors import UsageError
from edge_contract.package import OutputRole, OutputSpec, Task, TensorSpec

__all__ = ["Roles", "roles_of"]

_SUM_TOLERANCE: Final = 1e-3
_CLASS_ATTRIBUTES: Final = ("classlabels_strings", "classlabels_int64s", "classlabels_ints")


@dataclass(frozen=True, slots=True)
class Roles:
    """What a model predicts, and with which outputs."""

    outputs: tuple[OutputSpec, ...]
    task: Task
    classes: tuple[str | int, ...] = ()


def roles_of(
    proto: ModelProto,
    specs: Sequence[TensorSpec],
    said: Tensors,
    *,
    known: Sequence[str | int] = (),
) -> Roles:
    """Return the meaning of every output.

    The first output of texts or int64, one per row, is the label; the first with several numbers
    from 0 to 1 per row that sum to 1 are probabilities; without either, the first with one number
    per row is a predicted value. All others are left without meaning.

    Args:
        proto: The model; its classifier nodes may list the classes.
        specs: Its outputs.
        said: What they are for the caller's rows.
        known: Classes that the caller gave, in the order of the probabilities.

    Raises:
        UsageError: The classes cannot be told, or do not fit the probabilities.
    """
    label = next((spec for spec in specs if _is_label(spec, said[spec.name])), None)
    probabilities = next((spec for spec in specs if _is_probabilities(said[spec.name])), None)
    if label is None and probabilities is None:
        value = next((spec for spec in specs if _is_value(said[spec.name])), None)
        task = Task.OTHER if value is None else Task.REGRESSION
        return Roles(_with_roles(specs, {OutputRole.VALUE: value}), task)
    classes = tuple(known) or _classes(
        proto,
        None if label is None else said[label.name].ravel(),
        None if probabilities is None else said[probabilities.name],
    )
    if probabilities is not None and said[probabilities.name].shape[1] != len(classes):
        raise UsageError(
            f"output {probabilities.name!r} has {said[probabilities.name].shape[1]} probabilities, "
            f"but there are {len(classes)} classes: {list(classes[:8])}"
        )
    said_labels = set() if label is None else set(said[label.name].ravel().tolist())
    if not said_labels <= set(classes):
        raise UsageError(
            f"the model predicts {sorted(said_labels - set(classes))[:3]}, which are not among the "
            f"classes {list(classes[:8])}: give the labels that the model itself uses"
        )
    roles = {OutputRole.LABEL: label, OutputRole.PROBABILITIES: probabilities}
    task = Task.BINARY if len(classes) == 2 else Task.MULTICLASS
    return Roles(_with_roles(specs, roles), task, classes)


def _with_roles(
    specs: Sequence[TensorSpec], roles: dict[OutputRole, TensorSpec | None]
) -> tuple[OutputSpec, ...]:
    by_name = {spec.name: role for role, spec in roles.items() if spec is not None}
    return tuple(OutputSpec(spec, by_name.get(spec.name, OutputRole.OTHER)) for spec in specs)


def _is_label(spec: TensorSpec, values: NDArray[np.generic]) -> bool:
    return spec.element_type in ("string", "int64") and values.size == len(values)


def _is_probabilities(values: NDArray[np.generic]) -> bool:
    if values.dtype.kind != "f" or values.ndim != 2 or values.shape[1] < 2:
        return False
    numbers = values.astype(np.float64)
    in_range = bool(((numbers >= -_SUM_TOLERANCE) & (numbers <= 1 + _SUM_TOLERANCE)).all())
    return in_range and bool((np.abs(numbers.sum(axis=1) - 1) <= _SUM_TOLERANCE).all())


def _is_value(values: NDArray[np.generic]) -> bool:
    return values.dtype.kind == "f" and values.size == len(values)


def _classes(
    proto: ModelProto,
    labels: NDArray[np.generic] | None,
    probabilities: NDArray[np.generic] | None,
) -> tuple[str | int, ...]:
    """Return the classes in the order of the probabilities: the graph's own list, or a guess."""
    seen = set() if labels is None else set(labels.tolist())
    size = len(seen) if probabilities is None else probabilities.shape[1]
    for listed in _listed_classes(proto):
        if seen <= set(listed) and (probabilities is None or len(listed) == size):
            return listed
    if probabilities is None:
        return tuple(sorted(seen))
    if labels is None:
        return tuple(range(size))
    return _paired(labels.tolist(), probabilities.astype(np.float64).argmax(axis=1).tolist(), size)


def _paired(labels: list[str | int], places: list[int], size: int) -> tuple[str | int, ...]:
    """Return the label that goes with each place, if the likeliest place always has the same."""
    by_place = dict(zip(places, labels, strict=True))
    consistent = all(by_place[place] == label for place, label in zip(places, labels, strict=True))
    if consistent and all(place == label for place, label in by_place.items()):
        return tuple(range(size))
    if consistent and len(by_place) == size:
        return tuple(by_place[place] for place in range(size))
    raise UsageError(
        "the model does not say which class each probability belongs to: give classes=(...), in "
        "the order of the probabilities"
    )


def _listed_classes(proto: ModelProto) -> Iterator[tuple[str | int, ...]]:
    """Yield the class lists that classifier nodes carry, the last node's first."""
    for node in reversed(proto.graph.node):
        for attribute in node.attribute:
            if attribute.name in _CLASS_ATTRIBUTES and (attribute.strings or attribute.ints):
                yield tuple(text.decode() for text in attribute.strings) or tuple(attribute.ints)
