"""What the model saw of a row, as people can look at it: numbers, texts, and pictures as PNG."""

import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from edge_contract.package import ImageInput, Manifest
from edge_contract.samples import Cell, SampleColumn, SampleKind, sample_columns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_agent.ports import Tensor

__all__ = ["SampleCells", "png_of"]


class SampleCells:
    """Reads rows of one package out of what its model is fed.

    Args:
        manifest: Of the package.
    """

    def __init__(self, manifest: Manifest) -> None:
        self.columns: Sequence[SampleColumn] = sample_columns(manifest)
        """What :meth:`of` returns."""
        self._image = manifest.image
        places = {
            f"feature:{each.name}": (manifest.inputs[each.input_index].name, each.column)
            for each in manifest.features
        }
        self._places = [
            places.get(column.name) or (column.name.removeprefix("input:"), 0)
            for column in self.columns
        ]

    def of(self, feeds: "Mapping[str, Tensor]", row: int) -> tuple[Cell, ...]:
        """Return the values of one row, one for each column."""
        return tuple(
            self._cell(column.kind, feeds[name][row], place)
            for column, (name, place) in zip(self.columns, self._places, strict=True)
        )

    def _cell(self, kind: str, tensor: "Tensor", place: int) -> Cell:
        if kind == SampleKind.PICTURE and self._image is not None:
            return png_of(np.asarray(tensor), self._image)
        flat = np.asarray(tensor).reshape(-1)
        if kind == SampleKind.TENSOR:
            return tuple(float(value) for value in flat.tolist())
        value = flat[place]
        return str(value) if kind == SampleKind.TEXT else float(value)


def png_of(tensor: "NDArray[np.generic]", image: ImageInput) -> bytes:
    """Return the picture that a tensor was made of, as the model saw it: cut to size and scaled."""
    shape = image.height, image.width, image.channels
    if image.layout == "chw" and tensor.ndim != 2:
        pixels = tensor.reshape(image.channels, image.height, image.width).transpose(1, 2, 0)
    else:
        pixels = tensor.reshape(shape)
    mean = np.array(image.mean or (0.0,) * image.channels, np.float64)
    std = np.array(image.std or (1.0,) * image.channels, np.float64)
    numbers = (pixels.astype(np.float64) * std + mean) / (image.scale or 1.0)
    table = np.rint(np.clip(np.nan_to_num(numbers), 0, 255)).astype(np.uint8)
    if image.colour == "bgr":
        table = table[:, :, ::-1]
    lines = b"".join(b"\0" + line.tobytes() for line in np.ascontiguousarray(table))
    head = struct.pack(">IIBBBBB", image.width, image.height, 8, _COLOUR[image.channels], 0, 0, 0)
    parts = _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(lines)) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


_COLOUR = {1: 0, 3: 2}
"""What PNG calls pictures by the number of their channels."""


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
