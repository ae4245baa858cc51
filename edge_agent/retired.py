"""Sessions that serve no more, kept until letting go of them disturbs nobody.

Freeing a large model takes tens of milliseconds in which no other thread of the process runs, so
it waits for a moment in which nobody asks for predictions.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from edge_agent.adapters.process_memory import give_back_memory
from edge_agent.servable import Servable

__all__ = ["MOST", "Retired"]

_LOOK_S: Final = 0.1
_LONGEST_S: Final = 600.0
MOST: Final = 2
"""How many are kept by default."""


class Retired:
    """Lets go of sessions when no call came for a tenth of a second, or at last after 10 minutes.

    Args:
        calls: Returns how many calls were ever answered.
        most: How many are kept however busy the device is; 0 where memory is short.
        look_s: How long nobody must ask.
        longest_s: How long a session is kept at most.
    """

    def __init__(
        self,
        calls: Callable[[], int],
        *,
        most: int = MOST,
        look_s: float = _LOOK_S,
        longest_s: float = _LONGEST_S,
    ) -> None:
        self._calls = calls
        self._most = most
        self._look_s = look_s
        self._longest_s = longest_s
        self._kept: deque[tuple[float, Servable]] = deque()
        self._lock = threading.Lock()
        self._leaving = threading.Event()
        self._thread: threading.Thread | None = None

    def __len__(self) -> int:
        """How many are kept."""
        return len(self._kept)

    def add(self, servable: Servable) -> None:
        """Keep one that serves no more, for a while."""
        with self._lock:
            if self._leaving.is_set():
                return
            self._kept.append((time.monotonic() + self._longest_s, servable))
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="edgefleet-retired", daemon=True
                )
                self._thread.start()

    def close(self) -> None:
        """Let go of all of them."""
        with self._lock:
            self._leaving.set()
            thread = self._thread
        if thread is not None:
            thread.join()
        self._kept.clear()

    def _run(self) -> None:
        calls = self._calls()
        is_done = False
        while not (is_done or self._leaving.wait(self._look_s)):
            before, calls = calls, self._calls()
            with self._lock:
                gone = self._taken(is_quiet=calls == before)
                is_done = not self._kept
                if is_done:
                    self._thread = None  # the next one that is added starts another
            if gone:
                gone.clear()
                give_back_memory()

    def _taken(self, *, is_quiet: bool) -> list[Servable]:
        """Take those out that are to go: all, those kept too long, or those too many."""
        now_s = time.monotonic()
        taken: list[Servable] = []
        while self._kept and (is_quiet or now_s >= self._kept[0][0]):
            taken.append(self._kept.popleft()[1])
        while len(self._kept) > self._most:
            # Calls come: one that is let go of in no time, if there is any.
            gone = next((it for it in self._kept if _is_compiled(it[1])), self._kept[0])
            self._kept.remove(gone)
            taken.append(gone[1])
        return taken


def _is_compiled(servable: Servable) -> bool:
    return getattr(servable.session, "is_compiled", False) is True
