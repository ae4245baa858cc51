"""Splits the reference by the time of its rows, and puts them in its order."""

import math
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Final

import numpy as np
from numpy.typing import NDArray

from converters.base import ConversionWarning
from converters.watching import Watching
from edge_contract.errors import UsageError
from edge_contract.package import FEW_ROWS, StrataKind, StrataSpec

__all__ = ["Places", "Timing", "timing_of", "unix_times"]

_EARLIEST_UNIX_S: Final = -3e9
_LATEST_UNIX_S: Final = 1e10
_SHOWN: Final = 3

Places = dict[str, NDArray[np.intp]]
"""Which rows belong to each stratum, in the order of time."""


@dataclass(frozen=True, slots=True)
class Timing:
    """What is known of when rows were.

    Attributes:
        spec: How they are told apart; ``None`` if they are not.
        places: Which rows belong to each stratum; empty without strata.
        order: All rows in the order of time; ``None`` if nobody gave times.
    """

    spec: StrataSpec | None = None
    places: Places = field(default_factory=dict)
    order: NDArray[np.intp] | None = None


def timing_of(watching: Watching, *, rows: int) -> Timing:
    """Return what the author said of the time of rows; warn of strata with few rows or none.

    Raises:
        UsageError: The strata or the time zone are unknown, times are missing or cannot be read.
        UnavailableError: This machine knows no time zones.
    """
    kinds = {kind.value: kind for kind in StrataKind}
    if watching.strata and watching.strata not in kinds:
        raise UsageError(f"strata {watching.strata!r} are unknown: expected {', '.join(kinds)}")
    kind = kinds.get(watching.strata, StrataKind.HOUR_OF_DAY)
    spec = StrataSpec(kind, watching.time_zone)
    zone = spec.zone()
    if watching.times is None:
        if watching.strata:
            raise UsageError(f"strata by {kind.value} need the time of every row: give times")
        return Timing()
    times_unix_s = unix_times(watching.times, rows=rows, zone=zone)
    order = np.argsort(times_unix_s, kind="stable")
    if not watching.strata:
        return Timing(order=order)
    return Timing(spec, _places(spec, times_unix_s), order)


def unix_times(times: object, *, rows: int, zone: tzinfo) -> NDArray[np.float64]:
    """Return the time of every row in Unix seconds.

    Args:
        times: One for each row: Unix seconds, ISO 8601 texts, or dates as numpy and pandas have
            them. Those without an offset are read off a clock in ``zone``.
        rows: How many there must be.
        zone: The time zone.

    Raises:
        UsageError: There is another number of them, or one cannot be read; the message names its
            row, from 1.
    """
    listed = _listed(times)
    if len(listed) != rows:
        raise UsageError(f"there are {len(listed)} times for {rows} rows: give one for each")
    found = np.empty(rows, np.float64)
    for index, value in enumerate(listed):
        try:
            found[index] = _unix_s(value, zone)
        except (OverflowError, TypeError, ValueError) as error:
            raise UsageError(
                f"time {value!r:.60} of row {index + 1} cannot be read ({error}): give Unix "
                "seconds, or ISO 8601 such as '2026-02-03T04:05:06+01:00'"
            ) from error
    return found


def _places(spec: StrataSpec, times_unix_s: NDArray[np.float64]) -> Places:
    keys = np.array([spec.key(at_unix_s) for at_unix_s in times_unix_s.tolist()])
    places = {key: np.flatnonzero(keys == key) for key in spec.keys}
    few = [key for key, rows in places.items() if 0 < len(rows) < FEW_ROWS]
    if few:
        fewest = min(few, key=lambda key: len(places[key]))
        warnings.warn(
            f"{len(few)} of {len(places)} strata have fewer than {FEW_ROWS} rows (fewest: "
            f"{len(places[fewest])} in {fewest!r}): only larger changes will raise alarms there",
            ConversionWarning,
            stacklevel=4,
        )
    none = [key for key, rows in places.items() if not len(rows)]
    if none:
        more = ", ..." if len(none) > _SHOWN else ""
        warnings.warn(
            f"{len(none)} of {len(places)} strata have no rows ({', '.join(none[:_SHOWN])}{more}): "
            "what devices see then cannot be compared with anything",
            ConversionWarning,
            stacklevel=4,
        )
    return {key: rows for key, rows in places.items() if len(rows)}


def _listed(times: object) -> Sequence[object]:
    if hasattr(times, "to_numpy"):
        times = times.to_numpy()
    if isinstance(times, np.ndarray):
        if times.dtype.kind == "M":
            times = times.astype("datetime64[us]")
        return times.ravel().tolist()
    if isinstance(times, Iterable) and not isinstance(times, (str, bytes)):
        return list(times)
    raise UsageError(f"times must be a list or column, got a single {type(times).__name__}")


def _unix_s(value: object, zone: tzinfo) -> float:
    match value:
        case bool() | None:
            raise TypeError("it is no time")
        case int() | float():
            return _in_range(float(value))
        case str():
            return _of_clock(datetime.fromisoformat(value.strip()), zone)
        case datetime():
            return _of_clock(value, zone)
        case _:
            raise TypeError(f"it is a {type(value).__name__}")


def _of_clock(moment: datetime, zone: tzinfo) -> float:
    return _in_range((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp())


def _in_range(seconds: float) -> float:
    if math.isnan(seconds):
        raise ValueError("it is missing")
    if not _EARLIEST_UNIX_S <= seconds <= _LATEST_UNIX_S:
        raise ValueError("it is out of range; are these milliseconds?")
    return seconds
