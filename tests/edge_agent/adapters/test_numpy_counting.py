"""The numpy kernel counts what the row-by-row reference counts, bit for bit."""

import itertools
import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_agent.adapters.numpy_counting import BlockCounter, count_block
from edge_contract.errors import PackageError, UsageError
from edge_contract.package import Layout, Source, count_rows
from edge_contract.reading import JsonObject, Reader
from edge_contract.stats import (
    CENTRED,
    SPECS,
    AgreementSpec,
    CategoriesSpec,
    Column,
    MomentsSpec,
    Profile,
    ProfileSpec,
    Sketch,
    SketchSpec,
    Spec,
    State,
    Statistic,
)
from edge_contract.stats.float32 import MAX_FLOAT32, float_of, rounded
from edge_contract.stats.profile import state_to_json
from tests.laws.streams import assert_close

Rows = NDArray[np.float32]

EXTREME_SKETCHES = (
    SketchSpec(CENTRED, center=0.0, scale=4.0),
    SketchSpec(CENTRED, center=-MAX_FLOAT32, scale=rounded(9e29)),
    SketchSpec(CENTRED, center=MAX_FLOAT32, scale=rounded(1.1e-30)),
    SketchSpec(CENTRED, center=float_of(1), scale=rounded(1.1e-30)),
    SketchSpec(CENTRED, center=rounded(0.1), scale=rounded(0.3)),
)

EVERY_SPEC: tuple[Spec, ...] = (
    *(spec for cls in SPECS.values() for spec in cls.examples()),
    *EXTREME_SKETCHES,
)


def packed(specs: Sequence[Spec], *, skips_nan: bool = False) -> tuple[ProfileSpec, Layout]:
    """A profile of these specs, each with places of its own in the row."""
    columns: list[Column] = []
    sources: list[Source] = []
    width = 0
    for number, spec in enumerate(specs):
        columns.append(Column(f"subject:{number}", spec))
        sources.append(Source(tuple(range(width, width + spec.arity)), skips_nan))
        width += spec.arity
    return ProfileSpec(tuple(columns)), Layout(width, tuple(sources))


def assert_same_profile(spec: ProfileSpec, layout: Layout, rows: Rows) -> None:
    fast, slow = count_block(spec, layout, rows), count_rows(spec, layout, rows.tolist())

    assert fast.to_state().keys() == slow.to_state().keys()
    for number in slow.to_state():
        assert type(fast[number]) is type(slow[number])
        if isinstance(slow[number], Sketch):
            assert fast[number] == slow[number]
        else:
            assert_alike(fast[number].to_state(), slow[number].to_state(), rows)


def assert_alike(fast: State, slow: State, rows: Rows) -> None:
    """Whole numbers equal; sums up to the rounding that numbers of that size suffer."""
    finite = np.abs(rows[np.isfinite(rows)]).astype(np.float64)
    largest = float(finite.max(initial=0.0))
    assert_close(fast, slow, abs_=1e-12 * len(rows) * max(largest, largest * largest, 1e-30))


ODD_NUMBERS = [
    math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, -1.0, 2.0, 0.5, 1.00005, 999.9, 1000.125,
    float_of(1), -float_of(1), float_of(0x007FFFFF), float_of(0x00800000), -float_of(0x0007FFFF),
    MAX_FLOAT32, -MAX_FLOAT32, 3e38, -1e30, 16777216.0, -16777217.0, -8388608.0, -8388609.0,
]  # fmt: skip

NUMBERS = (
    st.sampled_from([rounded(number) for number in ODD_NUMBERS])
    | st.integers(-3, 4).map(float)
    | st.floats(0.0, 1.0, width=32)
    | st.floats(width=32)
)

FULL_SPEC, FULL_LAYOUT = packed(EVERY_SPEC)


@st.composite
def blocks(draw: st.DrawFn, width: int) -> Rows:
    """Up to 12 rows of up to 12 different numbers, so that some of them meet in one bucket."""
    numbers = np.array(draw(st.lists(NUMBERS, min_size=1, max_size=12)), np.float32)
    chosen = np.random.default_rng(draw(st.integers(0, 999))).integers(
        0, len(numbers), (draw(st.integers(0, 12)), width)
    )
    return numbers[chosen]


@settings(max_examples=300)
@given(rows=blocks(FULL_LAYOUT.width))
def test_a_block_is_counted_as_its_rows_are(rows: Rows) -> None:
    assert_same_profile(FULL_SPEC, FULL_LAYOUT, rows)


SKIPPING_SPEC, SKIPPING_LAYOUT = packed(EVERY_SPEC, skips_nan=True)


@given(rows=blocks(SKIPPING_LAYOUT.width))
def test_rows_without_a_number_are_left_out_where_they_are_no_observation(rows: Rows) -> None:
    assert_same_profile(SKIPPING_SPEC, SKIPPING_LAYOUT, rows)


@pytest.mark.parametrize("seed", range(3))
def test_any_bits_are_counted_alike(seed: int) -> None:
    bits = np.random.default_rng(seed).integers(0, 2**32, (400, FULL_LAYOUT.width), np.uint32)

    assert_same_profile(FULL_SPEC, FULL_LAYOUT, bits.view(np.float32))


@pytest.mark.parametrize("spec", EXTREME_SKETCHES)
def test_numbers_around_the_edges_of_buckets_are_counted_alike(spec: SketchSpec) -> None:
    edges = np.array([spec.edges_of(code)[0] for code in range(-384, 384)])
    with np.errstate(over="ignore"):
        nearest = edges.astype(np.float32)
        around = [nearest, np.nextafter(nearest, np.float32(9e9)), np.nextafter(nearest, -nearest)]

    for values in around:
        assert_same_profile(*packed([spec]), values[:, None])


def test_an_ordinary_block_is_counted_alike() -> None:
    random = np.random.default_rng(7)
    rows = random.normal(size=(1000, FULL_LAYOUT.width)).astype(np.float32)
    rows[:, ::2] = random.integers(-1, 4, rows[:, ::2].shape)
    rows[:, 1::3] = random.uniform(0.0, 1.0, rows[:, 1::3].shape)
    rows[random.random(rows.shape) < 0.05] = np.nan

    assert_same_profile(FULL_SPEC, FULL_LAYOUT, rows)


VECTORS = Path(__file__).parents[2] / "vectors"


def test_the_kernel_agrees_with_the_profile_that_all_languages_are_checked_against() -> None:
    vector = json.loads((VECTORS / "profile.json").read_text("utf-8"))
    spec = ProfileSpec.from_json(Reader(vector["columns"], "columns", PackageError).items())
    sources = [Source(tuple(item["positions"]), item["skips_nan"]) for item in vector["sources"]]
    rows = np.array(vector["rows"], np.uint32).view(np.float32)

    profile = count_block(spec, Layout(vector["width"], tuple(sources)), rows)

    assert_close(state_to_json(profile.to_state()), vector["state"])


def test_the_kernel_agrees_with_the_codes_that_all_languages_are_checked_against() -> None:
    for vector in json.loads((VECTORS / "sketches.json").read_text("utf-8")):
        spec = SketchSpec(**vector["spec"])
        rows = np.array(vector["bits"], np.uint32).view(np.float32)[:, None]
        codes = Counter(vector["codes"])

        counted = count_block(*packed([spec]), rows)[0]

        assert counted == Sketch(
            spec,
            zero=codes.pop("zero"),
            missing=codes.pop("missing"),
            positive_infinity=codes.pop("positive_infinity"),
            negative_infinity=codes.pop("negative_infinity"),
            counts=dict(codes),
        )


def test_columns_may_lie_anywhere_in_the_row_and_share_their_numbers() -> None:
    spec = ProfileSpec(tuple(Column(f"subject:{n}", s) for n, s in enumerate(EVERY_SPEC)))
    places = itertools.cycle([5, 1, 3, 0, 4])
    sources = [Source(tuple(next(places) for _ in range(s.arity))) for s in EVERY_SPEC]
    rows = np.random.default_rng(1).integers(-1, 3, (50, 6)).astype(np.float32)

    assert_same_profile(spec, Layout(6, tuple(sources)), rows)


def test_rows_may_be_a_part_of_a_larger_array() -> None:
    spec, layout = packed([SketchSpec(), MomentsSpec()])
    everything = np.arange(80, dtype=np.float32).reshape(10, 8)

    for part in (everything[::2, 1:3], everything[:, 4:2:-1], np.asfortranarray(everything[:, :2])):
        assert_same_profile(spec, layout, part)
        assert_same_profile(spec, layout, np.ascontiguousarray(part))


def test_the_rows_of_a_block_are_not_changed() -> None:
    random = np.random.default_rng(2)
    rows = random.normal(size=(30, FULL_LAYOUT.width)).astype(np.float32)
    before = rows.copy()

    count_block(FULL_SPEC, FULL_LAYOUT, rows)

    assert np.array_equal(rows, before)


def test_many_unknown_categories_keep_the_smallest_hashes() -> None:
    spec, layout = packed([CategoriesSpec(2)])
    random = np.random.default_rng(3)
    hashed = -1.0 - random.integers(0, 2**23, 500)
    rows = np.concatenate([hashed, random.normal(size=500) * 1e9]).astype(np.float32)[:, None]

    assert_same_profile(spec, layout, rows)


def test_scores_whose_gap_is_no_single_precision_number_have_no_finite_gap() -> None:
    spec, layout = packed([AgreementSpec(0)])
    rows = np.array([[0.0, -3e38, 0.0, 3e38], [0.0, 1.0, 0.0, 3.0]], np.float32)

    assert count_block(spec, layout, rows).to_state() == {
        0: [0, [[], []], [1, 1, 2.0, 0.0, 2.0, 2.0]]
    }


EDGES: dict[str, list[float]] = {
    "one row": [3.5],
    "a constant": [0.1] * 40,
    "zeros of both signs": [0.0, -0.0] * 20,
    "nothing but missing": [math.nan] * 40,
    "missing and one number": [math.nan, 7.0, math.nan],
    "subnormals": [float_of(bits) for bits in (1, 2, 0x0007FFFF, 0x00080000, 0x007FFFFF)],
    "subnormals below zero": [-float_of(bits) for bits in (1, 0x0007FFFF, 0x007FFFFF)] + [0.0],
    "infinities": [math.inf, -math.inf, 1.0, math.inf],
    "nothing but infinities": [math.inf, -math.inf],
    "the largest": [MAX_FLOAT32, -MAX_FLOAT32, rounded(3e38)],
    "whole numbers beyond 2^24": [rounded(2.0**24 + step) for step in range(40)] + [2.0**53],
    "doubles that no float32 can be": [rounded(number) for number in (0.1, 1e-300, 1 / 3, 1e39)],
    "a huge offset": [rounded(1e9 + 64.0 * step) for step in range(40)],
    "a huge offset below zero": [rounded(-1e30 - 1e23 * step) for step in range(40)],
}


@pytest.mark.parametrize("values", EDGES.values(), ids=EDGES)
def test_numbers_at_the_edge_of_what_there_is_are_counted_alike(values: list[float]) -> None:
    specs = (
        SketchSpec(),
        SketchSpec(integer=True),
        SketchSpec(CENTRED, center=1000.0, scale=2.0),
        *EXTREME_SKETCHES,
        MomentsSpec(),
    )
    rows = np.repeat(np.array(values, np.float32)[:, None], len(specs), axis=1)

    assert_same_profile(*packed(specs), rows)
    assert_same_profile(*packed(specs, skips_nan=True), rows)


def test_a_feature_that_a_window_never_saw_is_all_missing_beside_others_that_are_there() -> None:
    spec, layout = packed([SketchSpec(), MomentsSpec(), SketchSpec(), MomentsSpec()])
    rows = np.array([[np.nan, np.nan, 1.0, 1.0], [np.nan, np.nan, 1.0, 2.0]], np.float32)

    profile = count_block(spec, layout, rows)

    assert profile.to_state() == {
        0: [0, 2, 0, 0, [[], []]],
        1: [0, 2, 0.0, 0.0, 0.0, 0.0],
        2: [0, 0, 0, 0, [[2033], [2]]],
        3: [2, 0, 1.5, 0.5, 1.0, 2.0],
    }


def test_a_large_block_is_counted_in_parts_and_gives_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    random = np.random.default_rng(5)
    rows = random.normal(1.0, 2.0, (300, FULL_LAYOUT.width)).astype(np.float32)
    rows[random.random(rows.shape) < 0.05] = np.nan
    whole = count_block(FULL_SPEC, FULL_LAYOUT, rows)

    monkeypatch.setattr("edge_agent.adapters.numpy_counting._NUMBERS_AT_ONCE", 700)
    in_parts = count_block(FULL_SPEC, FULL_LAYOUT, rows)

    assert in_parts.to_state() == whole.to_state()
    assert list(in_parts.to_state()) == list(whole.to_state())


def test_no_rows_give_the_profile_of_an_idle_window() -> None:
    profile = count_block(FULL_SPEC, FULL_LAYOUT, np.empty((0, FULL_LAYOUT.width), np.float32))

    assert len(profile) == 0


def test_a_counter_counts_every_block_afresh() -> None:
    spec, layout = packed([SketchSpec()])
    counter = BlockCounter(spec, layout)
    ones, twos = np.full((3, 1), 1.0, np.float32), np.full((2, 1), 2.0, np.float32)

    first, second = counter.count(ones), counter.count(twos)

    assert first.to_state() == {0: [0, 0, 0, 0, [[2033], [3]]]}
    assert second.to_state() == {0: [0, 0, 0, 0, [[2049], [2]]]}
    assert first.merged(second).to_state() == {0: [0, 0, 0, 0, [[2033, 16], [3, 2]]]}


def test_the_profile_of_a_known_block() -> None:
    spec, layout = packed([SketchSpec(), MomentsSpec(), CategoriesSpec(2)])
    rows = np.array(
        [[1.0, 2.0, 0.0], [0.0, 4.0, 1.0], [np.nan, np.inf, np.nan], [-np.inf, 3.0, -6.0]],
        np.float32,
    )

    profile = count_block(spec, layout, rows)

    assert profile.to_state() == {
        0: [1, 1, 0, 1, [[2033], [1]]],
        1: [3, 1, 3.0, 2.0, 2.0, 4.0],
        2: [1, 1, [[0, 1], [1, 1]], [5]],
    }


@dataclass(slots=True)
class Largest:
    """A statistic that the kernel has never heard of."""

    spec: "LargestSpec"
    count: int = 0
    value: float = 0.0

    def observe(self, row: Sequence[float]) -> None:
        self.count += 1
        self.value = max(self.value, row[0] * row[1])

    def merged(self, other: Self) -> Self:
        return type(self)(self.spec, self.count + other.count, max(self.value, other.value))

    def to_state(self) -> State:
        return [self.count, self.value]


@dataclass(frozen=True, slots=True)
class LargestSpec:
    kind: ClassVar[str] = "largest"
    arity: ClassVar[int] = 2

    def empty(self) -> Largest:
        return Largest(self)

    def decode(self, state: object) -> Statistic:
        raise NotImplementedError

    def to_json(self) -> JsonObject:
        return {}

    @classmethod
    def from_json(cls, reader: Reader) -> Self:
        return cls()

    @classmethod
    def examples(cls) -> Sequence[Self]:
        return (cls(),)


def test_a_kind_without_a_kernel_of_its_own_is_counted_row_by_row() -> None:
    spec, layout = packed([MomentsSpec(), LargestSpec()])
    rows = np.array([[1.0, 2.0, 3.0], [1.0, 4.0, 0.5]], np.float32)

    profile = count_block(spec, layout, rows)

    assert profile.to_state()[1] == [2, 6.0]


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        (np.zeros((3, 2), np.float32), r"float32\[3, 2\]"),
        (np.zeros((3, 1), np.float64), r"float64\[3, 1\]"),
        (np.zeros(3, np.float32), r"float32\[3\]"),
    ],
)
def test_a_block_of_another_shape_or_type_is_refused(rows: Rows, found: str) -> None:
    with pytest.raises(UsageError, match=rf"block of rows is {found}, expected float32\[rows, 1\]"):
        count_block(*packed([SketchSpec()]), rows)


def test_a_profile_of_nothing_counts_nothing() -> None:
    profile: Profile = count_block(ProfileSpec(), Layout(3, ()), np.zeros((4, 3), np.float32))

    assert profile.to_state() == {}
