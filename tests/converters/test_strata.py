"""References by hour of the day and day of the week."""

import warnings
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from converters.base import ConversionWarning
from converters.convert import convert
from converters.strata import Timing, timing_of, unix_times
from converters.watching import Watching
from edge_contract.errors import UsageError
from edge_contract.package import Reference, StrataKind, StrataSpec
from edge_contract.stats import Moments

OSLO = StrataSpec(StrataKind.HOUR_OF_DAY, "Europe/Oslo")
NOON_UNIX_S = 1_780_488_000.0  # 3 June 2026, 12:00 in Greenwich, 14:00 in Oslo


@pytest.mark.parametrize(
    "times",
    [
        [NOON_UNIX_S],
        np.array([NOON_UNIX_S]),
        np.array([int(NOON_UNIX_S)]),
        ["2026-06-03T12:00:00Z"],
        ["2026-06-03 14:00:00"],
        ["2026-06-03T09:00-03:00"],
        [datetime(2026, 6, 3, 12, tzinfo=UTC)],
        np.array(["2026-06-03T14:00"], "datetime64[m]"),
        pd.Series(pd.to_datetime(["2026-06-03 14:00"])),
        pd.Series(pd.to_datetime(["2026-06-03 12:00"], utc=True)),
    ],
)
def test_times_are_read_as_people_write_them(times: object) -> None:
    assert unix_times(times, rows=1, zone=OSLO.zone()).tolist() == [NOON_UNIX_S]


@pytest.mark.parametrize(
    ("times", "why"),
    [
        ([1.0], "there are 1 times for 2 rows"),
        (7.0, "times must be a list or column, got a single float"),
        ([0.0, "noon"], r"time 'noon' of row 2 cannot be read \(Invalid isoformat string"),
        ([0.0, float("nan")], r"time nan of row 2 cannot be read \(it is missing\)"),
        ([0.0, None], r"time None of row 2 cannot be read \(it is no time\)"),
        ([NOON_UNIX_S * 1000, 0.0], r"of row 1 .* are these milliseconds\?"),
        ([b"x", 0.0], r"of row 1 cannot be read \(it is a bytes\)"),
        (pd.Series(pd.to_datetime(["NaT", "2026-06-03"])), "of row 1 cannot be read"),
        (pd.Series(pd.to_datetime(["2026-06-03", "NaT"], utc=True)), "time NaT of row 2 cannot be"),
    ],
)
def test_times_that_cannot_be_read_are_refused_by_row(times: object, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        unix_times(times, rows=2, zone=OSLO.zone())


def test_strata_and_zones_that_do_not_exist_are_refused() -> None:
    with pytest.raises(UsageError, match="strata 'season' are unknown: expected hour-of-day"):
        timing_of(Watching(strata="season", times=[0.0]), rows=1)
    with pytest.raises(UsageError, match="no time zone 'Oslo'"):
        timing_of(Watching(strata="day-of-week", times=[0.0], time_zone="Oslo"), rows=1)
    with pytest.raises(UsageError, match="strata by hour-of-day need the time of every row"):
        timing_of(Watching(strata="hour-of-day"), rows=1)
    assert timing_of(Watching(), rows=1) == Timing()


def test_rows_in_any_order_are_put_into_that_of_their_times() -> None:
    following = np.cumsum(np.random.default_rng(5).normal(size=(800, 2)), axis=0)
    shuffled = np.random.default_rng(6).permutation(800)
    rows, times = following[shuffled], 60.0 * shuffled
    model = LinearRegression().fit(rows, rows.sum(axis=1))

    def tau(watching: Watching) -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConversionWarning)
            package = convert(model, rows, name="m", version="1.0.0", watching=watching)
        return package.reference().variance_inflation

    assert tau(Watching()) == 1.0
    assert tau(Watching(times=times)) > 5.0
    assert tau(Watching(times=times, strata="day-of-week")) > 5.0


def by_hour(times: object, rows: np.ndarray) -> tuple[Reference, list[str]]:
    model = LinearRegression().fit(rows, rows.sum(axis=1))
    watching = Watching(strata="hour-of-day", times=times, time_zone="Europe/Oslo")
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always", ConversionWarning)
        package = convert(model, rows, name="m", version="1.0.0", watching=watching)
    return package.reference(), [str(warning.message) for warning in heard]


def test_every_hour_has_its_own_reference_and_together_they_are_the_whole() -> None:
    times = NOON_UNIX_S + 60.0 * np.arange(3 * 24 * 60)
    hours = (14 + np.arange(len(times)) // 60) % 24
    rows = np.random.default_rng(0).normal(size=(len(times), 2)) + hours[:, None]

    reference, _ = by_hour(times, rows)

    strata = reference.strata
    assert strata is not None
    assert list(strata.parts) == [f"{hour:02d}" for hour in range(24)]
    assert {part.rows for part in strata.parts.values()} == {180}
    for hour in (0, 13, 23):
        moments = strata.parts[f"{hour:02d}"].profile.find("feature:x0", "moments")
        assert isinstance(moments, Moments)
        assert moments.mean == pytest.approx(hour, abs=0.3)
    merged = reference.profile.spec.empty()
    for part in strata.parts.values():
        merged = merged.merged(part.profile)
    sketch = reference.profile.find("feature:x0", "sketch")
    assert merged.find("feature:x0", "sketch") == sketch
    assert reference.variance_inflation == 1.0


def test_hours_with_few_rows_or_none_are_warned_about() -> None:
    times = NOON_UNIX_S + 60.0 * np.arange(300)
    rows = np.random.default_rng(0).normal(size=(300, 2))

    reference, heard = by_hour(times[::-1], rows)

    assert reference.strata is not None
    assert list(reference.strata.parts) == ["14", "15", "16", "17", "18"]
    assert heard[1:] == [
        "5 of 24 strata have fewer than 5000 rows (fewest: 60 in '14'): only larger changes will "
        "raise alarms there",
        "19 of 24 strata have no rows (00, 01, 02, ...): what devices see then cannot be compared "
        "with anything",
    ]
