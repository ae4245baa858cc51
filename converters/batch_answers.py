"""Estimators whose answer about a row depends on the rows that it comes with."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from sklearn.decomposition import NMF, MiniBatchNMF

from converters.base import Rows
from converters.rows import row_count, take
from converters.runtime import BLOCK_ROWS
from converters.sklearn_parts import parts_of

__all__ = ["asked_together"]

_TOGETHER: Final = (NMF, MiniBatchNMF)
"""These search until all rows of a batch together hardly change."""


def asked_together(source: object, rows: Rows) -> Iterator[Rows]:
    """Yield the rows about which an estimator is asked at once: as many as an ONNX model is.

    They are all rows, unless its answer about one depends on the others.
    """
    count = row_count(rows)
    if count <= BLOCK_ROWS or not any(isinstance(it, _TOGETHER) for it in parts_of(source)):
        yield rows
        return
    every = np.arange(count)
    yield from (take(rows, every[start : start + BLOCK_ROWS]) for start in every[::BLOCK_ROWS])
