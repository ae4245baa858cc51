"""A candidate in the shadow takes what it may, and rests when what it repeats becomes slower."""

import random

import pytest

from edge_agent.core.shadow_budget import LatencyWatch, ProcessorBudget, ShadowLimits
from edge_contract.errors import UsageError


@pytest.mark.parametrize(
    ("limits", "complaint"),
    [
        ({"sample": 0.0}, "shadow_sample must be above 0 and at most 1, got 0.0"),
        ({"sample": 1.5}, "shadow_sample must be above 0 and at most 1, got 1.5"),
        ({"sample": float("nan")}, "shadow_sample must be"),
        ({"cpu": 0.0}, "shadow_cpu must be above 0 cores, got 0.0"),
        ({"cpu": float("inf")}, "shadow_cpu must be above 0 cores, got inf"),
    ],
)
def test_limits_that_are_none_are_refused(limits: dict[str, float], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        ShadowLimits(**limits)


@pytest.mark.parametrize("cost_s", [0.004, 0.05, 2.0])
def test_over_an_hour_repeating_takes_its_share_of_a_core_and_no_more(cost_s: float) -> None:
    budget = ProcessorBudget(0.25)
    spent_s = 0.0

    for tick in range(360_000):  # a call every 10 ms
        if budget.allows(tick * 0.01):
            budget.spend(cost_s)
            spent_s += cost_s

    assert 850.0 < spent_s < 905.0


def test_what_was_not_used_is_not_saved_up() -> None:
    budget = ProcessorBudget(0.25)
    budget.allows(0.0)
    spent_s = 0.0

    while budget.allows(86_400.0):
        budget.spend(0.01)
        spent_s += 0.01

    assert spent_s == pytest.approx(0.25)


def test_a_clock_that_stands_still_gives_nothing() -> None:
    budget = ProcessorBudget(0.25)
    budget.spend(1.0)

    assert not budget.allows(10.0)
    assert not budget.allows(10.0)
    assert not budget.allows(9.0)
    assert budget.allows(13.1)


def watched(
    watch: LatencyWatch, seconds: float, *, beside: float, rate_hz: float = 100.0, seed: int = 1
) -> tuple[int, int]:
    """Calls of about 1 ms, ``beside`` times as long while others are repeated.

    Returns how many were looked at, and how many of them repeated.
    """
    chance = random.Random(seed)
    looked = repeated = 0
    now_s, slows = 0.0, False
    while now_s < seconds:
        now_s += 1.0 / rate_hz
        if watch.rests(now_s):
            slows = False
            continue
        latency_us = 1000.0 * chance.lognormvariate(0.0, 0.3) * (beside if slows else 1.0)
        slows = watch.repeats(latency_us, now_s)
        looked += 1
        repeated += slows
    return looked, repeated


@pytest.mark.parametrize("seed", range(5))
def test_a_shadow_that_does_no_harm_goes_on(seed: int) -> None:
    watch = LatencyWatch()

    looked, repeated = watched(watch, 600.0, beside=1.0, seed=seed)

    assert watch.complaint == ""
    assert looked == pytest.approx(60_000, abs=2)
    assert 0.85 < repeated / looked < 0.87


@pytest.mark.parametrize("seed", range(5))
def test_a_shadow_beside_which_calls_become_slower_rests(seed: int) -> None:
    watch = LatencyWatch()

    looked, _ = watched(watch, 60.0, beside=3.0, seed=seed)

    assert looked < 1500
    assert watch.rests(60.0)
    assert watch.complaint.startswith("rests for 10 min: ")
    assert "calls of the serving version took more than" in watch.complaint


def test_it_tries_again_and_rests_longer_each_time() -> None:
    watch = LatencyWatch()

    looked, _ = watched(watch, 43_200.0, beside=3.0, rate_hz=20.0)

    assert looked < 8 * 1000  # of 864,000: 10, 20, 40, ... minutes lie between
    assert "min: " in watch.complaint


def test_few_calls_are_all_looked_at_and_almost_all_repeated() -> None:
    watch = LatencyWatch()

    looked, repeated = watched(watch, 7 * 86_400.0, beside=1.0, rate_hz=0.01)

    assert looked == pytest.approx(6048, abs=1)
    assert repeated / looked > 0.98
