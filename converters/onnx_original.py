"""Runs an ONNX file as it was, with rows as the mended model takes them, to judge the mending."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, ValueInfoProto

from converters.base import Tensors
from converters.runtime import first_line_of
from converters.silent_onnxruntime import onnxruntime
from edge_contract.errors import PackageError, UsageError

__all__ = ["Layout", "Original", "layout_of"]

_SILENT: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where a file keeps the batch.

    Attributes:
        settings: Names of inputs without axes.
        batch_axes: Of every other input, the axis of the batch.
        one_row: Whether that axis is fixed at one row.
        listed: By name of an output of a ZipMap, the labels that it says probabilities of.
    """

    settings: tuple[str, ...] = ()
    batch_axes: Mapping[str, int] = field(default_factory=dict)
    one_row: bool = False
    listed: Mapping[str, tuple[str | int, ...]] = field(default_factory=dict)

    @property
    def is_plain(self) -> bool:
        """Whether there is nothing to mend."""
        return not (self.settings or self.one_row or self.listed or any(self.batch_axes.values()))


def layout_of(proto: ModelProto) -> "Layout | None":
    """Return where a file keeps the batch; ``None`` if that cannot be told."""
    weights = {tensor.name for tensor in proto.graph.initializer}
    inputs = [it for it in proto.graph.input if it.name not in weights]
    listed = {
        node.output[0]: tuple(
            label.decode() if isinstance(label, bytes) else int(label)
            for attribute in node.attribute
            for label in (*attribute.strings, *attribute.ints)
        )
        for node in proto.graph.node
        if node.op_type == "ZipMap"
    }
    if not all(it.type.HasField("tensor_type") for it in inputs):
        return None
    settings = tuple(it.name for it in inputs if not _axes(it))
    found = {it.name: _batch_axis(_axes(it)) for it in inputs if _axes(it)}
    fixed = {it.name for it in inputs if _axes(it) and 0 not in _axes(it)}
    axes = {name: axis for name, axis in found.items() if axis is not None}
    if len(axes) < len(found) or (fixed and len(fixed) < len(found)) or not axes:
        return None
    return Layout(settings=settings, batch_axes=axes, one_row=bool(fixed), listed=listed)


def _axes(value: ValueInfoProto) -> list[int]:
    """Return the lengths of the axes; 0 for one that may vary."""
    return [int(axis.dim_value) for axis in value.type.tensor_type.shape.dim]


def _batch_axis(axes: Sequence[int]) -> int | None:
    if axes[0] == 0:
        return 0
    free = [place for place, length in enumerate(axes) if length == 0]
    if free:
        return free[0] if len(free) == 1 else None
    ones = [place for place, length in enumerate(axes) if length == 1]
    return 0 if axes[0] == 1 else (ones[0] if len(ones) == 1 else None)


class Original:
    """A file as it was, called with the first axis of every array for the rows.

    Args:
        data: The file.
        layout: Where it keeps the batch.
        settings: The value of every setting.
        what: How to call it in errors.

    Raises:
        PackageError: onnxruntime cannot load it.
    """

    def __init__(self, data: bytes, layout: Layout, settings: Tensors, *, what: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = _SILENT
        try:
            self._session = onnxruntime.InferenceSession(
                data, sess_options=options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's exceptions have no other common base
            raise PackageError(f"onnxruntime cannot load {what}: {first_line_of(error)}") from error
        self._names = [output.name for output in self._session.get_outputs()]
        self._layout, self._settings, self._what = layout, settings, what
        self.output_axes: dict[str, int] = {}

    def find_output_axes(self, feeds: Tensors) -> None:
        """Find the batch axis of every output: the one that grows with the rows.

        Args:
            feeds: At least one row.

        Raises:
            UsageError: An output does not grow with the rows along exactly one axis.
        """
        if self._layout.one_row:
            one = self._called({name: values[:1] for name, values in feeds.items()})
            shapes = {name: np.asarray(one[name]).shape for name in self._names}
            axes = {name: _batch_axis(shape) if shape else 0 for name, shape in shapes.items()}
            self.output_axes = {name: axis or 0 for name, axis in axes.items()}
            return
        two, three = (
            self._called({name: _rows(values, size) for name, values in feeds.items()})
            for size in (2, 3)
        )
        for name in self._names:
            if name in self._layout.listed:
                self.output_axes[name] = 0
                continue
            small, large = np.asarray(two[name]).shape, np.asarray(three[name]).shape
            grown = [
                axis
                for axis, lengths in enumerate(zip(small, large, strict=True))
                if lengths == (2, 3)
            ]
            if len(grown) != 1:
                raise UsageError(
                    f"output {name!r} of {self._what} has shape {list(large)} for 3 rows: one axis "
                    "of every output must be the batch"
                )
            self.output_axes[name] = grown[0]

    def said(self, feeds: Tensors) -> dict[str, NDArray[np.generic]]:
        """Return the outputs, their first axis the rows.

        Raises:
            PackageError: It fails on these rows.
        """
        total = min(len(values) for values in feeds.values())
        step = 1 if self._layout.one_row else total
        parts = [
            self._called({name: values[start : start + step] for name, values in feeds.items()})
            for start in range(0, total, step)
        ]
        return {
            name: np.concatenate([self._turned(name, part[name]) for part in parts])
            for name in self._names
        }

    def _called(self, feeds: Tensors) -> dict[str, object]:
        axes = self._layout.batch_axes
        turned = {name: np.moveaxis(values, 0, axes[name]) for name, values in feeds.items()}
        try:
            outputs = self._session.run(self._names, {**turned, **self._settings})
        except Exception as error:  # as above
            raise PackageError(f"{self._what} fails on its rows: {first_line_of(error)}") from error
        return dict(zip(self._names, outputs, strict=True))

    def _turned(self, name: str, output: object) -> NDArray[np.generic]:
        labels = self._layout.listed.get(name)
        if labels is not None and isinstance(output, list):
            shares = [[row[label] for label in labels] for row in output]
            return np.array(shares, dtype=np.float32)
        return np.moveaxis(np.asarray(output), self.output_axes[name], 0)


def _rows(values: NDArray[np.generic], size: int) -> NDArray[np.generic]:
    return values[np.arange(size) % len(values)]
