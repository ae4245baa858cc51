"""Maintenance windows go by a clock on a wall: over midnight, on some days, all year round."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from edge_contract.errors import UsageError
from edge_contract.maintenance import LocalWindow, MaintenanceWindow, next_opening_unix_s


def oslo(text: str, *, fold: int = 0) -> float:
    """Unix time of what a clock in Oslo shows."""
    return (
        datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Oslo"), fold=fold).timestamp()
    )


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        ("2027-01-15 21:59", False),
        ("2027-01-15 22:00", True),
        ("2027-01-15 23:59", True),
        ("2027-01-16 00:00", True),
        ("2027-01-16 04:59:59", True),
        ("2027-01-16 05:00", False),
        ("2027-07-15 22:00", True),
        ("2027-07-15 21:59", False),
    ],
)
def test_a_window_may_pass_midnight_and_goes_by_the_local_clock(at: str, is_open: bool) -> None:
    window = LocalWindow.parse("22:00-05:00 Europe/Oslo")

    assert window.is_open(oslo(at)) is is_open


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        ("2027-01-15 23:00", True),  # a Friday
        ("2027-01-16 04:00", True),  # what began on Friday goes on
        ("2027-01-16 23:00", False),
        ("2027-01-17 04:00", False),
        ("2027-01-18 23:00", True),
    ],
)
def test_the_days_are_those_on_which_a_window_begins(at: str, is_open: bool) -> None:
    window = LocalWindow.parse("mon-fri 22:00-05:00 Europe/Oslo")

    assert window.is_open(oslo(at)) is is_open


def test_on_the_night_without_the_hour_a_window_in_it_does_not_come() -> None:
    window = LocalWindow.parse("02:15-02:45 Europe/Oslo")
    before = oslo("2027-03-28 01:59:59")

    minutes = [window.is_open(before + 60.0 * minute) for minute in range(180)]

    assert not any(minutes)
    assert window.is_open(oslo("2027-03-27 02:30"))


def test_on_the_night_with_the_hour_twice_a_window_in_it_comes_twice() -> None:
    window = LocalWindow.parse("02:00-03:00 Europe/Oslo")

    assert window.is_open(oslo("2027-10-31 02:30"))
    assert window.is_open(oslo("2027-10-31 02:30", fold=1))
    assert oslo("2027-10-31 02:30", fold=1) - oslo("2027-10-31 02:30") == 3600.0
    assert not window.is_open(oslo("2027-10-31 03:00"))


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("22:00-5:00 UTC", "22:00-05:00 UTC"),
        ("Sat,Sun 0:00-24:00  UTC", "sat,sun 00:00-00:00 UTC"),
        ("fri-mon 01:30-04:00 UTC", "mon,fri,sat,sun 01:30-04:00 UTC"),
    ],
)
def test_what_is_written_is_read(text: str, written: str) -> None:
    window = LocalWindow.parse(text)

    assert str(window) == written
    assert LocalWindow.parse(written) == window


def test_a_whole_day_is_open_all_day() -> None:
    window = LocalWindow.parse("sun 00:00-24:00 Europe/Oslo")

    assert not window.is_open(oslo("2027-01-16 23:59"))
    assert window.is_open(oslo("2027-01-17 00:00"))
    assert window.is_open(oslo("2027-01-17 23:59"))
    assert not window.is_open(oslo("2027-01-18 00:00"))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "names no time zone"),
        ("22:00-05:00", "names no time zone"),
        ("Europe/Oslo", "names no time zone"),
        ("22:00-05:00 Europe/Olso", "there is no time zone 'Europe/Olso'"),
        ("22:00-05:00 ../../etc/passwd", "there is no time zone"),
        ("22-05 UTC", "is none: write it like"),
        ("25:00-05:00 UTC", "has no such time as 25:00"),
        ("24:30-05:00 UTC", "has no such time as 24:30"),
        ("22:60-05:00 UTC", "is none: write it like"),
        ("friday 22:00-05:00 UTC", "is none: write it like"),
        ("fry 22:00-05:00 UTC", "names a day that is none"),
        ("2\u0662:00-05:00 UTC", "is none: write it like"),
    ],
)
def test_what_is_no_window_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        LocalWindow.parse(text)


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        ("2027-01-15 12:00", "2027-01-15 22:00"),
        ("2027-01-15 23:00", "2027-01-15 23:00"),
        ("2027-01-16 05:00", "2027-01-18 22:00"),
        ("2027-03-27 12:00", "2027-03-29 22:00"),
    ],
)
def test_the_next_opening_is_known(at: str, opens: str) -> None:
    window = MaintenanceWindow.parse("mon-fri 22:00-05:00")

    assert next_opening_unix_s([window], "Europe/Oslo", oslo(at)) == oslo(opens)
