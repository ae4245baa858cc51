"""No device of a cohort is judged by more than its part of what the cohort counted."""

import random

import pytest

from cloud_sync.core.cohort_cap import CohortCap
from edge_contract.messages import Counters


def taken_of(counted: dict[str, int], *, window: int = 10) -> dict[str, int]:
    """Let devices count in windows of so many rows, and return what is taken of each."""
    cap = CohortCap()
    for device, rows in counted.items():
        cap.count(device, Counters(rows, rows))
    taken = dict.fromkeys(counted, 0)
    for device, rows in counted.items():
        for _ in range(rows // window):
            if cap.take(device, Counters(window, window)):
                taken[device] += window
    return taken


def test_devices_that_count_alike_are_taken_whole() -> None:
    counted = {"a": 100, "b": 120, "c": 80, "d": 150}

    assert taken_of(counted) == counted


def test_of_a_device_that_counts_a_hundred_times_as_much_a_third_of_the_whole_is_taken() -> None:
    taken = taken_of({"a": 100, "b": 100, "c": 100, "d": 100, "loud": 10_000})

    assert taken == {"a": 100, "b": 100, "c": 100, "d": 100, "loud": 200}


def test_of_a_device_in_a_large_cohort_three_times_the_average_is_taken() -> None:
    taken = taken_of({**{f"cam-{n}": 100 for n in range(50)}, "loud": 10_000})

    assert taken["loud"] == 300


def test_a_window_that_does_not_fit_is_left_out_whole() -> None:
    taken = taken_of({"a": 100, "b": 100, "c": 100, "d": 100, "loud": 5_000}, window=100)
    at_once = taken_of({"a": 500, "b": 500, "c": 500, "d": 500, "loud": 5_000}, window=500)

    assert taken["loud"] == 200
    assert at_once["loud"] == 1_000


def test_two_busy_devices_do_not_silence_each_other() -> None:
    taken = taken_of({"a": 10, "b": 10, "c": 1_000, "d": 1_000})

    assert taken == {"a": 10, "b": 10, "c": 510, "d": 510}


def test_calls_that_fail_weigh_as_much_as_rows() -> None:
    cap = CohortCap()
    for device in "abcd":
        cap.count(device, Counters(rows=100, calls=100))
    cap.count("loud", Counters(failures=10_000))

    assert not cap.take("loud", Counters(failures=10_000))
    assert cap.unjudged() == {"loud": 10_000, "a": 100, "b": 100, "c": 100, "d": 100}


def test_among_three_devices_nobody_is_called_odd() -> None:
    cap = CohortCap()
    for device, rows in {"a": 10, "b": 10, "c": 1_000}.items():
        cap.count(device, Counters(rows, rows))

    assert not cap.is_bounded
    assert cap.unjudged() == {}


@pytest.mark.parametrize("seed", range(20))
def test_nobody_ever_has_more_than_half_of_what_the_others_counted(seed: int) -> None:
    rng = random.Random(seed)
    counted = {f"cam-{n}": int(rng.lognormvariate(5.0, 2.0)) * 10 for n in range(4 + seed)}

    taken = taken_of(counted)

    for device, rows in taken.items():
        others = sum(counted.values()) - counted[device]
        assert rows <= others / 2
        assert rows <= 3 * others / (len(counted) - 1)
        if counted[device] <= min(others / 2, 3 * others / (len(counted) - 1)):
            assert rows == counted[device]
