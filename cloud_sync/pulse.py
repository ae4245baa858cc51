"""The pulse of a running cloud: whether its parts move, and what they did."""

import threading
import time
from collections.abc import Callable
from typing import Final

__all__ = ["Pulse"]

_STILL_S: Final = 30.0
"""A thread that has not come round for so long is stuck."""


class Pulse:
    """What the conductor's thread says of itself. Thread-safe.

    Args:
        clock: Gives monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._beat_s = clock()
        self.is_connected = False
        """Whether the link to the broker stands."""
        self.connections = 0
        """How often it was made."""
        self.commits = 0
        self.commit_s = 0.0
        """Seconds that all commits together took."""
        self.commits_failed = 0

    def beat(self) -> None:
        """The thread came round."""
        self._beat_s = self._clock()

    def connected(self) -> None:
        """The link stands."""
        with self._lock:
            self.is_connected = True
            self.connections += 1

    def disconnected(self) -> None:
        """The link is lost."""
        self.is_connected = False

    def committed(self, took_s: float) -> None:
        """Merged telemetry was written."""
        self.commits += 1
        self.commit_s += took_s

    def commit_failed(self) -> None:
        """Merged telemetry could not be written; it is kept for the next time."""
        self.commits_failed += 1

    @property
    def silent_s(self) -> float:
        """Seconds since the thread came round last."""
        return self._clock() - self._beat_s

    def troubles(self) -> dict[str, str]:
        """Return what is wrong now, by part; empty if all is well."""
        found = {}
        if not self.is_connected:
            found["broker"] = "not connected: devices are not heard; see the log for the reason"
        if self.silent_s > _STILL_S:
            found["conductor"] = f"has not come round for {self.silent_s:.0f} s"
        return found
