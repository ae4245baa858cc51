"""Maintenance windows: the times at which a device may change what it runs, by a clock on a wall.

Agent and cloud read them alike: ``22:00-05:00``, ``sat,sun 00:00-24:00``, ``mon-fri 01:30-04:00``.
A window goes by what the clock shows. On the night on which clocks go forward one that holds the
missing hour is an hour shorter, and one that lies within it does not come; on the night on which
they go back the hour that comes twice counts twice.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, time, timedelta, tzinfo
from typing import Final, Self

from edge_contract.errors import UsageError
from edge_contract.package.strata import StrataKind, StrataSpec
from edge_contract.records import dataclass

__all__ = ["LocalWindow", "MaintenanceWindow", "is_open", "next_opening_unix_s"]

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_MINUTES: Final = 24 * 60
_PATTERN: Final = re.compile(
    r"(?:(?P<days>[a-z]{3}(?:[,-][a-z]{3})*) )?"
    r"(?P<begin>[0-2]?\d:[0-5]\d)-(?P<end>[0-2]?\d:[0-5]\d)",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class MaintenanceWindow:
    """A time of the day on some days of the week; it may pass midnight.

    Attributes:
        days: On which it begins, 0 for Monday to 6.
        begin_minute: Minute of the day at which it begins, 0 to 1439.
        end_minute: At which it ends, maybe on the next day; equal to the beginning for a whole day.
    """

    days: frozenset[int]
    begin_minute: int
    end_minute: int

    @property
    def minutes(self) -> int:
        """How long it is."""
        return (self.end_minute - self.begin_minute - 1) % _DAY_MINUTES + 1

    def holds(self, local: datetime) -> bool:
        """Return whether a time on the wall lies in it."""
        for ago in (0, 1):  # it may have begun yesterday
            if (local.weekday() - ago) % 7 in self.days:
                since = local.hour * 60 + local.minute - self.begin_minute + ago * _DAY_MINUTES
                if 0 <= since < self.minutes:
                    return True
        return False

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``22:00-06:00``, ``sat,sun 00:00-24:00`` or ``mon-fri 01:30-04:00``.

        Raises:
            UsageError: It is written otherwise.
        """
        found = _PATTERN.fullmatch(" ".join(text.lower().split()))
        if found is None:
            raise UsageError(
                f"maintenance window {text!r:.80} is none: write it like '22:00-06:00' "
                "or 'mon-fri 01:30-04:00'"
            )
        begin, end = _minute(found["begin"], text), _minute(found["end"], text)
        return cls(_days(found["days"], text), begin % _DAY_MINUTES, end % _DAY_MINUTES)

    def __str__(self) -> str:
        """Return it as :meth:`parse` reads it."""
        clock = [f"{m // 60:02d}:{m % 60:02d}" for m in (self.begin_minute, self.end_minute)]
        days = "" if len(self.days) == 7 else ",".join(_DAYS[d] for d in sorted(self.days)) + " "
        return f"{days}{'-'.join(clock)}"


@dataclass(frozen=True, slots=True)
class LocalWindow:
    """A maintenance window and the clock that it goes by.

    Attributes:
        window: When.
        zone: IANA name of the time zone: ``Europe/Oslo``, or ``UTC``.
    """

    window: MaintenanceWindow
    zone: str

    def is_open(self, at_unix_s: float) -> bool:
        """Return whether a time lies in it; raises ``OverflowError`` past the calendar."""
        return is_open((self.window,), self.zone, at_unix_s)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``22:00-05:00 Europe/Oslo``, with days of the week before it or without.

        Raises:
            UsageError: It is written otherwise, or there is no such time zone.
            UnavailableError: This machine has no time zone database.
        """
        before, _, zone = text.strip().rpartition(" ")
        if ":" in zone or not before:
            raise UsageError(
                f"maintenance window {text!r:.80} names no time zone: write it like "
                "'22:00-05:00 Europe/Oslo' or 'sat,sun 00:00-24:00 UTC'"
            )
        found = cls(MaintenanceWindow.parse(before), zone)
        _clock(zone)
        return found

    def __str__(self) -> str:
        """Return it as :meth:`parse` reads it."""
        return f"{self.window} {self.zone}"


def is_open(windows: Sequence[MaintenanceWindow], zone: str, at_unix_s: float) -> bool:
    """Return whether a device may be told now; always, where there are no windows.

    Raises:
        UsageError: There is no such time zone.
        UnavailableError: This machine has no time zone database.
    """
    if not windows:
        return True
    local = datetime.fromtimestamp(at_unix_s, _clock(zone))
    return any(window.holds(local) for window in windows)


def next_opening_unix_s(windows: Sequence[MaintenanceWindow], zone: str, at_unix_s: float) -> float:
    """Return when a device may be told next, to the minute; now, if it may be told now."""
    if is_open(windows, zone, at_unix_s):
        return at_unix_s
    return min(begin for begin in _begins(windows, zone, at_unix_s) if begin > at_unix_s)


def _begins(windows: Sequence[MaintenanceWindow], zone: str, at_unix_s: float) -> Iterable[float]:
    """Yield the times of the next nine days at which a window begins."""
    clock = _clock(zone)
    today = datetime.fromtimestamp(at_unix_s, clock).date()
    for window in windows:
        on_the_wall = time(window.begin_minute // 60, window.begin_minute % 60)
        for ahead in range(9):
            day = today + timedelta(days=ahead)
            if day.weekday() in window.days:
                yield datetime.combine(day, on_the_wall, clock).timestamp()


def _clock(zone: str) -> tzinfo:
    return StrataSpec(StrataKind.HOUR_OF_DAY, zone).zone()


def _minute(text: str, whole: str) -> int:
    hour, minute = (int(part) for part in text.split(":"))
    if hour > 24 or (hour == 24 and minute):
        raise UsageError(f"maintenance window {whole!r:.80} has no such time as {text}")
    return hour * 60 + minute


def _days(text: str | None, whole: str) -> frozenset[int]:
    if text is None:
        return frozenset(range(7))
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        if first not in _DAYS or (last or first) not in _DAYS:
            raise UsageError(
                f"maintenance window {whole!r:.80} names a day that is none: use {', '.join(_DAYS)}"
            )
        begin, end = _DAYS.index(first), _DAYS.index(last or first)
        found |= {day % 7 for day in range(begin, end + 1 + (7 if end < begin else 0))}
    return frozenset(found)
