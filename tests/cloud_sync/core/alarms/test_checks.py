"""What else is watched beside distributions: missing, infinite, new, out of range, stuck, wrong."""

import math
import random
from collections.abc import Callable

import pytest

from cloud_sync.core.alarms.watch import Watch, ground_of
from edge_contract.stats import (
    CategoriesSpec,
    LabelsSpec,
    ProbabilitiesSpec,
    SketchSpec,
    Spec,
    Statistic,
)

GRANTED = 0.9 / (100 * 43_200)
NUMBER = SketchSpec("centred", 0.0, 1.0)
Draw = Callable[[random.Random], tuple[float, ...]]


def counted(spec: Spec, draw: Draw, rng: random.Random, rows: int) -> Statistic:
    statistic = spec.empty()
    for _ in range(rows):
        statistic.observe(draw(rng))
    return statistic


def windows_until_found(
    spec: Spec, usual: Draw, now: Draw, *, rows: int = 100, most: int = 60
) -> tuple[int, str, str]:
    """Windows until the e-detector of a 100th of the budget alarms, its test and its words."""
    rng = random.Random(11)
    watch = Watch(ground_of(counted(spec, usual, rng, 20_000)), inflation=1.0)
    for window in range(1, most + 1):
        watch.observe(counted(spec, now, rng, rows), granted=GRANTED, level=0.0)
        if watch.statistic() >= 0.0:
            return window, *watch.description()
    return 0, "", ""


def normal(rng: random.Random) -> tuple[float, ...]:
    return (rng.gauss(0.0, 1.0),)


def with_some(share: float, value: float, usual: Draw = normal) -> Draw:
    return lambda rng: (value,) if rng.random() < share else usual(rng)


def category(rng: random.Random) -> tuple[float, ...]:
    return (float(rng.choice((0, 0, 0, 1, 1, 2))),)


@pytest.mark.parametrize(
    ("spec", "usual"),
    [(NUMBER, normal), (NUMBER, with_some(0.01, math.nan)), (CategoriesSpec(3), category)],
)
def test_what_stays_as_it_is_is_not_found(spec: Spec, usual: Draw) -> None:
    assert windows_until_found(spec, usual, usual) == (0, "", "")


def test_a_missing_rate_that_trebles_is_found() -> None:
    found, test, text = windows_until_found(
        NUMBER, with_some(0.01, math.nan), with_some(0.03, math.nan)
    )

    assert 1 <= found <= 40
    assert test == "missing values"
    assert text.startswith("is missing in ")
    assert text.endswith("% of rows (reference 0.98 %)")


def test_infinite_values_are_found() -> None:
    found, test, text = windows_until_found(NUMBER, normal, with_some(0.02, math.inf))

    assert 1 <= found <= 10
    assert test == "infinite values"
    assert text.startswith("is infinite in ")
    assert text.endswith("(reference 0 %)")


@pytest.mark.parametrize("value", [-9.0, 9.0])
def test_values_beyond_the_reference_are_found(value: float) -> None:
    found, test, text = windows_until_found(NUMBER, normal, with_some(0.02, value))

    assert 1 <= found <= 10
    assert test == "out of range"
    assert text.startswith("lies outside the reference's range in ")


def test_new_categories_are_found_and_how_many_there_are() -> None:
    def now(rng: random.Random) -> tuple[float, ...]:
        return (-1.0 - rng.randrange(3) * 77.0,) if rng.random() < 0.1 else category(rng)

    found, test, text = windows_until_found(CategoriesSpec(3), category, now)

    assert 1 <= found <= 5
    assert test == "new categories"
    assert text.startswith("has 3 categories that are not in the reference in ")


def test_a_category_that_becomes_frequent_is_found() -> None:
    found, test, text = windows_until_found(
        CategoriesSpec(3), category, with_some(0.2, 2.0, category)
    )

    assert 1 <= found <= 20
    assert test == "share of a category"
    assert text.startswith("has category number 2 in ")


def test_one_stuck_device_of_twenty_is_found_in_the_counts_of_all() -> None:
    found, test, text = windows_until_found(NUMBER, normal, with_some(0.05, 0.7))

    assert 1 <= found <= 20
    assert test == "stuck value"
    assert text.startswith("has nearly the same value in ")


def test_a_column_that_is_stuck_everywhere_is_called_so() -> None:
    found, test, text = windows_until_found(NUMBER, normal, lambda _: (0.7,))

    assert found == 1
    assert test == "stuck value"
    assert text.startswith("is stuck: has nearly the same value in 100 % of rows")


def test_a_number_that_each_device_has_for_itself_is_no_news() -> None:
    def of_the_fleet(rng: random.Random) -> tuple[float, ...]:
        return (float(rng.randrange(1, 21)),)

    assert windows_until_found(SketchSpec(integer=True), of_the_fleet, of_the_fleet)[0] == 0


def test_predictions_that_make_no_sense_are_found() -> None:
    def usual(rng: random.Random) -> tuple[float, ...]:
        return (float(rng.randrange(2)), rng.uniform(0.5, 1.0))

    def now(rng: random.Random) -> tuple[float, ...]:
        return (0.0, math.nan) if rng.random() < 0.05 else usual(rng)

    found, test, text = windows_until_found(ProbabilitiesSpec(), usual, now)

    assert 1 <= found <= 10
    assert test == "invalid predictions"
    assert text.startswith("is no valid prediction in ")


@pytest.mark.parametrize(("error", "is_found"), [(0.12, True), (0.05, False), (0.01, False)])
def test_more_errors_are_found_and_fewer_are_no_alarm(error: float, is_found: bool) -> None:
    def predicted(share: float) -> Draw:
        return lambda rng: (float(rng.random() < share), 0.0, 0.9)

    found, test, text = windows_until_found(LabelsSpec(2), predicted(0.05), predicted(error))

    assert (found > 0) is is_found
    if is_found:
        assert found <= 30
        assert test == "error rate"
        assert text.startswith("is wrong in ")


@pytest.mark.parametrize("spec", [NUMBER, CategoriesSpec(3), ProbabilitiesSpec(), LabelsSpec(2)])
def test_rows_of_another_kind_or_none_at_all_change_nothing(spec: Spec) -> None:
    watch = Watch(ground_of(spec.empty()), inflation=1.0)

    reading = watch.observe(spec.empty(), granted=GRANTED, level=1e-6)

    assert (reading.rows, reading.abrupt) == (0, 0.0)
    assert watch.statistic() < -600.0
