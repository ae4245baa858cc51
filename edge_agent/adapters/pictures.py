"""Files of pictures into the tensor that a model takes, as its package says. Needs Pillow."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeGuard

import numpy as np

from edge_agent.adapters.frames import columns_in, named_columns, values_in
from edge_agent.adapters.picture_files import BadPictureError, picture_in
from edge_agent.adapters.values import RowError, dtype_of
from edge_agent.adapters.wording import shown
from edge_contract.errors import UsageError
from edge_contract.package import ImageInput, Manifest

if TYPE_CHECKING:
    from numpy.typing import NDArray
__all__ = ["Pictures"]


class Pictures:
    """Makes the tensor of a model's image input.

    Args:
        manifest: Of the model.
        image: How its package says that pictures become numbers.
    """

    def __init__(self, manifest: Manifest, image: ImageInput) -> None:
        spec = next(spec for spec in manifest.inputs if spec.name == image.tensor)
        self._model = manifest.reference
        self._image = image
        self._dtype = dtype_of(spec.element_type)
        whole = image.height, image.width
        pixel = (image.channels,)
        cube = (*pixel, *whole) if image.layout == "chw" else (*whole, *pixel)
        self._shape: tuple[int, ...] = {3: cube, 2: whole, 1: (-1,)}[len(spec.shape) - 1]
        self._scale = np.float32(image.scale)
        self._mean = np.array(image.mean or (0.0,) * image.channels, np.float32)
        self._std = np.array(image.std or (1.0,) * image.channels, np.float32)

    def decoded(self, rows: object) -> object:
        """Return rows with arrays in the place of encoded pictures; other rows as they are.

        Raises:
            UsageError: A file is no picture, or is not there, or Pillow is not installed.
        """
        if isinstance(rows, str):
            raise UsageError(
                f"model {self._model!r} takes pictures as bytes, as paths or as arrays, got "
                f"{shown(rows)}: pathlib.Path(...) names a file"
            )
        if _is_encoded(rows):
            return self._tensor([rows])
        if isinstance(rows, np.ndarray):
            return self._column(rows)
        if isinstance(rows, (list, tuple)):
            first = next((row for row in rows if row is not None), None)
            if _is_encoded(first):
                return self._tensor(rows)
            if isinstance(first, Mapping):
                return [self._in_record(number, row) for number, row in enumerate(rows)]
            return rows
        return self._in_columns(rows)

    def _in_columns(self, rows: object) -> object:
        """Return a table with the column of pictures decoded, if it has one."""
        name = self._image.tensor
        names = None if isinstance(rows, Mapping) else columns_in(rows)
        columns: Mapping[str, object] | None = rows if isinstance(rows, Mapping) else None
        if names is not None and name in names:
            columns = {str(each): rows[each] for each in names}  # type: ignore[index]
        elif names is None and columns is None:
            columns = named_columns(rows)
        if columns is None or name not in columns:
            return rows
        found = columns[name]
        if _is_encoded(found):
            return {**columns, name: self._tensor([found])}
        return {**columns, name: self._column(values_in(found))}

    def _in_record(self, number: int, record: object) -> object:
        name = self._image.tensor
        if not isinstance(record, Mapping) or not _is_encoded(record.get(name)):
            return record
        return {**record, name: self._one(number, record[name])}

    def _column(self, values: object) -> object:
        """Return what stands in a column as a tensor, if it is encoded pictures."""
        to_list: Callable[[], list[object]] | None = getattr(
            values, "to_pylist", getattr(values, "tolist", None)
        )
        if isinstance(values, np.ndarray):
            if values.dtype.kind not in "OS" or values.size == 0:
                return values
            values = values.ravel().tolist()
        elif to_list is not None:
            values = to_list()
        if isinstance(values, Sequence) and any(map(_is_encoded, values)):
            return self._tensor(values)
        return values

    def _tensor(self, pictures: Sequence[object]) -> "NDArray[np.generic]":
        return np.stack([self._one(number, each) for number, each in enumerate(pictures)])

    def _one(self, number: int, given: object) -> "NDArray[np.generic]":
        """Return one picture; raises ``RowError``, naming its row, if it cannot be read."""
        image = self._image
        if not _is_encoded(given):
            raise self._error(number, f"is {shown(given)}, expected a file's bytes or its path")
        try:
            pixels = picture_in(given, image)
        except BadPictureError as error:
            raise self._error(number, str(error)) from error
        except ModuleNotFoundError as error:
            raise UsageError(
                f"model {self._model!r} can decode pictures only with Pillow, which is not "
                "installed: pip install 'edgefleet[images]', or give arrays"
            ) from error
        table = np.asarray(pixels, np.float32).reshape(image.height, image.width, image.channels)
        if image.colour == "bgr":
            table = table[:, :, ::-1]
        table = (table * self._scale - self._mean) / self._std
        if image.layout == "chw":
            table = table.transpose(2, 0, 1)
        if self._dtype.kind in "iu":
            table = np.rint(table)
        return np.ascontiguousarray(table.reshape(self._shape), self._dtype)

    def _error(self, number: int, text: str) -> RowError:
        return RowError(
            number, f"picture for input {self._image.tensor!r} of model {self._model!r} {text}"
        )


def _is_encoded(value: object) -> "TypeGuard[bytes | os.PathLike[str]]":
    return isinstance(value, (bytes, bytearray, memoryview, os.PathLike))
