"""What a device sends has fewer digits and means the same."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_contract.stats import (
    AgreementSpec,
    Moments,
    MomentsSpec,
    Probabilities,
    ProbabilitiesSpec,
    Profile,
    ProfileSpec,
)
from edge_contract.stats.float32 import MAX_FLOAT32, decimal_of, rounded
from edge_contract.stats.profile import Column
from tests.laws.streams import Row, any_stream, of

SPEC = MomentsSpec()


def moments_of(stream: list[Row]) -> Moments:
    moments = Moments()
    for row in stream:
        moments.observe(row)
    return moments


def received(moments: Moments) -> Moments:
    """What the other side has of them."""
    return SPEC.decode(json.loads(json.dumps(moments.brief().to_state(), allow_nan=False)))


@given(stream=any_stream(SPEC))
def test_brief_moments_keep_counts_and_range_and_nearly_all_of_the_sums(stream: list[Row]) -> None:
    moments = moments_of(stream)

    brief = received(moments)

    assert (brief.finite, brief.nonfinite) == (moments.finite, moments.nonfinite)
    assert (brief.low, brief.high) == (moments.low, moments.high)
    assert brief.m2 == pytest.approx(moments.m2, rel=1e-4, abs=0.0)
    deviation = math.sqrt(moments.m2 / moments.finite) if moments.finite else 0.0
    assert abs(brief.mean - moments.mean) <= 1e-5 * deviation


@given(stream=any_stream(SPEC))
def test_what_is_brief_stays_as_it_is(stream: list[Row]) -> None:
    once = moments_of(stream).brief()

    assert once.brief().to_state() == once.to_state()
    assert received(once).brief().to_state() == once.to_state()


def test_a_mean_far_from_zero_keeps_the_digits_that_matter() -> None:
    moments = moments_of([(16777216.0,), (16777218.0,), (16777218.0,)])

    assert moments.brief().to_state() == [3, 0, 16777217.333333, 2.6667, 16777216.0, 16777218.0]


def test_a_mean_that_is_lost_in_the_noise_is_zero() -> None:
    moments = Moments(finite=100, mean=1e-9, m2=100.0, low=-3.0, high=3.0)

    assert moments.brief().mean == 0.0


def test_the_largest_numbers_stay_numbers() -> None:
    moments = moments_of([(MAX_FLOAT32,), (MAX_FLOAT32,), (3.0e38,)])

    brief = received(moments)

    assert brief.high == MAX_FLOAT32
    assert moments.brief().to_state()[5] == 3.4028235e38  # type: ignore[index]


@given(value=st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_single_precision_number_comes_back_from_its_decimal(value: float) -> None:
    decimal = decimal_of(value)

    assert rounded(decimal) == value
    assert float(f"{decimal:.9g}") == decimal


def test_a_number_of_double_precision_is_left_alone() -> None:
    assert decimal_of(0.1) == 0.1
    assert decimal_of(rounded(0.1)) == 0.1
    assert decimal_of(1 / 3) == 1 / 3


@given(stream=any_stream(ProbabilitiesSpec()))
def test_brief_probabilities_keep_their_counts_and_can_still_be(stream: list[Row]) -> None:
    histogram = of(ProbabilitiesSpec(), stream)
    assert isinstance(histogram, Probabilities)

    brief = ProbabilitiesSpec().decode(json.loads(json.dumps(histogram.brief().to_state())))

    assert (brief.invalid, brief.counts) == (histogram.invalid, histogram.counts)
    assert brief.sums == pytest.approx(histogram.sums, rel=1e-7)
    assert brief.brief() == brief


def test_a_profile_makes_brief_what_can_be_brief() -> None:
    spec = ProfileSpec((Column("feature:x", SPEC), Column("agreement", AgreementSpec(0))))
    profile = Profile(spec, {})
    for value in (0.1, 0.25):
        profile.observe(0, (rounded(value),))
        profile.observe(1, (0.0, 0.0, 0.0, rounded(value)))

    gap = [2, 0, 0.17500000, 0.01125, 0.1, 0.25]
    assert profile.brief().to_state() == {0: gap, 1: [0, [[], []], gap]}
    assert profile.to_state()[0] != gap
    assert of(SPEC, [(rounded(0.1),), (0.25,)]).to_state() == profile.to_state()[0]
