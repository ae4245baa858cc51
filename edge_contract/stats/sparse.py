"""Sparse counts: whole-number keys to positive counts, and their compact wire form."""

from collections.abc import Mapping
from itertools import accumulate

from edge_contract.reading import Reader
from edge_contract.stats.base import State

__all__ = ["added", "read_sparse", "sparse_state"]


def added(a: Mapping[int, int], b: Mapping[int, int]) -> dict[int, int]:
    """Return the sum of both, key by key."""
    total = dict(a)
    for key, count in b.items():
        total[key] = total.get(key, 0) + count
    return total


def sparse_state(counts: Mapping[int, int]) -> State:
    """Return ``[first key and gaps to the next ones, counts]``: small numbers compress well."""
    keys = sorted(key for key, count in counts.items() if count)
    gaps = [key - before for key, before in zip(keys, [0, *keys], strict=False)]
    return [gaps, [counts[key] for key in keys]]


def read_sparse(reader: Reader, *, low: int, high: int) -> dict[int, int]:
    """Rebuild counts from :func:`sparse_state`.

    Args:
        reader: At the two lists.
        low: Smallest key allowed.
        high: Largest key allowed.

    Raises:
        The reader's error: lists of different length, a count below 1, keys not rising or outside
        ``low`` to ``high``.
    """
    size = high - low + 1
    gaps = reader[0].integers(low=low, max_length=size)
    counts = reader[1].integers(low=1, max_length=size)
    if len(gaps) != len(counts) or min(gaps[1:], default=1) < 1:
        raise reader.refused("rising keys and one count for each")
    keys = list(accumulate(gaps))
    if keys and not low <= keys[-1] <= high:
        raise reader.refused(f"keys from {low} to {high}")
    return dict(zip(keys, counts, strict=True))
