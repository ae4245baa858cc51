"""Strata: parts of the day or week whose rows are compared with their own reference.

A shop's queue at noon is no drift from its queue at midnight. Where the author gave the time of
every row, the reference holds a profile for each hour of the day, day of the week or hour of the
week, and a window is compared with that of its own stratum.

Devices do not need to know: they count as ever, and whoever compares (the collector, the converter)
asks :meth:`StrataSpec.key` to which stratum a time belongs. Only that needs a time zone database.
"""

import enum
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from functools import cache
from typing import Final, Self

from edge_contract.errors import UnavailableError, UsageError
from edge_contract.reading import JsonObject, Reader
from edge_contract.records import dataclass, field
from edge_contract.stats.profile import Profile, ProfileSpec, state_from_json, state_to_json

__all__ = ["Strata", "StrataKind", "StrataSpec", "Stratum"]

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS: Final = tuple(f"{hour:02d}" for hour in range(24))
_ZONE_PATTERN: Final = r"[A-Za-z0-9+_-]+(/[A-Za-z0-9+_-]+)*"
_MAX_ZONE_CHARACTERS: Final = 64


class StrataKind(enum.Enum):
    """Which cycle the rows follow."""

    HOUR_OF_DAY = "hour-of-day"
    DAY_OF_WEEK = "day-of-week"
    HOUR_OF_WEEK = "hour-of-week"


@dataclass(frozen=True, slots=True)
class StrataSpec:
    """How times are told apart.

    Attributes:
        kind: The cycle.
        time_zone: IANA name of the zone whose clocks count: ``Europe/Oslo``.
    """

    kind: StrataKind
    time_zone: str = "UTC"

    @property
    def keys(self) -> tuple[str, ...]:
        """Every stratum, in the order of time: ``00`` to ``23``, ``mon`` to ``sun``, ``mon-00``."""
        match self.kind:
            case StrataKind.HOUR_OF_DAY:
                return _HOURS
            case StrataKind.DAY_OF_WEEK:
                return _DAYS
            case StrataKind.HOUR_OF_WEEK:
                return tuple(f"{day}-{hour}" for day in _DAYS for hour in _HOURS)

    def key(self, at_unix_s: float) -> str:
        """Return the stratum of a time; the hour that a clock shows twice in autumn is one.

        Raises:
            UsageError: There is no such time zone, or no such time on any calendar.
            UnavailableError: This machine has no time zone database.
        """
        try:
            local = datetime.fromtimestamp(at_unix_s, self.zone())
        except (OverflowError, OSError, ValueError) as error:
            raise UsageError(f"{at_unix_s!r} is no time in Unix seconds: {error}") from error
        match self.kind:
            case StrataKind.HOUR_OF_DAY:
                return _HOURS[local.hour]
            case StrataKind.DAY_OF_WEEK:
                return _DAYS[local.weekday()]
            case StrataKind.HOUR_OF_WEEK:
                return f"{_DAYS[local.weekday()]}-{_HOURS[local.hour]}"

    def zone(self) -> tzinfo:
        """Return the time zone; raises as :meth:`key` does."""
        return _zone(self.time_zone)

    def to_json(self) -> JsonObject:
        """Return both fields by name."""
        return {"kind": self.kind.value, "time_zone": self.time_zone}

    @classmethod
    def from_json(cls, reader: Reader) -> Self:
        """Read both fields; raises the reader's error for a cycle that is unknown here."""
        known = {kind.value: kind for kind in StrataKind}
        kind = known.get(reader["kind"].text(max_length=64))
        if kind is None:
            raise reader["kind"].refused(f"one of {', '.join(known)}")
        zone = reader["time_zone"].text(pattern=_ZONE_PATTERN, max_length=_MAX_ZONE_CHARACTERS)
        return cls(kind, zone)


@dataclass(frozen=True, slots=True)
class Stratum:
    """The reference of one part of the day or week.

    Attributes:
        rows: How many of the reference's rows belong to it; at least 1.
        profile: Their statistics; its spec is that of the whole reference.
    """

    rows: int
    profile: Profile


@dataclass(frozen=True, slots=True)
class Strata:
    """All strata of a reference.

    Attributes:
        spec: Which stratum a time belongs to.
        parts: By key, in the order of time. A stratum that had no rows is missing: nothing is
            known of it, so no window can be compared with it.
    """

    spec: StrataSpec
    parts: Mapping[str, Stratum] = field(default_factory=dict)

    def at(self, at_unix_s: float) -> Stratum | None:
        """Return the stratum of a time; ``None`` if the reference had no rows of it.

        Raises as :meth:`StrataSpec.key` does.
        """
        return self.parts.get(self.spec.key(at_unix_s))

    def to_json(self) -> JsonObject:
        """Return the spec and, for each stratum, its key, rows and state."""
        return {
            **self.spec.to_json(),
            "parts": [
                {"key": key, "rows": part.rows, "state": state_to_json(part.profile.to_state())}
                for key, part in self.parts.items()
            ],
        }

    @classmethod
    def from_json(cls, reader: Reader, *, spec: ProfileSpec, rows: int) -> Self:
        """Read the strata of a reference.

        Args:
            reader: At what :meth:`to_json` gave.
            spec: The reference's, that of all profiles.
            rows: Of the whole reference; the strata share them out.

        Raises:
            The reader's error: a key is unknown, stands twice or out of order, or the rows do not
            add up.
            MessageError: A state breaks an invariant.
        """
        strata_spec = StrataSpec.from_json(reader)
        places = {key: place for place, key in enumerate(strata_spec.keys)}
        parts: dict[str, Stratum] = {}
        lowest = 0
        for item in reader["parts"].items(max_length=len(places)):
            key = item["key"].text(max_length=16)
            if places.get(key, -1) < lowest:
                raise item["key"].refused(f"a key of {strata_spec.kind.value}, in order of time")
            lowest = places[key] + 1
            parts[key] = Stratum(
                item["rows"].integer(low=1), spec.decode(state_from_json(item["state"]))
            )
        if sum(part.rows for part in parts.values()) != rows:
            raise reader.refused(f"strata of {rows} rows in all")
        return cls(strata_spec, parts)


@cache
def _zone(name: str) -> tzinfo:
    """Return a time zone; UTC needs no database."""
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError, ValueError) as error:
        if not available_timezones():
            raise UnavailableError(
                f"cannot tell the time in {name!r}: this machine has no time zone database; "
                "install the package 'tzdata' (pip install tzdata)"
            ) from error
        raise UsageError(
            f"there is no time zone {name!r}: give an IANA name such as 'Europe/Oslo'"
        ) from error
