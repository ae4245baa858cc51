"""The shadow: repeats served calls on a candidate, beside the serving path and never in its way."""

import contextlib
import logging
import os
import queue
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from edge_agent.adapters.process_memory import lower_priority
from edge_agent.core.shadow_budget import LatencyWatch, ProcessorBudget, ShadowLimits

if TYPE_CHECKING:
    from edge_agent.adapters.outputs import Decoded
    from edge_agent.servable import Servable, Served

    Compared: TypeAlias = Callable[[Servable, Served, Decoded], None]

__all__ = ["ShadowRunner"]

_log = logging.getLogger("edgefleet.agent")

_MAX_WAITING: Final = 64
_LEAVE_S: Final = 1.0
_WATCHED: Final = 8


class ShadowRunner:
    """One thread of low priority with a bounded queue, within :class:`ShadowLimits`.

    Args:
        limits: What it may take; those of all candidates of the agent together.
        threads: How many threads a call of a model gets.
        tell: Hears of a candidate, by digest, why it rests; empty when it does no longer.
        compared: Is given each candidate with a call and what it answered to it.
    """

    def __init__(
        self,
        limits: ShadowLimits | None = None,
        *,
        threads: int = 1,
        tell: Callable[[str, str], None] = lambda _digest, _reason: None,
        compared: "Compared | None" = None,
    ) -> None:
        self._limits = ShadowLimits() if limits is None else limits
        self._threads = threads
        self._tell = tell
        self._compared = compared
        self._budget = ProcessorBudget(self._limits.cpu)
        self._watches: dict[str, LatencyWatch] = {}
        self._waiting: queue.Queue[tuple[Servable, Served] | None] = queue.Queue(_MAX_WAITING)
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._closed = False

    def looks_at(self, candidate: "Servable") -> bool:
        """Return whether a call that begins now is to be offered; quick, and often false."""
        if self._limits.sample < 1.0 and _chance() >= self._limits.sample:
            return False
        watch = self._watches.get(candidate.digest)
        return watch is None or not watch.rests(time.monotonic())

    def offer(self, candidate: "Servable", served: "Served") -> None:
        """Let ``candidate`` repeat a call soon, or count it as dropped. Never blocks."""
        if self._thread is None:
            self._start()
        now_s = time.monotonic()
        with self._lock:
            watch = self._watch_of(candidate.digest)
            before = watch.complaint
            repeats = watch.repeats(served.latency_us, now_s)
            complaint = watch.complaint
            has_budget = repeats and self._budget.allows(now_s)
        if complaint != before:
            self._tell(candidate.digest, complaint)
        if not repeats:
            return
        if has_budget and not self._closed and not self._waiting.full():  # full: spare the copy
            with contextlib.suppress(queue.Full):
                self._waiting.put_nowait((candidate, served.copied()))
                return
        candidate.skip_shadow(served.encoded.rows)

    def close(self) -> None:
        """End the thread after the call that it is in; what waits is counted as dropped.

        A candidate that takes longer than a second for its call is left behind.
        """
        with self._lock:
            self._closed = True
            thread = self._thread
        if thread is None:
            return
        while True:
            try:
                item = self._waiting.get_nowait()
            except queue.Empty:
                break
            if item is not None:
                item[0].skip_shadow(item[1].encoded.rows)
        self._waiting.put(None)
        thread.join(_LEAVE_S)

    def _watch_of(self, digest: str) -> LatencyWatch:
        watch = self._watches.get(digest)
        if watch is None:
            while len(self._watches) >= _WATCHED:
                del self._watches[next(iter(self._watches))]
            watch = self._watches[digest] = LatencyWatch()
        return watch

    def _start(self) -> None:
        with self._lock:
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(
                    target=self._run, name="edgefleet-shadow", daemon=True
                )
                self._thread.start()

    def _run(self) -> None:
        if self._threads == 1:  # threads of a session are not this one's
            lower_priority()
        while (item := self._waiting.get()) is not None:
            candidate, served = item
            began_s = time.thread_time()
            try:
                decoded = candidate.run_shadow(served)
                if decoded is not None and self._compared is not None:
                    self._compared(candidate, served, decoded)
            except Exception:  # noqa: BLE001  the next call may be repeated well
                candidate.skip_shadow(served.encoded.rows)
                _log.exception("a defect in the shadow: this call was not compared")
            took_s = (time.thread_time() - began_s) * self._threads
            with self._lock:
                self._budget.spend(took_s)


def _chance() -> float:
    """Return a number from 0 to below 1, by no generator that programs seed."""
    return int.from_bytes(os.urandom(4), "big") / 2**32
