import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_contract.cohorts import cohort_position

DEVICES = [f"camera-{number}" for number in range(20_000)]


@given(salt=st.text(), device=st.text(st.characters(codec="utf-8")))
def test_every_device_has_one_place_from_0_up_to_1(salt: str, device: str) -> None:
    position = cohort_position(salt, device)

    assert 0.0 <= position < 1.0
    assert cohort_position(salt, device) == position


@given(fractions=st.lists(st.floats(0.0, 1.0), min_size=2, max_size=6).map(sorted))
def test_a_wider_stage_keeps_every_device_of_the_one_before(fractions: list[float]) -> None:
    devices = DEVICES[:200]

    stages = [{d for d in devices if cohort_position("rollout-7", d) < f} for f in fractions]

    assert all(a <= b for a, b in itertools.pairwise(stages))


def test_the_whole_fleet_is_in_a_stage_of_everything_and_nobody_in_one_of_nothing() -> None:
    positions = [cohort_position("rollout-7", device) for device in DEVICES]

    assert all(0.0 <= position < 1.0 for position in positions)
    assert len(set(positions)) == len(DEVICES)


@pytest.mark.parametrize("salt", ["", "rollout-7", "digits@1.1.0"])
def test_places_are_spread_evenly(salt: str) -> None:
    tenths = [0] * 10
    for device in DEVICES:
        tenths[int(cohort_position(salt, device) * 10)] += 1

    surprise = sum((count - 2000) ** 2 / 2000 for count in tenths)

    assert surprise < 27.9  # chi-squared, 9 degrees of freedom: 1 in 1,000


def test_another_salt_tries_other_devices_first() -> None:
    first = {device for device in DEVICES if cohort_position("a", device) < 0.1}
    second = {device for device in DEVICES if cohort_position("b", device) < 0.1}

    assert 140 < len(first & second) < 260  # 200 if they have nothing to do with each other


def test_salt_and_device_are_kept_apart() -> None:
    assert cohort_position("ab", "c") != cohort_position("a", "bc")
