"""Pending counts that this process has written itself, so that nobody needs to read them again."""

import threading
from collections.abc import Iterable, Set
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from cloud_sync.core.increments import Increment, PackageRole, PendingKey

__all__ = ["FreshCounts", "PendingRow"]

_MOST_KEYS: Final = 2_000
_MOST_ROWS: Final = 200_000


class PendingRow(NamedTuple):
    """A row of the table of pending counts."""

    row_id: int
    key: PendingKey
    increment: Increment


@dataclass(slots=True)
class _Sum:
    increment: Increment
    row_ids: set[int] = field(default_factory=set)


class FreshCounts:
    """Sums of rows that stand in the table, by key. Only a short cut: the table is what counts.

    Thread-safe. Forgets everything when it grows too large; the rows are then read.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sums: dict[PendingKey, _Sum] = {}
        self._rows = 0

    def add(self, rows: Iterable[PendingRow]) -> None:
        """Take in rows that have been committed."""
        with self._lock:
            for row_id, key, increment in rows:
                known = self._sums.get(key)
                if known is None:
                    known = self._sums[key] = _Sum(increment)
                else:
                    known.increment = known.increment.merged(increment)
                known.row_ids.add(row_id)
                self._rows += 1
            if len(self._sums) > _MOST_KEYS or self._rows > _MOST_ROWS:
                self._sums.clear()
                self._rows = 0

    def find(self, key: PendingKey, row_ids: Set[int]) -> tuple[Increment, Set[int]] | None:
        """Return the sum of some of these rows of a key, and which; ``None`` if none is known."""
        with self._lock:
            known = self._sums.get(key)
            if known is None or not known.row_ids <= row_ids:
                return None
            return known.increment, frozenset(known.row_ids)

    def forget(self, subject: PackageRole, token: Set[int]) -> None:
        """Forget sums that hold rows which are in the table no more."""
        with self._lock:
            for key, known in list(self._sums.items()):
                if key.subject == subject and not known.row_ids.isdisjoint(token):
                    self._rows -= len(known.row_ids)
                    del self._sums[key]
