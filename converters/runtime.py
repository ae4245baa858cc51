"""Runs an ONNX model as a device does: onnxruntime, processor only, one thread."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from converters.base import Tensors
from edge_contract.errors import PackageError, UsageError
from edge_contract.package import TensorSpec

__all__ = ["BATCH", "BLOCK_ROWS", "OnnxModel", "first_line_of"]

BATCH: Final = "batch"
"""Name of the first axis of every input and output."""

BLOCK_ROWS: Final = 1024
"""How many rows are computed at once, unless told otherwise."""

_SILENT: Final = 4  # what goes wrong is raised here, and need not be printed as well

_ELEMENT_TYPES: Final = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(string)": "string",
} | {
    f"tensor({name})": name
    for name in (
        "float16", "int8", "int16", "int32", "int64",
        "uint8", "uint16", "uint32", "uint64", "bool",
    )
}  # fmt: skip


class OnnxModel:
    """A loaded model whose inputs and outputs hold one row per element of their first axis.

    Args:
        model: The serialized ``ModelProto``.
        what: How to call it in errors.

    Raises:
        PackageError: onnxruntime cannot load it, or an input or output is no tensor.
        UsageError: Its batch axis is fixed.
    """

    def __init__(self, model: bytes, *, what: str) -> None:
        from converters.silent_onnxruntime import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = _SILENT
        self._what = what
        try:
            self._session = onnxruntime.InferenceSession(
                model, sess_options=options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's exceptions have no other common base
            raise PackageError(f"onnxruntime cannot load {what}: {first_line_of(error)}") from error
        self.inputs = tuple(
            self._spec(argument.name, argument.type, argument.shape)
            for argument in self._session.get_inputs()
        )
        self.outputs = tuple(
            self._spec(argument.name, argument.type, argument.shape)
            for argument in self._session.get_outputs()
        )
        for spec in self.inputs:
            _require_free_batch(spec, what=what)

    def run(
        self, feeds: Tensors, *, block_rows: int = BLOCK_ROWS
    ) -> dict[str, NDArray[np.generic]]:
        """Return the outputs of all rows.

        Args:
            feeds: An array for each input; they have the same number of rows.
            block_rows: Rows of one call.

        Raises:
            PackageError: The model fails on these rows, or an output has not one element per row.
        """
        names = [spec.name for spec in self.outputs]
        total = min(len(values) for values in feeds.values())
        parts: dict[str, list[NDArray[np.generic]]] = {name: [] for name in names}
        for start in range(0, total, block_rows):
            block = {name: values[start : start + block_rows] for name, values in feeds.items()}
            size = min(block_rows, total - start)
            for name, output in zip(names, self._run_block(names, block), strict=True):
                if output.ndim == 0 or len(output) != size:
                    raise PackageError(
                        f"output {name!r} of {self._what} has shape {list(output.shape)} for "
                        f"{size} rows: the first axis of every output must be the batch"
                    )
                parts[name].append(output)
        return {name: np.concatenate(blocks) for name, blocks in parts.items()}

    def call(self, feeds: Tensors) -> Callable[[], object]:
        """Return what runs the model once on these rows, and does nothing else: to be timed."""
        names, given = [spec.name for spec in self.outputs], dict(feeds)
        return lambda: self._session.run(names, given)

    def _run_block(self, names: Sequence[str], feeds: Tensors) -> Sequence[NDArray[np.generic]]:
        try:
            outputs: Sequence[NDArray[np.generic]] = self._session.run(names, dict(feeds))
        except Exception as error:  # as above
            raise PackageError(f"{self._what} fails on its rows: {first_line_of(error)}") from error
        return outputs

    def _spec(self, name: str, kind: str, shape: Sequence[int | str | None]) -> TensorSpec:
        element_type = _ELEMENT_TYPES.get(kind)
        if element_type is None:
            hint = (
                "; it comes from a ZipMap, which devices cannot read: convert the model again with "
                "the option zipmap=False"
                if kind.startswith("seq(map(")
                else ""
            )
            raise UsageError(f"{name!r} of {self._what} is {kind}, expected a tensor{hint}")
        axes = [
            axis if isinstance(axis, int) else axis or f"axis{position}"
            for position, axis in enumerate(shape)
        ]
        if axes and not isinstance(axes[0], int):
            axes[0] = BATCH
        return TensorSpec(name, element_type, tuple(axes))


def _require_free_batch(spec: TensorSpec, *, what: str) -> None:
    if not spec.shape or spec.shape[0] != BATCH:
        raise UsageError(
            f"input {spec.name!r} of {what} is {spec}: its first axis must be a batch of any size; "
            "export the model again with a dynamic first axis"
        )


def first_line_of(error: Exception) -> str:
    """Return the first line of what an error says, or its kind if it says nothing."""
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
