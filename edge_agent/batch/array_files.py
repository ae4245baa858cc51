"""Reads numpy's archives block by block."""

import contextlib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from edge_agent.adapters.inputs import Rows
from edge_agent.batch.blocks import BLOCK_ROWS, Block
from edge_contract.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["npz_blocks"]


def npz_blocks(source: Path) -> Iterator[Block]:
    """Yield the rows of an archive of one array of rows, or one array per input.

    Raises:
        UsageError: The arrays differ in length.
        ValueError: One holds Python objects.
    """
    with contextlib.ExitStack() as stack:
        archive = stack.enter_context(zipfile.ZipFile(source))
        names = [name for name in archive.namelist() if name.endswith(".npy")]
        arrays = {
            name.removesuffix(".npy"): _NpyRows(stack.enter_context(archive.open(name)), name)
            for name in names
        }
        lengths = {name: array.left for name, array in arrays.items()}
        if len(set(lengths.values())) != 1:
            raise UsageError(f"{source.name} must hold arrays of one length, got {lengths}")
        total = next(iter(lengths.values()))
        for first in range(0, total, BLOCK_ROWS):
            end = min(first + BLOCK_ROWS, total)
            block = {name: array.read(BLOCK_ROWS) for name, array in arrays.items()}
            rows: Rows = next(iter(block.values())) if len(block) == 1 else block
            yield Block(rows, end / total, range(first + 1, end + 1))


class _NpyRows:
    """One array of an archive, read row by row; as a whole if it was saved column by column.

    Attributes:
        left: Rows that were not read yet.
    """

    def __init__(self, file: IO[bytes], name: str) -> None:
        self._file = file
        version = np.lib.format.read_magic(file)
        read_header = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        shape, by_columns, self._dtype = read_header(file)
        if not shape or self._dtype.hasobject:
            raise ValueError(
                f"{name} has type {self._dtype} and shape {shape}: save rows of plain numbers or "
                "texts"
            )
        self.left = shape[0]
        self._row_shape = shape[1:]
        self._whole: NDArray[np.generic] | None = None
        if by_columns:
            self._whole = self._next(shape[0]).reshape(shape[::-1]).T

    def read(self, rows: int) -> "NDArray[np.generic]":
        """Return the next rows, at most so many."""
        count = min(rows, self.left)
        self.left -= count
        if self._whole is not None:
            first = len(self._whole) - self.left - count
            return self._whole[first : first + count]
        return self._next(count)

    def _next(self, rows: int) -> "NDArray[np.generic]":
        values = rows * int(np.prod(self._row_shape, dtype=np.int64))
        data = self._file.read(values * self._dtype.itemsize)
        if len(data) < values * self._dtype.itemsize:
            raise EOFError("the file is cut off")
        return np.frombuffer(data, self._dtype).reshape(rows, *self._row_shape)
