"""The shadow: repeats served calls on a candidate, beside the serving path and never in its way."""

import queue
import threading
from typing import TYPE_CHECKING, Final

from edge_contract.errors import UnavailableError

if TYPE_CHECKING:
    from edge_agent.servable import Servable, Served

__all__ = ["ShadowRunner"]

_MAX_WAITING: Final = 64


class ShadowRunner:
    """One thread with a bounded queue; what does not fit is counted, not waited for."""

    def __init__(self) -> None:
        self._waiting: queue.Queue[tuple[Servable, Served] | None] = queue.Queue(_MAX_WAITING)
        self._thread: threading.Thread | None = None

    def offer(self, candidate: "Servable", served: "Served") -> None:
        """Let ``candidate`` repeat a call soon, or count it as dropped. Never blocks."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="edgefleet-shadow", daemon=True)
            self._thread.start()
        try:
            self._waiting.put_nowait((candidate, served))
        except queue.Full:
            candidate.skip_shadow(served.encoded.rows)

    def close(self) -> None:
        """Finish what waits and end the thread."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while (item := self._waiting.get()) is not None:
            candidate, served = item
            try:
                candidate.run_shadow(served)
            except UnavailableError:
                continue  # counted as the candidate's failure
