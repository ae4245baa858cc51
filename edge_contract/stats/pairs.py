"""Counts of (row, column) class pairs: what labels and shadow agreement have in common."""

from collections.abc import Mapping
from typing import TypeAlias

from edge_contract.reading import Reader
from edge_contract.stats.base import State
from edge_contract.stats.sparse import read_sparse, sparse_state

__all__ = ["ClassPairs", "pairs_state", "read_pairs", "valid_pair"]

ClassPairs: TypeAlias = "dict[int, int]"
"""Counts by ``row * classes + column``."""


def valid_pair(row: float, column: float, *, classes: int) -> int | None:
    """Return the key of a pair of class indices, or ``None`` if one is not a class."""
    if 0 <= row < classes and 0 <= column < classes:
        return int(row) * classes + int(column)
    return None


def pairs_state(pairs: Mapping[int, int]) -> State:
    """Return the compact wire form."""
    return sparse_state(pairs)


def read_pairs(reader: Reader, *, classes: int) -> ClassPairs:
    """Rebuild pairs; raises the reader's error for unknown classes or counts below 1."""
    return read_sparse(reader, low=0, high=classes * classes - 1)
