"""Arrays into the tensors of a model's inputs: type, shape, and what does not fit by name."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from edge_agent.adapters.values import BadValueError, RowError, as_element_type, dtype_of
from edge_agent.adapters.wording import described
from edge_contract.errors import UsageError
from edge_contract.package import Manifest, TensorSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["InputTensors", "row_size"]

_Array: TypeAlias = "NDArray[np.generic]"


class InputTensors:
    """Makes the tensors of one model.

    Args:
        manifest: Of the model.

    Attributes:
        dtypes: Of the inputs, in their order.
        features: Names by input and column.
    """

    def __init__(self, manifest: Manifest) -> None:
        self._model = manifest.reference
        self._inputs = manifest.inputs
        self.dtypes = [dtype_of(tensor.element_type) for tensor in manifest.inputs]
        self.features = {(f.input_index, f.column): f.name for f in manifest.features}

    def whole(self, array: _Array, index: int) -> _Array:
        """Return one input as its type and shape ask for; a single row may lack its first axis.

        Raises:
            UsageError: It does not fit.
        """
        spec = self._inputs[index]
        axes = len(spec.shape)
        shaped = array
        if axes == 2 and row_size(spec) == 1 and array.ndim < 2:
            shaped = array.reshape(-1, 1)  # a column, not a row
        elif array.ndim == axes - 1:
            shaped = array[None]
        fits = shaped.ndim == axes and all(
            isinstance(axis, str) or axis == length
            for axis, length in zip(spec.shape[1:], shaped.shape[1:], strict=True)
        )
        if not fits and array.size == 0:
            raise UsageError(f"model {self._model!r} got no rows")
        if not fits:
            raise UsageError(
                f"input {spec.name!r} of model {self._model!r} is {spec}, "
                f"got {described(array)}{_advice(spec)}"
            )
        return np.ascontiguousarray(self._converted(shaped, index))

    def joined(self, columns: Mapping[str, _Array], index: int) -> _Array:
        """Return one input, put together from the columns of its features.

        Raises:
            UsageError: They cannot fill it.
            RowError: A value does not fit its type.
        """
        spec = self._inputs[index]
        parts = [
            self._converted(columns[name], index, only=column)
            for (place, column), name in sorted(self.features.items())
            if place == index
        ]
        if len(parts) != row_size(spec):
            raise UsageError(
                f"model {self._model!r} input {spec.name!r} is {spec}, which {len(parts)} features "
                f"cannot fill: give it whole, as {{{spec.name!r}: array}}"
            )
        tensor = np.stack(parts, axis=1)
        return np.ascontiguousarray(tensor.reshape(len(tensor), *spec.shape[1:]))

    def _converted(self, array: _Array, index: int, *, only: int | None = None) -> _Array:
        """Return values in an input's type; ``only`` is the column of its row that they are."""
        try:
            return as_element_type(array, self.dtypes[index])
        except BadValueError as error:
            spec = self._inputs[index]
            width = 1 if only is not None else max(array.size // max(len(array), 1), 1)
            row, column = divmod(error.place, width)
            name = self.features.get((index, column if only is None else only))
            what = f"input {spec.name!r}" if name is None else f"feature {name!r}"
            raise RowError(
                row, f"{what} of model {self._model!r} is {spec.element_type}, got {error.found}"
            ) from error


def row_size(spec: TensorSpec) -> int:
    """Return how many values are in a row; 0 if that varies."""
    size = 1
    for axis in spec.shape[1:]:
        size *= axis if isinstance(axis, int) else 0
    return size


def _advice(spec: TensorSpec) -> str:
    if len(spec.shape) == 2 and isinstance(spec.shape[1], int):
        return f": give {spec.shape[1]} values a row"
    return ": transpose or reshape it first"
