"""How profiles lie in the file: the JSON of the wire, compressed."""

import json
import zlib
from collections.abc import Collection, Iterable, Mapping
from typing import TypeAlias

from cloud_sync.core.facts import CohortStatistics
from cloud_sync.core.increments import Increment
from edge_contract.errors import MessageError
from edge_contract.messages import Counters
from edge_contract.reading import JsonValue, Reader
from edge_contract.stats import Profile, ProfileSpec, State
from edge_contract.stats.profile import state_from_json, state_to_json

__all__ = ["CountedRow", "merged_rows", "pack", "unpack"]

CountedRow: TypeAlias = tuple[int, int, int, int, bytes]
"""Rows, calls, failures, dropped and the packed profile, as the tables hold them."""


def pack(state: "Mapping[int, JsonValue | State]") -> bytes:
    """Return the bytes of a profile's state."""
    text = json.dumps(state_to_json(state), separators=(",", ":"), allow_nan=False)
    return zlib.compress(text.encode(), 1)


def unpack(data: bytes, spec: ProfileSpec, *, columns: Collection[int] | None = None) -> Profile:
    """Return the profile, or some columns of it.

    Raises:
        MessageError, zlib.error: The bytes are damaged.
    """
    if columns is not None and not columns:
        return spec.empty()
    reader = Reader(json.loads(zlib.decompress(data)), "profile", MessageError)
    state = state_from_json(reader)
    if columns is not None:
        state = {index: found for index, found in state.items() if index in columns}
    return spec.decode(state)


def merged_rows(
    rows: Iterable[CountedRow], spec: ProfileSpec, *, columns: Collection[int] | None = None
) -> Increment:
    """Return the sum of rows of a table, or of some columns of their profiles."""
    total = Increment(Counters(), spec.empty())
    for *counters, data in rows:
        total = total.merged(Increment(Counters(*counters), unpack(data, spec, columns=columns)))
    return total


def as_cohort(increment: Increment, *, devices: int) -> CohortStatistics:
    """Return the same as what decisions are made from."""
    return CohortStatistics(increment.counters, increment.profile, devices)
