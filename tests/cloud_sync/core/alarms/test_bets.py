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


def by_cell(view: View) -> list[tuple[float, ...]]:
    """Logarithms of the factors of all bets."""
    bets = bets_of(view)
    cells = range(len(view.reference))
    rates = [bet for bet in (*bets.rates, *bets.spikes.values()) if bet is not None]
    return [bet.logs for bet in bets.tilts if bet is not None] + [
        tuple(bet.log_in if cell in bet.cells else bet.log_out for cell in cells) for bet in rates
    ]


def mean_factors(view: View) -> list[float]:
    rows = sum(view.reference)
    return [
        sum(n * math.exp(log) for n, log in zip(view.reference, logs, strict=True)) / rows
        for logs in by_cell(view)
    ]


def weights(view: View) -> list[float]:
    bets = bets_of(view)
    every = (*bets.tilts, *bets.rates, *bets.spikes.values())
    return [math.exp(bet.log_weight) for bet in every if bet is not None]


@given(values=st.lists(VALUES, min_size=1, max_size=300))
def test_no_bet_wins_on_average_against_the_reference(values: list[float]) -> None:
    assert all(factor <= 1.0 + 1e-9 for factor in mean_factors(view_of(values)))


@given(values=st.lists(VALUES, max_size=300))
def test_no_bet_can_lose_everything_on_one_row(values: list[float]) -> None:
    assert all(math.isfinite(log) for logs in by_cell(view_of(values)) for log in logs)


@given(values=st.lists(VALUES, min_size=100, max_size=300))
def test_all_bets_of_a_view_share_one_budget(values: list[float]) -> None:
    shares = weights(view_of(values))

    assert math.isclose(sum(shares), 1.0) or not shares


@given(a=st.lists(VALUES, max_size=300), b=st.lists(VALUES, max_size=300))
def test_bets_have_the_same_places_whatever_the_reference(a: list[float], b: list[float]) -> None:
    one, other = bets_of(view_of(a)), bets_of(view_of(b))

    assert (len(one.tilts), len(one.rates)) == (len(other.tilts), len(other.rates))


def test_a_small_reference_bets_more_carefully_than_a_large_one() -> None:
    small, large = (view_of([1.0 + k / rows for k in range(rows)]) for rows in (300, 30_000))

    assert max(mean_factors(small)) < max(mean_factors(large)) < 1.0
    assert mean_factors(large)[0] > 0.99


def test_a_reference_of_one_row_leaves_no_room_for_bets_on_ranks() -> None:
    assert by_cell(view_of([1.0])) == []
    assert by_cell(view_of([])) == []


def test_zero_makes_room_for_bets_on_what_is_not_zero() -> None:
    without = view_of([1.0 + k / 5000 for k in range(5000)])
    half_zero = view_of([0.0 if k % 2 else 1.0 + k / 5000 for k in range(5000)])

    assert None in bets_of(without).tilts
    assert None not in bets_of(half_zero).tilts
