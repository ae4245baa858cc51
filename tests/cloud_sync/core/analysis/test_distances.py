import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.core.analysis import jensen_shannon, ks, psi, wasserstein

COUNTS = st.lists(st.integers(0, 1000), min_size=5, max_size=5)


def test_ks_is_the_largest_gap_of_cumulated_shares() -> None:
    assert ks([10, 0, 0, 0], [0, 0, 0, 10]) == 1.0
    assert ks([5, 5, 0, 0], [0, 5, 5, 0]) == 0.5


def test_psi_of_a_known_pair() -> None:
    assert psi([300, 700], [500, 500]) == pytest.approx(0.1694, abs=1e-4)


def test_jensen_shannon_is_1_for_what_has_nothing_in_common() -> None:
    assert jensen_shannon([7, 0], [0, 3]) == 1.0


def test_wasserstein_is_in_the_unit_of_the_values() -> None:
    assert wasserstein([(0.0, 2)], [(3.0, 5)]) == 3.0
    assert wasserstein([(0.0, 1), (1.0, 1)], [(1.0, 1), (2.0, 1)]) == 1.0


def test_an_empty_side_is_no_distance() -> None:
    assert ks([0, 0], [1, 2]) == psi([0, 0], [1, 2]) == jensen_shannon([1, 2], [0, 0]) == 0.0
    assert wasserstein([], [(1.0, 1)]) == 0.0


@given(a=COUNTS, b=COUNTS)
def test_distances_are_never_negative_and_0_to_itself(a: list[int], b: list[int]) -> None:
    assert 0.0 <= ks(a, b) <= 1.0 + 1e-9
    assert 0.0 <= jensen_shannon(a, b) <= 1.0
    assert psi(a, b) >= 0.0
    assert ks(a, a) == psi(a, a) == jensen_shannon(a, a) == 0.0
