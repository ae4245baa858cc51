"""Sparse counts: whole-number keys to positive counts, and their compact wire form."""

from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import Final

from edge_contract.reading import MAX_INTEGER, Reader
from edge_contract.stats.base import State

__all__ = ["add_sparse", "added", "checked_total", "read_sparse", "sparse_state"]

_WHOLE: Final = {int}


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


def add_sparse(total: dict[int, int], gaps: Iterable[int], counts: Iterable[int]) -> None:
    """Add counts in place, from the two lists of :func:`sparse_state`."""
    for key, count in zip(accumulate(gaps), counts, strict=True):
        total[key] = total.get(key, 0) + count


def checked_total(state: object, *, low: int, high: int) -> int | None:
    """Return the sum of all counts if :func:`read_sparse` would take the state, without reading it.

    For what is merged by the thousand. ``None`` says that something is wrong or unusual with it:
    then read it, which tells what.
    """
    if type(state) is not list or len(state) != 2:
        return None
    gaps, counts = state
    if type(gaps) is not list or type(counts) is not list or len(gaps) != len(counts):
        return None
    if not gaps:
        return 0
    if {*map(type, gaps)} != _WHOLE or {*map(type, counts)} != _WHOLE:
        return None
    first = gaps[0]
    is_rising = len(gaps) == 1 or min(gaps[1:]) >= 1
    if not is_rising or first < low or sum(gaps) > high or min(counts) < 1:
        return None
    return sum(counts) if max(counts) <= MAX_INTEGER else None
