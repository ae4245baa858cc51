"""The drift round: lets the alarm desk look at new counts every so often."""

import logging
import time

from cloud_sync.alarm_desk import AlarmDesk
from cloud_sync.core.segment_index import SegmentIndex

__all__ = ["DriftRound"]

_log = logging.getLogger("edgefleet.cloud")


class DriftRound:
    """Used by the conductor's thread.

    Args:
        alarms: Looks for drift.
        segments: Knows which groups devices are in.
        every_s: Time between two looks.
    """

    def __init__(self, alarms: AlarmDesk, segments: SegmentIndex, *, every_s: float) -> None:
        self._alarms = alarms
        self._segments = segments
        self._every_s = every_s
        self._next_s = 0.0
        self._told_left_out: set[str] = set()

    def tick(self) -> bool:
        """Look, if it is time; return whether anything has changed."""
        now_s = time.monotonic()
        if now_s < self._next_s:
            return False
        self._tell_left_out()
        self._next_s = now_s + self._every_s
        return bool(self._alarms.tick(time.time()))

    def _tell_left_out(self) -> None:
        for source, values in self._segments.left_out().items():
            if source not in self._told_left_out:
                self._told_left_out.add(source)
                _log.warning(
                    "devices have more values of %s than are watched by themselves: %d are "
                    "counted together as '(other)'; a tag that names devices is no group",
                    source,
                    values,
                )
