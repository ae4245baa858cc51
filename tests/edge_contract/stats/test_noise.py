"""Noise hides single rows, keeps what is public, and leaves whole distributions as they are."""

import math
import random
from collections import Counter

import pytest

from edge_contract.errors import UsageError
from edge_contract.stats import (
    Agreement,
    AgreementSpec,
    Categories,
    CategoriesSpec,
    Column,
    JointSpec,
    Labels,
    LabelsSpec,
    MomentsSpec,
    Probabilities,
    ProbabilitiesSpec,
    Profile,
    ProfileSpec,
    Sketch,
    SketchSpec,
)
from edge_contract.stats.noise import checked_epsilon, noisy_counts, noisy_profile

SPEC = ProfileSpec(
    (
        Column("feature:size", SketchSpec()),
        Column("feature:size", MomentsSpec()),
        Column("feature:city", CategoriesSpec(3)),
        Column("joint", JointSpec()),
        Column("prediction", ProbabilitiesSpec((0.5, 0.5))),
        Column("labels", LabelsSpec(2)),
        Column("agreement", AgreementSpec(2)),
        Column("latency_us", SketchSpec()),
    )
)


def profile(sizes: list[float], seed: int = 0) -> Profile:
    chance = random.Random(seed)
    counted = SPEC.empty()
    for size in sizes:
        sure = chance.uniform(0.5, 1.0)
        counted.observe(0, (size,))
        counted.observe(1, (size,))
        counted.observe(2, (float(chance.choice([0, 0, 1, 2, -7])),))
        counted.observe(3, (size, size))
        counted.observe(4, (float(chance.random() < 0.3), sure))
        counted.observe(5, (1.0, 1.0, sure))
        counted.observe(6, (1.0, sure, 1.0, sure))
        counted.observe(7, (120.0,))
    return counted


def sizes(rows: int, seed: int = 0) -> list[float]:
    chance = random.Random(seed)
    return [chance.lognormvariate(0.0, 1.0) for _ in range(rows)]


REFERENCE = profile(sizes(2000, seed=1))


def noisy(found: Profile, *, epsilon: float = 1.0, seed: int = 2) -> Profile:
    draw = random.Random(seed).random
    return noisy_profile(found, REFERENCE, epsilon=epsilon, draw=draw, exact=("latency_us",))


def test_counts_get_two_sided_geometric_noise() -> None:
    chance = random.Random(0)
    many = [10_000, *[1_000_000] * 20_000]

    differences = Counter(
        after - before
        for before, after in zip(
            many, noisy_counts(many, epsilon=1.0, draw=chance.random), strict=True
        )
    )

    keeps = math.exp(-0.5)  # one row changes two cells, so each gets half of epsilon
    assert differences[1] / differences[0] == pytest.approx(keeps, rel=0.1)
    assert differences[-3] / differences[0] == pytest.approx(keeps**3, rel=0.1)
    variance = sum(count * step**2 for step, count in differences.items()) / 20_001
    assert variance == pytest.approx(2 * keeps / (1 - keeps) ** 2, rel=0.1)


@pytest.mark.parametrize("empty", [(), (1, 2)])
def test_no_outcome_tells_much_about_where_one_row_lies(empty: tuple[int, ...]) -> None:
    chance = random.Random(0)

    def outcomes(counts: list[int]) -> Counter[tuple[int, ...]]:
        return Counter(
            tuple(noisy_counts(counts, epsilon=1.0, draw=chance.random, empty=empty))
            for _ in range(20_000)
        )

    here, there = outcomes([6, 0, 1]), outcomes([5, 1, 1])  # one row is elsewhere

    common = [outcome for outcome, times in (here + there).items() if times > 400]
    ratios = [math.log(here[outcome] / there[outcome]) for outcome in common]
    assert len(ratios) >= 1
    assert max(map(abs, ratios)) < 1.0 + 0.15  # epsilon, and what 20,000 draws leave open


@pytest.mark.parametrize("counts", [[0], [5], [0, 0, 9], [1] * 50, [0] * 300 + [1], [7, 0, 3]])
@pytest.mark.parametrize("seed", range(5))
def test_noisy_counts_are_none_below_zero_and_have_the_same_sum(
    counts: list[int], seed: int
) -> None:
    found = noisy_counts(counts, epsilon=0.1, draw=random.Random(seed).random)

    assert len(found) == len(counts)
    assert min(found) >= 0
    assert sum(found) == sum(counts)


def test_a_noisy_profile_can_be_sent_and_counts_as_many_rows() -> None:
    window = profile(sizes(600))

    found = noisy(window)

    assert SPEC.decode(found.to_state()).to_state() == found.to_state()
    for index in (0, 2, 4, 5, 6, 7):
        assert found[index].count == 600
    assert found[0].to_state() != window[0].to_state()
    assert found[7].to_state() == window[7].to_state()


def test_sums_ranges_and_hashes_stay_on_the_device() -> None:
    found = noisy(profile(sizes(600)))

    categories, labels, agreement = found[2], found[5], found[6]
    assert sorted(found.to_state()) == [0, 2, 4, 5, 6, 7]
    assert isinstance(categories, Categories)
    assert isinstance(labels, Labels)
    assert isinstance(agreement, Agreement)
    assert categories.other > 0
    assert categories.hashes == ()
    assert labels.calibration == {}
    assert agreement.gap.finite == 0


def test_a_value_that_nobody_else_has_makes_no_bucket_of_its_own() -> None:
    known, cells = REFERENCE[0], set[int]()
    assert isinstance(known, Sketch)
    odd = profile([*sizes(600), 1e30, -5.0, math.nan])

    for seed in range(200):
        sketch = noisy(odd, seed=seed)[0]
        assert isinstance(sketch, Sketch)
        cells |= sketch.counts.keys()

    assert cells <= known.counts.keys()


def test_a_shift_out_of_the_range_is_still_seen() -> None:
    found = noisy(profile([1e20] * 600))[0]

    known = REFERENCE[0]
    assert isinstance(found, Sketch)
    assert isinstance(known, Sketch)
    assert found.counts[max(known.counts) + 1] > 400


def test_what_the_reference_never_had_comes_up_only_where_it_is_more_than_noise() -> None:
    plain, sick = profile(sizes(600)), profile([*sizes(500), *[math.nan] * 100])

    without = [noisy(plain, seed=seed)[0] for seed in range(100)]
    with_gaps = [noisy(sick, seed=seed)[0] for seed in range(100)]

    assert {sketch.missing for sketch in without if isinstance(sketch, Sketch)} == {0}
    missing = [sketch.missing for sketch in with_gaps if isinstance(sketch, Sketch)]
    assert sum(missing) / 100 == pytest.approx(100, rel=0.1)


def test_over_many_devices_the_distribution_comes_out() -> None:
    total = SPEC.empty()
    for device in range(60):
        total = total.merged(noisy(profile(sizes(600, seed=device), seed=device), seed=device))

    found, known = total[4], REFERENCE[4]
    assert isinstance(found, Probabilities)
    assert isinstance(known, Probabilities)
    positive = sum(found.counts[1].values()) / found.count
    assert positive == pytest.approx(0.3, abs=0.03)
    assert found.sums[0] / sum(found.counts[0].values()) == pytest.approx(0.75, abs=0.02)
    assert _largest_gap(total[0], REFERENCE[0]) < 0.05


def _largest_gap(found: object, known: object) -> float:
    assert isinstance(found, Sketch)
    assert isinstance(known, Sketch)
    gap = low = high = 0.0
    for code in sorted(found.counts.keys() | known.counts.keys()):
        low += found.counts.get(code, 0) / found.count
        high += known.counts.get(code, 0) / known.count
        gap = max(gap, abs(low - high))
    return gap


def test_a_number_whose_cells_nobody_knows_is_left_out() -> None:
    window = profile(sizes(10))

    found = noisy_profile(window, None, epsilon=1.0, draw=random.Random(0).random)

    assert sorted(found.to_state()) == [5, 6]  # the cells of classes are known all the same


def test_a_feature_of_which_the_reference_has_no_value_has_cells_all_the_same() -> None:
    spec = ProfileSpec((Column("feature:x", SketchSpec()),))
    window = spec.empty()
    for value in (1.0, -3.0, 0.0):
        window.observe(0, (value,))

    found = noisy_profile(window, spec.empty(), epsilon=50.0, draw=random.Random(0).random)[0]

    assert isinstance(found, Sketch)
    assert (found.zero, found.counts) == (1, {-1: 1, 1: 1})


def test_many_classes_would_drown_and_are_left_out() -> None:
    spec = ProfileSpec((Column("labels", LabelsSpec(33)),))
    window = spec.empty()
    window.observe(0, (1.0, 2.0, 0.5))

    assert len(noisy_profile(window, None, epsilon=1.0, draw=random.Random(0).random)) == 0


@pytest.mark.parametrize("epsilon", [-1.0, 0.001, 101.0, math.nan, math.inf])
def test_an_epsilon_that_hides_nothing_or_drowns_everything_is_refused(epsilon: float) -> None:
    with pytest.raises(UsageError, match=r"noise epsilon must be 0 for none, or from 0\.01 to 100"):
        checked_epsilon(epsilon)
