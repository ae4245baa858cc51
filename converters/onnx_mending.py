"""Mends ONNX files that do not hold one row per element of their first axis, if that is possible.

What is mended: outputs of a ZipMap, which no device reads; inputs without axes, which are settings
and become part of the model; inputs whose batch is not the first axis, as the states of recurrent
networks; and models that take one row at a time. The file as it was is the judge of what comes out.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, TensorShapeProto, ValueInfoProto, helper, numpy_helper

from converters.base import Rows, Tensors
from converters.graph import rename_everywhere
from converters.onnx_feeds import feeds_for
from converters.onnx_original import Layout, Original, layout_of
from converters.rows import row_count, take
from converters.runtime import BATCH, OnnxModel
from edge_contract.errors import EdgeError, UsageError
from edge_contract.package import TensorSpec

__all__ = ["Mended", "mended"]

_TRIED_ROWS: Final = 7
_RELATIVE: Final = 1e-4


class Mended(NamedTuple):
    """A model that holds one row per element of its first axis.

    Attributes:
        model: It, serialized.
        rows: The caller's rows without settings.
        says: What the file as it was says; ``None`` if it was right as it was.
        classes: Labels in the order of the probabilities, if a ZipMap listed them.
    """

    model: bytes
    rows: Rows
    says: Callable[[Tensors], Tensors] | None = None
    classes: tuple[str | int, ...] = ()


def mended(proto: ModelProto, data: bytes, rows: Rows, *, what: str) -> Mended:
    """Return a model, mended if need be.

    Args:
        proto: The model; it is changed.
        data: The same, serialized.
        rows: The caller's: for settings, arrays by input name.
        what: How to call the model in errors.

    Raises:
        UsageError: A setting has no value or several, or the batch cannot be made free.
        PackageError: The model does not run.
    """
    layout = layout_of(proto)
    if layout is None or layout.is_plain:
        return Mended(data, rows)
    settings, rest = _settings_apart(proto, layout, rows, what=what)
    original = Original(data, layout, settings, what=what)
    _fold_settings(proto.graph, settings)
    _drop_zipmaps(proto.graph, layout)
    for value in proto.graph.input:
        if value.name in layout.batch_axes:
            _move_input(proto.graph, value, layout.batch_axes[value.name])
    weights = {tensor.name for tensor in proto.graph.initializer}
    inputs = [value for value in proto.graph.input if value.name not in weights]
    feeds = _some_feeds(inputs, rest, what=what)
    original.find_output_axes(feeds)
    for value in proto.graph.output:
        _move_output(proto.graph, value, original.output_axes[value.name])
    if layout.one_row:
        _forget_shapes(proto.graph)
    model: bytes = proto.SerializeToString(deterministic=True)
    _require_same(model, original, feeds, layout, what=what)
    classes = next(iter(layout.listed.values()), ())
    return Mended(model, rest, original.said, classes)


def _settings_apart(
    proto: ModelProto, layout: Layout, rows: Rows, *, what: str
) -> tuple[Tensors, Rows]:
    """Return the values of settings as the file takes them, and the rows without them."""
    if not layout.settings:
        return {}, rows
    names = ", ".join(layout.settings)
    if not isinstance(rows, Mapping) or any(name not in rows for name in layout.settings):
        raise UsageError(
            f"{what} takes one value of {names} for all rows: give a dict of arrays, with one "
            f"number as {layout.settings[0]!r}"
        )
    kinds = {value.name: value.type.tensor_type.elem_type for value in proto.graph.input}
    values = {}
    for name in layout.settings:
        different = np.unique(rows[name])
        if len(different) != 1:
            raise UsageError(
                f"{what} takes one value of {name!r} for all rows, got {len(different)} different "
                f"ones, such as {different[:3].tolist()}: make a package for each"
            )
        kind = helper.tensor_dtype_to_np_dtype(kinds[name])
        values[name] = np.array(different[0], dtype=kind)
    return values, {name: it for name, it in rows.items() if name not in layout.settings}


def _some_feeds(inputs: Sequence[ValueInfoProto], rows: Rows, *, what: str) -> Tensors:
    """Return some rows as the mended model takes them."""
    specs = [_spec(value) for value in inputs]
    some = np.arange(min(row_count(rows), _TRIED_ROWS))
    return feeds_for(specs, take(rows, some), what=what)


def _spec(value: ValueInfoProto) -> TensorSpec:
    kind = np.dtype(helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type))
    axes = [
        axis.dim_value or axis.dim_param or f"axis{place}"
        for place, axis in enumerate(value.type.tensor_type.shape.dim)
    ]
    return TensorSpec(value.name, "string" if kind.kind == "O" else kind.name, tuple(axes))


def _fold_settings(graph: GraphProto, settings: Tensors) -> None:
    kept = [value for value in graph.input if value.name not in settings]
    del graph.input[:]
    graph.input.extend(kept)
    for name, value in settings.items():
        graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))


def _drop_zipmaps(graph: GraphProto, layout: Layout) -> None:
    """Let every output of a ZipMap be the probabilities that went into it."""
    for node in graph.node:
        if node.op_type == "ZipMap":
            node.op_type, node.domain = "Identity", ""
            del node.attribute[:]
    for place, output in enumerate(list(graph.output)):
        if output.name in layout.listed:
            shape: list[str | int | None] = [BATCH, len(layout.listed[output.name])]
            graph.output[place].CopyFrom(helper.make_tensor_value_info(output.name, 1, shape))


def _move_input(graph: GraphProto, value: ValueInfoProto, axis: int) -> None:
    """Let an input have its batch first, and turn it to where the graph has it."""
    if axis:
        inner = f"{value.name}_turned"
        order = _with_first(axis, count=len(value.type.tensor_type.shape.dim))
        back = np.argsort(order).tolist()
        rename_everywhere(graph, value.name, inner)
        graph.node.insert(0, helper.make_node("Transpose", [value.name], [inner], perm=back))
        _reorder(value, order)
    _free_first(value)


def _move_output(graph: GraphProto, value: ValueInfoProto, axis: int) -> None:
    """Let an output have its batch first."""
    if axis:
        inner = f"{value.name}_turned"
        order = _with_first(axis, count=len(value.type.tensor_type.shape.dim))
        rename_everywhere(graph, value.name, inner)
        graph.node.append(helper.make_node("Transpose", [inner], [value.name], perm=order))
        _reorder(value, order)
    _free_first(value)


def _with_first(axis: int, *, count: int) -> list[int]:
    return [axis, *(place for place in range(count) if place != axis)]


def _reorder(value: ValueInfoProto, order: Sequence[int]) -> None:
    axes = value.type.tensor_type.shape.dim
    before = TensorShapeProto()
    before.dim.extend(axes)
    del axes[:]
    axes.extend(before.dim[place] for place in order)


def _free_first(value: ValueInfoProto) -> None:
    axes = value.type.tensor_type.shape.dim
    if axes:
        axes[0].Clear()
        axes[0].dim_param = BATCH


def _forget_shapes(graph: GraphProto) -> None:
    """Remove what was found out about values inside while there was one row."""
    del graph.value_info[:]


def _require_same(
    model: bytes, original: Original, feeds: Tensors, layout: Layout, *, what: str
) -> None:
    """Check that the mended model says of some rows together what the file says of them."""
    expected = original.said(feeds)
    try:
        found = OnnxModel(model, what=what).run(feeds)
    except EdgeError as error:
        reason = str(error)
    else:
        same = all(_close(found[name], values) for name, values in expected.items())
        reason = "" if same else "it then says something else"
    if reason and layout.one_row:
        raise UsageError(
            f"{what} takes one row at a time, and cannot be made to take any number ({reason}): "
            "export the model again with a dynamic first axis"
        )
    if reason:
        raise UsageError(
            f"{what} does not have its batch as the first axis of every input and output, and "
            f"cannot be made to ({reason}): export the model again with the batch first"
        )


def _close(found: NDArray[np.generic], expected: NDArray[np.generic]) -> bool:
    if found.shape != expected.shape:
        return False
    if found.dtype.kind != "f":
        return bool((found == expected).all())
    return np.allclose(found, expected, rtol=_RELATIVE, atol=_RELATIVE, equal_nan=True)
