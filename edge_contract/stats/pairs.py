"""Counts of (row, column) class pairs: what labels and shadow agreement have in common."""

from collections.abc import Mapping
from typing import TypeAlias

from edge_contract.reading import Reader
from edge_contract.stats.base import State
from edge_contract.stats.sparse import read_sparse, sparse_state

__all__ = ["ClassPairs", "is_class", "pairs_state", "read_pairs", "valid_pair"]

ClassPairs: TypeAlias = "dict[int, int]"
"""Counts by ``row * classes + column``."""


def valid_pair(row: float, column: float, *, classes: int) -> int | None:
    """Return the key of a pair of class indices, or ``None`` if one is not a class."""
    if is_class(row, classes=classes) and is_class(column, classes=classes):
        return int(row) * classes + int(column)
    return None


def is_class(number: float, *, classes: int) -> bool:
    """Return whether ``number`` is the index of a class: whole and from 0 to ``classes - 1``."""
    return 0 <= number < classes and number == int(number)


def pairs_state(pairs: Mapping[int, int]) -> State:
    """Return the compact wire form."""
    return sparse_state(pairs)


def read_pairs(reader: Reader, *, classes: int) -> ClassPairs:
    """Rebuild pairs; raises the reader's error for unknown classes or counts below 1."""
    return read_sparse(reader, low=0, high=classes * classes - 1)
