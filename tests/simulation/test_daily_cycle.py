"""A daily cycle is no drift where the reference knows the hours, and hides none."""

import math
import random
from pathlib import Path

import pytest

from edge_contract.package import Package
from tests.support.watched_fleet import WatchedFleet, hourly_package, rows_of

WINDOW_S = 900.0
WINDOWS_A_DAY = 96
DAYS = 4
ROWS = 40


def level(hour: float) -> float:
    """The mean of ``x``: from -1.5 at six in the morning to 1.5 at six in the evening."""
    return -1.5 * math.sin(math.pi * hour / 12.0)


STRATIFIED = hourly_package(level, rows=400, strata=True)
POOLED = hourly_package(level, rows=400, strata=False)


def first_alarm(folder: Path, package: Package, *, shift: float = 0.0, seed: int = 1) -> float:
    """Days until an alarm, while ``x`` follows the day, from the third day on shifted; 0 for none.

    Rows of an hour all have the same level, as those of the reference have.
    """
    rng = random.Random(seed)
    with WatchedFleet(folder, window_s=WINDOW_S) as fleet:
        facts = fleet.push(package)
        fleet.add("cam-1")
        for window in range(DAYS * WINDOWS_A_DAY):
            hour = window % WINDOWS_A_DAY * 24 // WINDOWS_A_DAY
            moved = shift if window >= 2 * WINDOWS_A_DAY else 0.0
            seen = rows_of(rng, ROWS, x=level(hour) + moved)
            if fleet.pass_by({"cam-1": seen}, package=facts):
                return (window + 1) / WINDOWS_A_DAY
    return 0.0


def test_a_daily_cycle_alarms_where_the_reference_does_not_tell_hours_apart(
    tmp_path: Path,
) -> None:
    assert 0.0 < first_alarm(tmp_path, POOLED) < 1.0


@pytest.mark.parametrize("seed", [1, 2])
def test_a_daily_cycle_does_not_alarm_where_it_does(tmp_path: Path, seed: int) -> None:
    assert first_alarm(tmp_path, STRATIFIED, seed=seed) == 0.0


def test_a_shift_on_top_of_the_cycle_is_found_within_hours(tmp_path: Path) -> None:
    assert 2.0 < first_alarm(tmp_path, STRATIFIED, shift=0.7) < 2.25


def test_devices_are_blamed_by_their_hour_as_well(tmp_path: Path) -> None:
    rng = random.Random(4)
    with WatchedFleet(tmp_path, window_s=WINDOW_S) as fleet:
        facts = fleet.push(STRATIFIED)
        names = [f"cam-{number}" for number in range(6)]
        for name in names:
            fleet.add(name)
        for window in range(16):
            seen = {
                name: rows_of(rng, ROWS, x=level(window // 4) + (4.0 if name == "cam-4" else 0.0))
                for name in names
            }
            fleet.pass_by(seen, package=facts)

        (alarm,) = fleet.warehouse.alarms()

    assert alarm.document["devices"] == ["cam-4"]
