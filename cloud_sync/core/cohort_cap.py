"""Bounds what one device can do to the verdict of a rollout.

The gates of a rollout compare sums over devices, and what a device counts is its own word. So of
one device at most half of what all others of its cohort counted is taken, a third of the whole,
by the rule of :mod:`cloud_sync.core.volume_cap`; and at most three times what an average one of
them did, which is less where there are more than seven. An honest and busy device is judged by a
part of its windows and not by none. What a device counts moves the bounds of others and not its
own.
"""

from collections.abc import Mapping
from typing import Final

from cloud_sync.core.volume_cap import TIMES_OTHERS
from edge_contract.messages import Counters

__all__ = ["CohortCap"]

_MIN_DEVICES: Final = 4
"""A stage may be small; among three nobody can tell who is the odd one."""

_TIMES_AVERAGE: Final = 3.0
"""With that, a device of fifty that says the worst moves a rate by less than usual margins are."""


class CohortCap:
    """Says how much of what each device of a cohort counted is judged. One thread at a time."""

    def __init__(self) -> None:
        self._counted: dict[str, int] = {}
        self._taken: dict[str, int] = {}
        self._total = 0

    @property
    def is_bounded(self) -> bool:
        """Whether devices enough counted anything; among fewer than four nothing is bounded."""
        return len(self._counted) >= _MIN_DEVICES

    def count(self, device: str, counters: Counters) -> None:
        """Note what a device counted, judged or not."""
        volume = _volume(counters)
        if volume:
            self._counted[device] = self._counted.get(device, 0) + volume
            self._total += volume

    def take(self, device: str, counters: Counters) -> bool:
        """Return whether something that was noted fits, and count it as judged if it does."""
        volume = _volume(counters)
        taken = self._taken.get(device, 0) + volume
        others = self._total - self._counted.get(device, 0)
        times = min(TIMES_OTHERS, _TIMES_AVERAGE / max(len(self._counted) - 1, 1))
        if volume and taken > others * times:
            return False
        if volume:
            self._taken[device] = taken
        return True

    def unjudged(self) -> Mapping[str, int]:
        """Return how many rows of which devices were noted and did not fit; none if not bounded."""
        if not self.is_bounded:
            return {}
        left = {name: n - self._taken.get(name, 0) for name, n in sorted(self._counted.items())}
        return {name: rows for name, rows in left.items() if rows}


def _volume(counters: Counters) -> int:
    """Return by how much counts weigh: calls that failed gave no row and are judged as well."""
    return max(counters.rows, counters.calls + counters.failures)
