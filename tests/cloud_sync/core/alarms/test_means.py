import math
import random

from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.core.alarms.means import STAKES, MeanWatch, means_of
from edge_contract.stats.quantised import Sums

LARGEST = 48
NUMBERS = st.integers(-LARGEST, LARGEST)


def sums(numbers: list[int]) -> Sums:
    return Sums(len(numbers), sum(numbers), sum(x * x for x in numbers))


@given(reference=st.lists(NUMBERS, min_size=2, max_size=300))
def test_no_bet_wins_on_average_against_the_reference(reference: list[int]) -> None:
    (mean,) = means_of([sums(reference)], largest=LARGEST)

    for sign, ceiling in zip((1, -1), mean.ceilings, strict=True):
        if ceiling is None:
            continue
        for stake, _ in STAKES:
            factors = []
            for x in reference:
                y = (sign * x - ceiling) / (LARGEST + ceiling)
                factors.append(math.exp(stake * y + (stake + math.log1p(-stake)) * y * y))
            assert sum(factors) / len(factors) <= 1.0 + 1e-9


@given(reference=st.lists(NUMBERS, min_size=2, max_size=100), live=st.lists(NUMBERS, max_size=100))
def test_sums_of_a_portion_are_worth_what_its_rows_are(
    reference: list[int], live: list[int]
) -> None:
    means = means_of([sums(reference)], largest=LARGEST)
    at_once = MeanWatch(largest=LARGEST, places=1, inflation=1.0)
    at_once.observe([sums(live)], means, granted=1e-6)

    count, mean = at_once.lately(0)

    assert (count, round(mean * count)) == (len(live), sum(live))
    assert at_once.statistic() < math.log(10.0) + math.log(12.0)


def test_the_mean_that_moves_is_found_among_many() -> None:
    rng = random.Random(1)
    reference = [[rng.randint(-20, 20) for _ in range(5000)] for _ in range(8)]
    means = means_of([sums(numbers) for numbers in reference], largest=LARGEST)
    watch = MeanWatch(largest=LARGEST, places=8, inflation=1.0)

    for _ in range(30):
        live = [[rng.randint(-20, 20) - 6 * (place == 5) for _ in range(50)] for place in range(8)]
        watch.observe([sums(numbers) for numbers in live], means, granted=1e-7)

    assert watch.statistic() >= 0.0
    assert watch.strongest() == 5


def test_a_reference_of_nothing_leaves_no_room_for_bets() -> None:
    means = means_of([sums([]), sums([7])], largest=LARGEST)
    watch = MeanWatch(largest=LARGEST, places=2, inflation=1.0)

    watch.observe([sums([48] * 100), sums([48] * 100)], means, granted=1.0)

    assert watch.strongest() is None
    assert watch.statistic() < -600.0
