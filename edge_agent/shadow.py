"""The shadow: repeats served calls on a candidate, beside the serving path and never in its way."""

import contextlib
import logging
import queue
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from edge_agent.servable import Servable, Served

__all__ = ["ShadowRunner"]

_log = logging.getLogger("edgefleet.agent")

_MAX_WAITING: Final = 64
_LEAVE_S: Final = 1.0


class ShadowRunner:
    """One thread with a bounded queue; what does not fit is counted, not waited for."""

    def __init__(self) -> None:
        self._waiting: queue.Queue[tuple[Servable, Served] | None] = queue.Queue(_MAX_WAITING)
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._closed = False

    def offer(self, candidate: "Servable", served: "Served") -> None:
        """Let ``candidate`` repeat a call soon, or count it as dropped. Never blocks."""
        if self._thread is None:
            self._start()
        if not self._closed and not self._waiting.full():  # full: spare the copy
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

    def _start(self) -> None:
        with self._lock:
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(
                    target=self._run, name="edgefleet-shadow", daemon=True
                )
                self._thread.start()

    def _run(self) -> None:
        while (item := self._waiting.get()) is not None:
            candidate, served = item
            try:
                candidate.run_shadow(served)
            except Exception:  # noqa: BLE001  the next call may be repeated well
                candidate.skip_shadow(served.encoded.rows)
                _log.exception("a defect in the shadow: this call was not compared")
