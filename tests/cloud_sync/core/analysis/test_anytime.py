"""Bounds that hold at every look: checked by looking after every portion of rows."""

import itertools
import math
import random

import pytest

from cloud_sync.core.analysis.anytime import fixed_factor, ks_radius, normal_factor, rate_bounds


def test_the_normal_bound_is_wrong_at_any_look_no_more_often_than_it_says() -> None:
    rng = random.Random(3)
    wrong = 0
    for _ in range(400):
        total, count, ever = 0.0, 0, False
        for _ in range(40):
            total += sum(rng.gauss(0.0, 1.0) for _ in range(25))
            count += 25
            factor = normal_factor(0.05, rows=count, best_at_rows=100)
            ever = ever or total / count > factor / math.sqrt(count)
        wrong += ever

    assert wrong <= 400 * 0.05


def test_a_textbook_bound_would_be_wrong_more_often() -> None:
    assert normal_factor(0.05, rows=100, best_at_rows=100) > 1.6449
    assert fixed_factor(0.05) == pytest.approx(1.6449, abs=1e-4)


def test_the_rate_bounds_are_wrong_at_any_look_no_more_often_than_they_say() -> None:
    rng = random.Random(5)
    wrong = 0
    for _ in range(300):
        cases, rows, ever = 0, 0, False
        for _ in range(20):
            cases += sum(rng.random() < 0.03 for _ in range(20))
            rows += 20
            low, high = rate_bounds(cases, rows, alpha=0.1)
            ever = ever or not low <= 0.03 <= high
        wrong += ever

    assert wrong <= 300 * 0.1


def test_rate_bounds_of_nothing_and_of_extremes() -> None:
    assert rate_bounds(0, 0, alpha=0.01) == (0.0, 1.0)
    low, high = rate_bounds(0, 1000, alpha=0.01)
    assert low == 0.0
    assert 0.003 < high < 0.02
    low, high = rate_bounds(1000, 1000, alpha=0.01)
    assert 0.98 < low < 0.997
    assert high == 1.0


def test_the_ks_radius_holds_at_any_look() -> None:
    rng = random.Random(7)
    wrong = 0
    for _ in range(100):
        seen = [0] * 10
        ever = False
        for _ in range(30):
            for _ in range(20):
                seen[rng.randrange(10)] += 1
            rows = sum(seen)
            gap = max(
                abs(s / rows - (k + 1) / 10) for k, s in enumerate(itertools.accumulate(seen))
            )
            ever = ever or gap > ks_radius(rows, alpha=0.1, first_rows=20)
        wrong += ever

    assert wrong <= 10


def test_the_ks_radius_promises_nothing_below_its_first_rows_and_shrinks_after() -> None:
    assert ks_radius(99, alpha=0.01, first_rows=100) == 1.0
    radii = [ks_radius(rows, alpha=0.01, first_rows=100) for rows in (100, 1000, 10_000, 100_000)]
    assert radii == sorted(radii, reverse=True)
    assert radii[-1] < 0.01
