"""Bounds what one device can do to alarms about the fleet.

What a device counts is its own word. Whoever has taken one can make it say anything, within what is
possible, and a hundred times as often as the others. So of what arrives in the length of a window
alarms take at most a third from one device, measured by what the others sent in the one before;
what is beyond that is merged and shown like all else, but alarms leave it out. When it arrives
counts, and not what time it is about: nobody can pour the past into the present. Fleets of fewer
than eight devices are not bounded: nobody can tell there who is the odd one.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from cloud_sync.core.increments import PackageRole

__all__ = ["TIMES_OTHERS", "VolumeCap"]

TIMES_OTHERS: Final = 0.5
"""One device counts for half of what all others count at most: a third of all."""

_MIN_DEVICES: Final = 8
_MOST_ENTRIES: Final = 300_000
_MOST_PACKAGES: Final = 1_000


class _Window:
    """What alarms took in the length of a window, by device."""

    __slots__ = ("before", "rows", "total")

    def __init__(self, before: "_Window | None") -> None:
        self.before = before
        self.rows: dict[str, int] = {}
        self.total = 0


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
        times_others: float = TIMES_OTHERS,
        min_devices: int = _MIN_DEVICES,
    ) -> None:
        self._window_s = window_s
        self._times_others = times_others
        self._min_devices = min_devices
        self._windows: dict[tuple[PackageRole, int], _Window] = {}
        self._entries = 0
        self._left_out: dict[str, Counter[str]] = {}

    def takes(self, device: str, subject: PackageRole, *, at_unix_s: int, rows: int) -> bool:
        """Return whether a window of a device counts for alarms.

        Args:
            device: Whose it is.
            subject: What it is about.
            at_unix_s: When it arrived, a multiple of the length of a window.
            rows: How many it counts.
        """
        window = self._windows.get((subject, at_unix_s))
        if window is None:
            window = self._begun(subject, at_unix_s)
        taken = window.rows.get(device)
        before = window.before
        if before is not None and len(before.rows) >= self._min_devices:
            others = before.total - before.rows.get(device, 0)
            if (taken or 0) + rows > others * self._times_others:
                self._left_out.setdefault(subject.package, Counter())[device] += 1
                return False
        if taken is None:
            self._entries += 1
        window.rows[device] = (taken or 0) + rows
        window.total += rows
        return True

    def left_out(self, package: str) -> Mapping[str, int]:
        """Return how many windows of which devices alarms about a package did not take."""
        return self._left_out.get(package, {})

    def _begun(self, subject: PackageRole, at_unix_s: int) -> _Window:
        earlier = self._windows.get((subject, at_unix_s - self._window_s))
        window = self._windows[subject, at_unix_s] = _Window(earlier)
        if earlier is not None:
            earlier.before = None  # so that what is forgotten can go
        self._forget()
        return window

    def _forget(self) -> None:
        """Keep memory bounded: the windows that came first are let go."""
        while self._entries > _MOST_ENTRIES and len(self._windows) > 2:
            oldest = self._windows.pop(next(iter(self._windows)))
            self._entries -= len(oldest.rows)
        while len(self._left_out) > _MOST_PACKAGES:
            del self._left_out[next(iter(self._left_out))]
