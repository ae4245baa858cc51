"""Windows: when to close one, how to cut it into batches, how to merge two."""

import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from edge_contract.errors import MessageError
from edge_contract.messages import BatchId, Counters, TelemetryBatch, WindowEntry, encode
from edge_contract.stats import ProfileSpec

__all__ = ["Cut", "WindowClock", "batches_of", "merged_entries"]

_SHORTEST_WINDOW: Final = 0.1  # as a fraction of the whole


class WindowClock:
    """Says when the present window ends: at whole multiples of its length by the wall clock.

    All devices of a fleet therefore close the same windows. A clock that jumps closes the present
    window early or late, never twice.

    Args:
        interval_s: Length of a window, above 0.
        delay_s: How long after the end to close it, unlike on other devices.
    """

    __slots__ = ("_delay_s", "closes_at_s", "interval_s")

    def __init__(self, interval_s: float, delay_s: float) -> None:
        self.interval_s = interval_s
        self._delay_s = delay_s
        self.closes_at_s = 0.0

    def restart(self, now_s: float, at_unix_s: float) -> None:
        """Begin a window now; sets ``closes_at_s``, a monotonic time."""
        left_s = self.interval_s - at_unix_s % self.interval_s
        if left_s < _SHORTEST_WINDOW * self.interval_s:  # it was closed just before its end
            left_s += self.interval_s
        self.closes_at_s = now_s + left_s + self._delay_s


class Cut(NamedTuple):
    """Entries cut into batches.

    Attributes:
        batches: To be sent, in order.
        left_out: What could not be sent and why, for people.
        messages: The batches as they are sent.
    """

    batches: list[TelemetryBatch]
    left_out: list[str]
    messages: list[bytes]


def batches_of(entries: Sequence[WindowEntry], first: BatchId) -> Cut:
    """Return the entries in as many batches as the largest message asks for.

    The batches are numbered from ``first`` on. A profile that is too large by itself is spread over
    several entries, of which only the first has counters. A single statistic that is larger than a
    message may be, or that holds NaN, is left out; its counters go without it.

    Raises:
        MessageError: Counters or times cannot be sent.
    """
    whole = TelemetryBatch(first, tuple(entries))
    try:
        message = encode(whole)
    except MessageError as error:
        parts = _halves(entries)
        if not parts:
            raise
        cut = Cut([], [], [])
        for part in parts:
            more = batches_of(part, first._replace(seq=first.seq + len(cut.batches)))
            cut = Cut(*map(operator.add, cut, more))
        if len(parts) > 1:
            return cut
        subject = f"column {min(entries[0].profile)} of package {entries[0].package}"
        return cut._replace(left_out=[f"left out the statistic in {subject}: {error}"])
    return Cut([whole], [], [message])


def merged_entries(
    entries: Iterable[WindowEntry], specs: Mapping[tuple[str, str], ProfileSpec]
) -> tuple[WindowEntry, ...]:
    """Return the entries with those of one package and role merged.

    Args:
        entries: Of any windows.
        specs: What the profiles count, by package digest and role. Entries of packages that are
            not listed stay as they are.

    Raises:
        MessageError: A profile does not fit its spec.
    """
    merged: dict[tuple[str, str], WindowEntry] = {}
    kept: list[WindowEntry] = []
    for entry in entries:
        key = (entry.package, entry.role)
        if key not in specs:
            kept.append(entry)
        elif key not in merged:
            merged[key] = entry
        else:
            merged[key] = _merged_pair(merged[key], entry, specs[key])
    return (*merged.values(), *kept)


def _merged_pair(a: WindowEntry, b: WindowEntry, spec: ProfileSpec) -> WindowEntry:
    profile = spec.decode(a.profile).merged(spec.decode(b.profile))
    return WindowEntry(
        a.package,
        a.role,
        min(a.start_unix_s, b.start_unix_s),
        max(a.end_unix_s, b.end_unix_s),
        a.counters.plus(b.counters),
        profile.brief().to_state(),
    )


def _halves(entries: Sequence[WindowEntry]) -> list[list[WindowEntry]]:
    """Return two halves; of a single statistic its counters alone; of those nothing."""
    if len(entries) != 1:
        middle = len(entries) // 2
        return [list(entries[:middle]), list(entries[middle:])] if entries else []
    columns = sorted(entries[0].profile.items())
    if not columns:
        return []
    if len(columns) == 1:
        return [[replace(entries[0], profile={})]]
    middle = len(columns) // 2
    return [
        [replace(entries[0], profile=dict(columns[:middle]))],
        [replace(entries[0], counters=Counters(), profile=dict(columns[middle:]))],
    ]
