"""A sum over devices of which no device is more than its part, a third at most."""

from typing import Final

from cloud_sync.adapters.sql.adding import AddingUp
from cloud_sync.adapters.sql.feed import StoredWindow
from cloud_sync.core.cohort_cap import CohortCap
from cloud_sync.core.facts import CohortStatistics
from edge_contract.messages import Counters
from edge_contract.stats import ProfileSpec

__all__ = ["CappedSum"]

_MOST_WAITING: Final = 16


class _Waiting:
    """What of a device is not in the sum: windows, and the sum of those that came first."""

    def __init__(self) -> None:
        self.windows: list[StoredWindow] = []
        self.early: AddingUp | None = None
        self.early_counters = Counters()

    def fold(self, spec: ProfileSpec) -> None:
        """Keep memory bounded: the windows that came first are one from now on."""
        while len(self.windows) > _MOST_WAITING:
            self.early = self.early or AddingUp(spec)
            for window in self.windows[: _MOST_WAITING // 2]:
                self.early.add(window.counters, window.data)
                self.early_counters = self.early_counters.plus(window.counters)
            del self.windows[: _MOST_WAITING // 2]


class CappedSum:
    """A sum of stored windows in which each device has its part at most. One thread at a time.

    Windows beyond the part of a device wait until the others have counted more. Of each device that
    has such windows only a few are kept by themselves.

    Args:
        spec: What their profiles hold.
    """

    def __init__(self, spec: ProfileSpec) -> None:
        self._spec = spec
        self._cap = CohortCap()
        self._sum = AddingUp(spec)
        self._devices: set[str] = set()
        self._waiting: dict[str, _Waiting] = {}

    def add(self, window: StoredWindow) -> None:
        """Add a window; it is read by :meth:`settle`, when what comes with it is known."""
        self._devices.add(window.device)
        self._cap.count(window.device, window.counters)
        waiting = self._waiting.get(window.device)
        if waiting is None:
            waiting = self._waiting[window.device] = _Waiting()
        waiting.windows.append(window)

    def settle(self) -> None:
        """Take what fits, and keep the rest back; raises as :meth:`AddingUp.add` does."""
        for device, waiting in list(self._waiting.items()):
            if self._cap.is_bounded:
                self._take(device, waiting)
            waiting.fold(self._spec)
            if not waiting.windows and waiting.early is None:
                del self._waiting[device]

    def total(self) -> CohortStatistics:
        """Return the sum so far; raises as :meth:`settle` does."""
        self.settle()
        found = self._sum.total()
        if not self._cap.is_bounded:
            for waiting in self._waiting.values():
                few = AddingUp(self._spec)
                for window in waiting.windows:
                    few.add(window.counters, window.data)
                found = found.merged(few.total())
                if waiting.early is not None:
                    found = found.merged(waiting.early.total())
        return CohortStatistics(
            found.counters,
            found.profile,
            len(self._devices),
            self._cap.unjudged(),
            self._cap.is_bounded,
        )

    def _take(self, device: str, waiting: _Waiting) -> None:
        early = waiting.early
        if early is not None and self._cap.take(device, waiting.early_counters):
            self._sum.add_read(early.total())
            waiting.early, waiting.early_counters = None, Counters()
        kept = []
        for window in waiting.windows:
            if self._cap.take(device, window.counters):
                self._sum.add(window.counters, window.data)
            else:
                kept.append(window)
        waiting.windows = kept
