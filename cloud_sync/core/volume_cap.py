"""Bounds what one device can do to alarms about the fleet.

What a device counts is its own word. Whoever has taken one can make it say anything, within what is
possible, and a hundred times as often as the others. So of each merged window alarms take at most a
third from one device, measured by what the others counted in the window before; what is beyond that
is merged and shown like all else, but alarms leave it out. Fleets of fewer than eight devices are
not bounded: nobody can tell there who is the odd one.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Final, NamedTuple

from cloud_sync.core.increments import PackageRole

__all__ = ["VolumeCap"]

_TIMES_OTHERS: Final = 0.5  # a third of all
_MIN_DEVICES: Final = 8
_MOST_ENTRIES: Final = 300_000


class _Window(NamedTuple):
    subject: PackageRole
    start_unix_s: int


class VolumeCap:
    """Says which windows alarms take. One thread at a time.

    Args:
        window_s: Length of a merged window.
        times_others: What alarms take from one device is at most so many times what they take from
            all others.
        min_devices: How many devices have to report before anything is bounded.
    """

    def __init__(
        self,
        window_s: int,
        *,
        times_others: float = _TIMES_OTHERS,
        min_devices: int = _MIN_DEVICES,
    ) -> None:
        self._window_s = window_s
        self._times_others = times_others
        self._min_devices = min_devices
        self._rows: dict[_Window, Counter[str]] = {}
        self._totals: Counter[_Window] = Counter()
        self._entries = 0
        self._left_out: dict[str, Counter[str]] = {}

    def takes(self, device: str, subject: PackageRole, *, start_unix_s: int, rows: int) -> bool:
        """Return whether a window of a device counts for alarms.

        Args:
            device: Whose it is.
            subject: What it is about.
            start_unix_s: Of the merged window that it falls into.
            rows: How many it counts.
        """
        window = _Window(subject, start_unix_s)
        now = self._rows.get(window)
        if now is None:
            now = self._rows[window] = Counter()
            self._forget()
        earlier = _Window(subject, start_unix_s - self._window_s)
        before = self._rows.get(earlier)
        taken = now.get(device, 0)
        if before is not None and len(before) >= self._min_devices:
            others = self._totals[earlier] - before[device]
            if taken + rows > others * self._times_others:
                self._left_out.setdefault(subject.package, Counter())[device] += 1
                return False
        self._entries += device not in now
        now[device] = taken + rows
        self._totals[window] += rows
        return True

    def left_out(self, package: str) -> Mapping[str, int]:
        """Return how many windows of which devices alarms about a package did not take."""
        return self._left_out.get(package, {})

    def _forget(self) -> None:
        """Keep memory bounded: the windows that came first are let go."""
        while self._entries > _MOST_ENTRIES and len(self._rows) > 2:
            oldest = next(iter(self._rows))
            self._entries -= len(self._rows.pop(oldest))
            del self._totals[oldest]
        while len(self._left_out) > 1_000:
            del self._left_out[next(iter(self._left_out))]
