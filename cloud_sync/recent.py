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

    An answer that has grown old is made anew on a thread of its own, and whoever asks meanwhile
    gets the old one at once; only the first to ask, and who asks after a long time, waits.

    Args:
        keep_s: How old an answer may be before another one is made.
        stale_s: How old an answer may be that is given meanwhile.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        *,
        keep_s: float,
        stale_s: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keep_s = keep_s
        self._stale_s = stale_s
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
            known = self._kept.get(key)
        if known is not None and self._clock() < known[0] + self._stale_s:
            if self._clock() >= known[0] + self._keep_s and making.acquire(blocking=False):
                self._make_aside(key, make, making)
            return known[1]
        with making:
            known = self._kept.get(key)
            if known is not None and self._clock() < known[0] + self._keep_s:
                return known[1]
            return self._make(key, make)

    def _make(self, key: K, make: Callable[[], V]) -> V:
        made = make()
        with self._lock:
            self._kept[key] = (self._clock(), made)
        return made

    def _make_aside(self, key: K, make: Callable[[], V], making: threading.Lock) -> None:
        """Make an answer on another thread, and let go of the lock that was taken for it."""

        def attempt() -> None:
            try:
                self._make(key, make)
            except Exception:  # noqa: BLE001  the next one who asks makes it, and is told
                with self._lock:
                    self._kept.pop(key, None)
            finally:
                making.release()

        threading.Thread(target=attempt, name="recent", daemon=True).start()
