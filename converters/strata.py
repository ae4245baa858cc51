"""Splits the reference by the time of its rows."""

import math
import warnings
from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo
from typing import Final

import numpy as np
from numpy.typing import NDArray

from converters.base import ConversionWarning
from edge_contract.errors import UsageError
from edge_contract.package import FEW_ROWS, StrataKind, StrataSpec

__all__ = ["Places", "strata_spec", "stratum_places", "unix_times"]

_EARLIEST_UNIX_S: Final = -3e9
_LATEST_UNIX_S: Final = 1e10
_SHOWN: Final = 3

Places = dict[str, NDArray[np.intp]]
"""Which rows belong to each stratum, in the order of time."""


def strata_spec(kind: str, time_zone: str = "UTC") -> StrataSpec | None:
    """Return how times are told apart; ``None`` if ``kind`` is empty.

    Raises:
        UsageError: The kind or the time zone is unknown.
        UnavailableError: This machine knows no time zones.
    """
    if not kind:
        return None
    known = {kind.value: kind for kind in StrataKind}
    if kind not in known:
        raise UsageError(f"strata {kind!r} are unknown: expected {', '.join(known)}")
    spec = StrataSpec(known[kind], time_zone)
    spec.zone()
    return spec


def unix_times(times: object, *, rows: int, spec: StrataSpec) -> NDArray[np.float64]:
    """Return the time of every row in Unix seconds.

    Args:
        times: One for each row: Unix seconds, ISO 8601 texts, or dates as numpy and pandas have
            them. Those without an offset are read off a clock in the zone of ``spec``.
        rows: How many there must be.
        spec: For its time zone.

    Raises:
        UsageError: There are none or another number of them, or one cannot be read; the message
            names its row, from 1.
    """
    if times is None:
        raise UsageError(f"strata by {spec.kind.value} need the time of every row: give times")
    listed = _listed(times)
    if len(listed) != rows:
        raise UsageError(f"there are {len(listed)} times for {rows} rows: give one for each")
    zone = spec.zone()
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


def stratum_places(spec: StrataSpec, times_unix_s: NDArray[np.float64]) -> Places:
    """Return which rows belong to each stratum; warn of strata with few rows or none."""
    keys = np.array([spec.key(at_unix_s) for at_unix_s in times_unix_s.tolist()])
    places = {key: np.flatnonzero(keys == key) for key in spec.keys}
    few = [key for key, rows in places.items() if 0 < len(rows) < FEW_ROWS]
    if few:
        fewest = min(few, key=lambda key: len(places[key]))
        warnings.warn(
            f"{len(few)} of {len(places)} strata have fewer than {FEW_ROWS} rows (fewest: "
            f"{len(places[fewest])} in {fewest!r}): only larger changes will raise alarms there",
            ConversionWarning,
            stacklevel=3,
        )
    none = [key for key, rows in places.items() if not len(rows)]
    if none:
        more = ", ..." if len(none) > _SHOWN else ""
        warnings.warn(
            f"{len(none)} of {len(places)} strata have no rows ({', '.join(none[:_SHOWN])}{more}): "
            "what devices see then cannot be compared with anything",
            ConversionWarning,
            stacklevel=3,
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
