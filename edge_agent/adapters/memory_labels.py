"""Labelled rows in memory: for agents that keep nothing on a disk."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

__all__ = ["MemoryLabels"]

_DAY_S: Final = 86_400


class MemoryLabels:
    """An :class:`edge_agent.ports.LabelStore` that ends with the process. Thread-safe.

    Args:
        labelled_rows: How many rows to remember.
        labelled_days: For how many days.
    """

    def __init__(self, *, labelled_rows: int = 100_000, labelled_days: int = 30) -> None:
        self._rows = labelled_rows
        self._days = labelled_days
        self._day_of: OrderedDict[int, int] = OrderedDict()
        self._lock = threading.Lock()

    def note_labelled(self, keys: Sequence[int], at_unix_s: float) -> list[bool]:
        """Note rows as labelled; return of each whether it was not before."""
        day = int(at_unix_s // _DAY_S)
        with self._lock:
            is_new = [self._note(key, day) for key in keys]
            while len(self._day_of) > self._rows:
                self._day_of.popitem(last=False)
        return is_new

    def _note(self, key: int, day: int) -> bool:
        noted = self._day_of.get(key)
        if noted is not None and noted >= day - self._days:
            return False
        self._day_of.pop(key, None)
        self._day_of[key] = day
        return True
