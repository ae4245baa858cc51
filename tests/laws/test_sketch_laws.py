"""The mapping of a sketch: numbers to codes, codes to edges and values."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_contract.stats import CENTRED, FLOAT_BITS, SketchSpec
from edge_contract.stats.float32 import MAX_FLOAT32, bits_of, float_of, rounded

FLOAT32 = st.floats(width=32, allow_nan=False, allow_infinity=False)
NONZERO = FLOAT32.filter(bool)
SCALE = st.floats(rounded(1e-29), rounded(1e29), width=32)

SPECS = st.just(SketchSpec()) | st.builds(SketchSpec, st.just(CENTRED), FLOAT32, SCALE)


def near(spec: SketchSpec) -> st.SearchStrategy[float]:
    """Numbers close to the centre of a sketch, where its buckets are, and any others."""
    if spec.mapping == FLOAT_BITS:
        return NONZERO
    close = st.floats(-30.0, 30.0).map(lambda steps: rounded(spec.center + steps * spec.scale))
    return close.filter(lambda value: value != 0.0 and math.isfinite(value)) | NONZERO


def all_codes(spec: SketchSpec) -> list[int]:
    """Every code of a mapping, rising."""
    codes = range(spec.first_code, spec.last_code + 1)
    return [code for code in codes if code or spec.mapping == CENTRED]


@given(spec=SPECS, data=st.data())
def test_a_greater_number_never_has_a_smaller_code(spec: SketchSpec, data: st.DataObject) -> None:
    low, high = sorted([data.draw(near(spec)), data.draw(near(spec))])

    assert spec.code_of(low) <= spec.code_of(high)


@given(spec=SPECS, data=st.data())
def test_the_code_of_a_number_is_one_that_the_wire_allows(
    spec: SketchSpec, data: st.DataObject
) -> None:
    sketch = spec.empty()
    sketch.observe((data.draw(near(spec)),))

    assert sketch.counts.keys() <= set(all_codes(spec))
    assert spec.decode(sketch.to_state()) == sketch


@given(value=NONZERO)
def test_a_number_lies_between_the_edges_of_its_float_bits_bucket(value: float) -> None:
    low, high = SketchSpec().edges_of(SketchSpec().code_of(value))

    assert low <= value <= high
    assert high - low <= max(abs(value) / 16, 2.0**-130)


@given(spec=SPECS, data=st.data())
def test_a_number_lies_between_the_edges_of_its_bucket_up_to_single_precision(
    spec: SketchSpec, data: st.DataObject
) -> None:
    value = data.draw(near(spec))
    code = spec.code_of(value)
    low, high = spec.edges_of(code)
    slack = 1e-6 * (spec.scale + abs(value - spec.center))

    assert low - slack <= value or code == spec.first_code
    assert value <= high + slack or code == spec.last_code


@given(spec=SPECS)
def test_the_edges_of_neighbouring_buckets_are_the_same(spec: SketchSpec) -> None:
    edges = [spec.edges_of(code) for code in all_codes(spec)]

    assert all(low <= high for low, high in edges)
    assert [high for _, high in edges[:-1]] == [low for low, _ in edges[1:]]


def test_float_bits_buckets_reach_from_the_smallest_float_to_the_largest() -> None:
    spec = SketchSpec()

    assert spec.edges_of(spec.first_code)[0] == -MAX_FLOAT32
    assert spec.edges_of(spec.last_code)[1] == MAX_FLOAT32
    assert spec.code_of(-MAX_FLOAT32) == spec.first_code == -4080
    assert spec.code_of(MAX_FLOAT32) == spec.last_code == 4080
    assert spec.code_of(float_of(1)) == 1
    assert spec.code_of(-float_of(1)) == -1


def test_centred_buckets_are_a_sixteenth_of_the_scale_wide_at_the_centre() -> None:
    spec = SketchSpec(CENTRED, center=1000.0, scale=2.0)

    assert spec.edges_of(0) == (1000.0, 1000.125)
    assert spec.edges_of(-1) == (999.875, 1000.0)
    assert [spec.code_of(x) for x in (1000.0, 1000.1, 1000.125, 999.9, 999.8)] == [0, 0, 1, -1, -2]


def test_what_is_24_binades_from_the_centre_is_in_the_last_bucket() -> None:
    spec = SketchSpec(CENTRED, center=-5.0, scale=0.5)

    assert [spec.code_of(x) for x in (9e6, 1e30, MAX_FLOAT32)] == [383, 383, 383]
    assert [spec.code_of(x) for x in (-9e6, -1e30, -MAX_FLOAT32)] == [-384, -384, -384]


def test_the_last_bucket_has_no_outer_end_and_stands_for_where_it_begins() -> None:
    spec = SketchSpec(CENTRED, center=-5.0, scale=0.5)
    begins = 0.5 * (2.0**24 - 2.0**19) - 5.5

    assert spec.edges_of(383) == (begins, MAX_FLOAT32)
    assert spec.edges_of(-384) == (-MAX_FLOAT32, -10.0 - begins)
    assert [spec.value_of(383), spec.value_of(-384)] == [begins, -10.0 - begins]
    assert [code for code in all_codes(spec) if spec.is_open(code)] == [-384, 383]
    assert not any(SketchSpec().is_open(code) for code in all_codes(SketchSpec()))


@given(spec=SPECS, data=st.data())
def test_the_value_of_a_bucket_lies_in_it(spec: SketchSpec, data: st.DataObject) -> None:
    code = data.draw(st.sampled_from(all_codes(spec)))
    low, high = spec.edges_of(code)

    assert low <= spec.value_of(code) <= high


@given(number=st.integers(-31, 31).filter(bool))
def test_small_whole_numbers_keep_their_value(number: int) -> None:
    spec = SketchSpec(integer=True)

    assert spec.value_of(spec.code_of(float(number))) == number


@given(number=st.integers(-(2**24), 2**24).filter(bool))
def test_large_whole_numbers_are_reported_as_one_of_the_same_bucket(number: int) -> None:
    spec = SketchSpec(integer=True)
    code = spec.code_of(float(number))

    assert spec.code_of(spec.value_of(code)) == code
    assert abs(spec.value_of(code) - number) <= abs(number) / 16


@given(center=st.integers(-1000, 1000), distance=st.integers(-10, 10))
def test_whole_numbers_near_the_centre_keep_their_value(center: int, distance: int) -> None:
    spec = SketchSpec(CENTRED, center=float(center), scale=4.0, integer=True)

    assert spec.value_of(spec.code_of(float(center + distance))) == center + distance


@given(stream=st.lists(st.sampled_from([-3.0, -0.5, 0.0, 0.5, 3.0, math.nan, math.inf])))
def test_ordered_values_rise_and_add_up_to_the_finite_ones(stream: list[float]) -> None:
    for spec in SketchSpec.examples():
        sketch = spec.empty()
        for value in stream:
            sketch.observe((value,))

        ordered = sketch.ordered()

        assert ordered == sorted(ordered)
        assert sum(count for _, count in ordered) == sketch.finite
        assert len({value for value, _ in ordered}) == len(ordered)


@pytest.mark.parametrize(
    ("value", "code"),
    [(1.0, 2033), (1.0624, 2033), (1.0625, 2034), (2.0, 2049), (-1.0, -2033), (0.1, 1978)],
)
def test_codes_of_known_numbers(value: float, code: int) -> None:
    assert SketchSpec().code_of(rounded(value)) == code


@given(value=st.floats())
def test_rounding_to_single_precision_is_idempotent_and_keeps_the_sign(value: float) -> None:
    once = rounded(value)

    assert math.isnan(once) if math.isnan(value) else rounded(once) == once
    assert math.copysign(1.0, once) == math.copysign(1.0, value)


@given(bits=st.integers(0, 2**32 - 1).filter(lambda bits: (bits & 0x7FFFFFFF) <= 0x7F800000))
def test_bits_of_a_float_are_the_bits_it_was_made_of(bits: int) -> None:
    assert bits_of(float_of(bits)) == bits


@pytest.mark.parametrize("value", [3.4028235e38, 3.4028235677973366e38, 1e39, 1e308])
def test_what_is_too_large_for_single_precision_becomes_infinite(value: float) -> None:
    above = value >= 3.4028235677973366e38

    assert rounded(value) == (math.inf if above else MAX_FLOAT32)
    assert rounded(-value) == (-math.inf if above else -MAX_FLOAT32)
