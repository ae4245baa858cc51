"""Rows that say which rows they are, and what a ring holds of them."""

import struct

import numpy as np

from edge_agent.adapters.ring import Ring

__all__ = ["WIDE", "numbered", "numbers_in", "row_of"]

WIDE = 2000  # so that a ring has 500 rows only


def numbered(first: int, count: int) -> "np.ndarray[tuple[int, int], np.dtype[np.float32]]":
    """Rows of three numbers that say which rows they are."""
    numbers = np.arange(first, first + count, dtype=np.float32)
    return np.stack([numbers, -numbers, numbers + 0.5], axis=1)


def row_of(*numbers: float) -> memoryview:
    """The bytes of a row."""
    return memoryview(struct.pack(f"{len(numbers)}f", *numbers))


def numbers_in(ring: Ring, first: int, last: int) -> list[float]:
    return [row[0] for block in ring.read(first, last) for row in block.tolist()]
