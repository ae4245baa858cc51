"""Variance inflation is 1 for rows in random order and grows with their dependence."""

import numpy as np
import pytest
from numpy.typing import NDArray

from converters.dependence import variance_inflation


def following_rows(keeps: float, *, rows: int, seed: int = 0) -> NDArray[np.float32]:
    """Each row keeps a share of the row before: an autoregressive series of order 1."""
    noise = np.random.default_rng(seed).normal(size=(rows, 3))
    series = np.zeros_like(noise)
    for row in range(1, rows):
        series[row] = keeps * series[row - 1] + noise[row]
    return series.astype(np.float32)


@pytest.mark.parametrize("seed", range(8))
def test_rows_in_random_order_have_none(seed: int) -> None:
    rows = np.random.default_rng(seed).normal(size=(3000, 20)).astype(np.float32)

    assert variance_inflation(rows) == 1.0


def test_shuffling_dependent_rows_takes_it_away() -> None:
    rows = following_rows(0.9, rows=6000)
    shuffled = np.random.default_rng(1).permutation(rows)

    assert variance_inflation(rows) > 10.0
    assert variance_inflation(shuffled) == 1.0


def test_it_is_near_what_theory_says_of_such_rows() -> None:
    """For an autoregressive series that keeps a share r it is (1 + r) / (1 - r): here 3."""
    assert variance_inflation(following_rows(0.5, rows=20_000)) == pytest.approx(3.0, rel=0.25)


def test_more_dependence_gives_more() -> None:
    found = [variance_inflation(following_rows(keeps, rows=6000)) for keeps in (0.3, 0.6, 0.9)]

    assert found == sorted(found)
    assert found[0] > 1.2


def test_a_daily_cycle_is_no_dependence_among_the_rows_of_one_hour() -> None:
    hours = np.arange(24 * 300) // 20 % 24
    cycle = (10.0 * np.sin(hours / 24 * 2 * np.pi)).astype(np.float32)
    noise = np.random.default_rng(0).normal(size=(len(hours), 3)).astype(np.float32)
    of_one_hour = [np.flatnonzero(hours == hour) for hour in range(24)]

    assert variance_inflation(noise + cycle[:, None]) > 10.0
    assert variance_inflation(noise + cycle[:, None], of_one_hour) == 1.0


@pytest.mark.parametrize(
    "rows",
    [
        np.zeros((1000, 3)),
        np.full((1000, 3), np.nan),
        np.arange(30.0).reshape(10, 3),
        np.zeros((0, 3)),
        np.zeros((100, 0)),
    ],
    ids=["constant", "missing", "few", "none", "no columns"],
)
def test_rows_that_say_nothing_about_it_have_none(rows: NDArray[np.float64]) -> None:
    assert variance_inflation(rows.astype(np.float32)) == 1.0
