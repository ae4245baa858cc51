"""Keeps a variant from answering rows that the exact model has no answer for.

A missing number runs through a network and makes its outputs NaN, which devices count. Rounded to
8 bits it would become some number, and the answer one like any other.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, helper, numpy_helper

from converters.base import Tensors
from converters.graph import opsets_of, parse_model
from converters.runtime import OnnxModel
from converters.variants.rows import answered

__all__ = ["with_gaps_kept"]

_MAX_PROBES: Final = 256
_AXES_ARE_INPUT: Final = 13
_PREFIX: Final = "gaps"


def with_gaps_kept(variant: bytes, exact: OnnxModel, feeds: Tensors, outputs: Tensors) -> bytes:
    """Return the variant with NaN as its answer to a gap where that is the exact model's.

    Found out by asking the exact model: a row with a gap in each column, or in 256 columns of a
    wide input. Columns of which a gap is filled in by the model are left alone. So are models that
    answer some outputs in spite of a gap and others not.

    Args:
        variant: The serialized ``ModelProto``.
        exact: The exact model.
        feeds: Rows of the author.
        outputs: What the exact model says of them.
    """
    answers = answered(outputs)
    if not answers.any():
        return variant
    row = int(answers.argmax())
    voiding = {
        name: _voiding_columns(exact, feeds, name, row)
        for name, values in feeds.items()
        if values.dtype == np.float32
    }
    found = {name: columns for name, columns in voiding.items() if len(columns)}
    if not found:
        return variant
    model = parse_model(variant, what="the variant")
    widths = {name: feeds[name][:1].size for name in found}
    graph = model.graph
    ranks = {spec.name: len(spec.shape) for spec in exact.outputs if spec.element_type == "float32"}
    marks = [f"{_PREFIX}{place}" for place in range(len(found))]
    for mark, (name, columns) in zip(marks, found.items(), strict=True):
        chosen = None if len(columns) == widths[name] else columns
        graph.node.extend(_marking(model, name, mark, chosen))
    for name, rank in ranks.items():
        _add_marks(model, name, rank, marks)
    return bytes(model.SerializeToString(deterministic=True))


def _voiding_columns(exact: OnnxModel, feeds: Tensors, name: str, row: int) -> NDArray[np.int64]:
    """Return the columns of an input of which a gap makes every output of numbers NaN.

    Of a wide input all or none: all if that is so for each column tried.
    """
    width = feeds[name][:1].size
    tried = np.unique(np.linspace(0, width - 1, min(width, _MAX_PROBES)).astype(np.int64))
    rows = np.full(len(tried), row)
    probes = {key: values[rows] for key, values in feeds.items()}
    flat = probes[name].reshape(len(tried), width).copy()
    flat[np.arange(len(tried)), tried] = np.nan
    probes[name] = flat.reshape(probes[name].shape)
    said = [it for it in exact.run(probes).values() if it.dtype.kind == "f"]
    is_void = np.array([np.isnan(it).reshape(len(tried), -1).all(axis=1) for it in said])
    voids = is_void.all(axis=0) if said else np.zeros(len(tried), bool)
    if len(tried) == width:
        return tried[voids]
    return np.arange(width) if voids.all() else np.arange(0)


def _marking(
    model: ModelProto, name: str, mark: str, columns: NDArray[np.int64] | None
) -> Iterator[NodeProto]:
    """Yield nodes that make a number for each row: 0, or NaN if one of its columns is none."""
    constants = model.graph.initializer
    current = f"{mark}_row"
    yield helper.make_node("Flatten", [name], [current], axis=1)
    if columns is not None:
        constants.append(numpy_helper.from_array(columns, f"{mark}_columns"))
        yield helper.make_node("Gather", [current, f"{mark}_columns"], [f"{mark}_chosen"], axis=1)
        current = f"{mark}_chosen"
    constants.append(numpy_helper.from_array(np.zeros((), np.float32), f"{mark}_zero"))
    yield helper.make_node("Mul", [current, f"{mark}_zero"], [f"{mark}_zeros"])
    if opsets_of(model)[""] < _AXES_ARE_INPUT:
        yield helper.make_node("ReduceSum", [f"{mark}_zeros"], [mark], axes=[1], keepdims=0)
        return
    constants.append(numpy_helper.from_array(np.array([1]), f"{mark}_axes"))
    yield helper.make_node("ReduceSum", [f"{mark}_zeros", f"{mark}_axes"], [mark], keepdims=0)


def _add_marks(model: ModelProto, name: str, rank: int, marks: Sequence[str]) -> None:
    """Add the numbers of :func:`_marking` to an output of the graph."""
    graph = model.graph
    current = f"{_PREFIX}_{name}_before"
    for node in graph.node:
        for names in (node.input, node.output):
            for place, found in enumerate(names):
                if found == name:
                    names[place] = current
    for place, mark in enumerate(marks):
        shape, shaped = f"{_PREFIX}_{name}_shape{place}", f"{_PREFIX}_{name}_mark{place}"
        after = name if place == len(marks) - 1 else f"{_PREFIX}_{name}_after{place}"
        graph.initializer.append(numpy_helper.from_array(np.array([-1] + [1] * (rank - 1)), shape))
        graph.node.append(helper.make_node("Reshape", [mark, shape], [shaped]))
        graph.node.append(helper.make_node("Add", [current, shaped], [after]))
        current = after
