import math

from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.core.alarms.bets import bets_of
from cloud_sync.core.analysis import View, views_of
from edge_contract.stats import SketchSpec

VALUES = st.floats(-1e6, 1e6) | st.sampled_from([math.nan, math.inf, 0.0, 0.0, 0.0])


def view_of(values: list[float]) -> View:
    statistic = SketchSpec().empty()
    for value in values:
        statistic.observe((value,))
    (view,) = views_of(statistic)
    return view


def mean_factors(view: View) -> list[float]:
    rows = sum(view.reference)
    return [
        sum(n * math.exp(log) for n, log in zip(view.reference, bet, strict=True)) / rows
        for bet in bets_of(view)
    ]


@given(values=st.lists(VALUES, min_size=1, max_size=300))
def test_no_bet_wins_on_average_against_the_reference(values: list[float]) -> None:
    assert all(factor <= 1.0 + 1e-9 for factor in mean_factors(view_of(values)))


@given(values=st.lists(VALUES, max_size=300))
def test_no_bet_can_lose_everything_on_one_row(values: list[float]) -> None:
    assert all(math.isfinite(log) for bet in bets_of(view_of(values)) for log in bet)


def test_a_small_reference_bets_more_carefully_than_a_large_one() -> None:
    small, large = (view_of([1.0 + k / rows for k in range(rows)]) for rows in (300, 30_000))

    assert max(mean_factors(small)) < max(mean_factors(large)) < 1.0
    assert mean_factors(large)[0] > 0.99


def test_a_reference_of_one_row_leaves_no_room_for_bets_on_ranks() -> None:
    assert bets_of(view_of([1.0])) == ()
    assert bets_of(view_of([])) == ()


def test_zero_makes_room_for_bets_on_what_is_not_zero() -> None:
    without = view_of([1.0 + k / 5000 for k in range(5000)])
    half_zero = view_of([0.0 if k % 2 else 1.0 + k / 5000 for k in range(5000)])

    assert len(bets_of(half_zero)) > len(bets_of(without))
