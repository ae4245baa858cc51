"""Answers that are dear to make, kept for some seconds for all who ask for the same."""

import threading
import time
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

__all__ = ["Recent"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_MOST: Final = 64


class Recent(Generic[K, V]):
    """Keeps answers by question. Thread-safe; two who ask at once are answered by one making.

    Args:
        keep_s: How old an answer may be.
        clock: Monotonic seconds.
    """

    def __init__(self, *, keep_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._keep_s = keep_s
        self._clock = clock
        self._lock = threading.Lock()
        self._making: dict[K, threading.Lock] = {}
        self._kept: dict[K, tuple[float, V]] = {}

    def get(self, key: K, make: Callable[[], V]) -> V:
        """Return the answer to a question; raises what ``make`` raises, which is not kept."""
        with self._lock:
            if len(self._making) >= _MOST:
                self._making.clear()
                self._kept.clear()
            making = self._making.setdefault(key, threading.Lock())
        with making:
            known = self._kept.get(key)
            if known is not None and self._clock() < known[0] + self._keep_s:
                return known[1]
            made = make()
            with self._lock:
                self._kept[key] = (self._clock(), made)
            return made
