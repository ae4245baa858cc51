"""The simulated fleet of the benchmarks decides what the product's own watches decide."""

import math

import numpy as np
import pytest

from benchmarks.drift_features import (
    CELLS,
    KINDS,
    feature_of,
    marks_of,
    members_of,
    statistic_of,
    with_live,
)
from benchmarks.drift_fleet import Fleet
from cloud_sync.core.alarms import AlarmBudget
from cloud_sync.core.alarms.budget import MONTH_S
from cloud_sync.core.alarms.watch import Watch, ground_of

BUDGET = AlarmBudget(per_month=1.0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_simulated_fleet_finds_the_evidence_that_a_watch_finds(kind: str) -> None:
    feature = feature_of(kind, np.random.default_rng(1), rows=2000)
    fleet = Fleet([feature], BUDGET)
    drawn = np.bincount(np.random.default_rng(1).integers(0, 4096, 2000), minlength=4096)
    marks = marks_of(kind, members_of(kind))
    watch = Watch(ground_of(statistic_of(kind, marks, drawn)), inflation=1.0)
    rng = np.random.default_rng(2)

    for window in range(40):
        rows = np.bincount(rng.integers(0, 4096 - 40 * window, 100), minlength=4096)
        live = statistic_of(kind, marks, rows)
        granted = BUDGET.gradual(1) * 60.0 / MONTH_S
        watch.observe(live, granted=granted, level=0.0)
        counts = np.zeros((1, CELLS))
        cells = feature.view.counts_of(live)
        counts[0, : len(cells)] = cells
        (evidence,) = fleet.advance(fleet.gains_of(counts)).tolist()

        assert math.log(max(evidence, 1e-300)) == pytest.approx(watch.statistic(), abs=1e-6)


def test_a_fleet_that_does_not_drift_raises_nothing_and_one_that_does_is_found() -> None:
    rng = np.random.default_rng(3)
    features = [feature_of("normal", rng, rows=20_000) for _ in range(10)]
    still = Fleet(features, BUDGET, measured=True).run(rng, windows=200)

    moved = marks_of("normal", members_of("normal", shift=0.5))
    fleet = Fleet(features, BUDGET, measured=True)
    fleet.replace_features([with_live(feature, moved) for feature in features])
    found = fleet.run(rng, windows=20)

    assert still.alarms.sum() == 0
    assert (found.first > 0).all()


def test_a_tenth_of_a_sigma_is_found_within_45_windows_at_a_hundredth_of_the_budget() -> None:
    rng = np.random.default_rng(4)
    features = [feature_of("normal", rng, rows=100_000) for _ in range(60)]
    fleet = Fleet(features, AlarmBudget(per_month=0.6), measured=True)
    still = fleet.run(rng, windows=60)

    moved = marks_of("normal", members_of("normal", shift=0.1))
    fleet.replace_features([with_live(feature, moved) for feature in features])
    found = fleet.run(rng, windows=150)

    assert still.alarms.sum() == 0
    assert (found.first > 0).all()
    assert np.median(found.first) <= 45
