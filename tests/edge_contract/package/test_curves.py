import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_contract.package.curves import isotonic, recalibrated, shrunk

MEANS = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@given(means=MEANS)
def test_isotonic_regression_rises_and_keeps_the_mean(means: list[float]) -> None:
    weights = [1.0 + index % 3 for index in range(len(means))]

    fitted = isotonic(means, weights)

    assert all(a <= b + 1e-12 for a, b in itertools.pairwise(fitted))
    total = sum(w * m for w, m in zip(weights, means, strict=True))
    assert sum(w * f for w, f in zip(weights, fitted, strict=True)) == pytest.approx(total)


def test_isotonic_regression_leaves_what_rises_already() -> None:
    assert isotonic([0.1, 0.2, 0.9], [1.0, 1.0, 1.0]) == [0.1, 0.2, 0.9]
    assert isotonic([0.3, 0.1], [1.0, 3.0]) == pytest.approx([0.15, 0.15])


def test_labels_bend_probabilities_even_where_there_are_none() -> None:
    probabilities = [0.3, 0.5, 0.7, 0.9]

    bent = recalibrated(probabilities, [0, 500, 500, 0], [0, 50, 50, 0])

    assert bent[1:3] == pytest.approx([0.1, 0.1], abs=0.02)
    assert bent[3] == pytest.approx(0.1, abs=0.05)


def test_without_labels_probabilities_stay_what_they_are() -> None:
    assert recalibrated([0.3, 0.9], [0, 0], [0, 0]) == pytest.approx([0.3, 0.9])


@given(
    rows=st.lists(st.integers(0, 10**6), min_size=4, max_size=4),
    shares=st.lists(st.floats(0, 1), min_size=4, max_size=4),
)
def test_bending_stays_within_0_and_1_whatever_the_labels_say(
    rows: list[int], shares: list[float]
) -> None:
    correct = [int(n * share) for n, share in zip(rows, shares, strict=True)]

    bent = recalibrated([0.01, 0.4, 0.6, 0.9999], rows, correct)

    assert all(0.0 <= p <= 1.0 for p in bent)


def test_a_bin_with_few_labels_leans_on_its_prior() -> None:
    assert shrunk([0, 98], [0, 98], [0.5, 0.5]) == pytest.approx([0.5, 0.99])


def test_a_curve_never_falls() -> None:
    assert shrunk([98, 98], [98, 0], [0.5, 0.5]) == pytest.approx([0.5, 0.5])
