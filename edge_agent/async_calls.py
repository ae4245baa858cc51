"""Predictions for event loops: where they are, if that is quick; else on threads beside them."""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from edge_agent.adapters.profiles import usable_cores
from edge_agent.switch import Switch

if TYPE_CHECKING:
    from edge_agent.adapters.inputs import Rows
    from edge_agent.prediction import Prediction

__all__ = ["AsyncCalls"]

_QUICK_S: Final = 0.0005  # handing a call to a thread and back takes a fifth of it
_NEWEST: Final = 0.2  # how much the latest call says about the next one


class AsyncCalls:
    """Calls of ``predict`` from event loops. Thread-safe.

    Args:
        predict: Predicts, and may take long.
        switch: Says which version would answer.
    """

    def __init__(self, predict: "Callable[[Rows], Prediction]", switch: Switch) -> None:
        self._predict = predict
        self._switch = switch
        self._seconds_a_row: dict[str, float] = {}
        self._pool: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()
        self._closed = False

    async def predict(self, rows: "Rows") -> "Prediction":
        """Predict without holding up the event loop for more than about half a millisecond.

        A version whose rows took long, or of which none was predicted yet, is called on another
        thread. A caller that is cancelled gets no answer; a call that had begun is observed.
        """
        count = _count(rows)
        pool = None if self._is_quick(count) else self._threads()
        if pool is None:
            return self._timed(rows)
        return await asyncio.get_running_loop().run_in_executor(pool, self._timed, rows)

    def close(self) -> None:
        """Begin no more calls on other threads; those that wait are told that the agent is gone."""
        with self._lock:
            self._closed = True
            if self._pool is not None:
                self._pool.shutdown(wait=False)

    def _is_quick(self, count: int) -> bool:
        routing = self._switch.routing
        if routing is None or not routing.serve.has_room(count):  # it would wait
            return False
        seconds_a_row = self._seconds_a_row.get(routing.serve.digest)
        return seconds_a_row is not None and count * seconds_a_row < _QUICK_S

    def _timed(self, rows: "Rows") -> "Prediction":
        began_s = time.perf_counter()
        prediction = self._predict(rows)
        seconds_a_row = (time.perf_counter() - began_s) / len(prediction)
        digest = prediction.digest
        before = self._seconds_a_row.get(digest)
        if before is None:
            self._seconds_a_row = {digest: seconds_a_row}  # earlier versions are done with
        else:
            self._seconds_a_row[digest] = before + _NEWEST * (seconds_a_row - before)
        return prediction

    def _threads(self) -> ThreadPoolExecutor | None:
        """Return the threads, begun at first use; ``None`` after the end: the call fails at once.

        There are as many as cores, and one that may wait for a first model.
        """
        with self._lock:
            if self._closed:
                return None
            if self._pool is None:
                self._pool = ThreadPoolExecutor(
                    usable_cores() + 1, thread_name_prefix="edgefleet-async"
                )
            return self._pool


def _count(rows: "Rows") -> int:
    """Return how many rows these are, at most: of a flat list nobody knows yet."""
    some: object = rows
    if isinstance(some, Mapping):
        some = next(iter(some.values()), None)
    if isinstance(some, (str, bytes, bytearray, memoryview)) or not hasattr(some, "__len__"):
        return 1
    return max(len(some), 1)
