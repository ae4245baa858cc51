"""A profile obeys the laws of a statistic column by column."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_contract.errors import MessageError, PackageError, UsageError
from edge_contract.reading import Reader
from edge_contract.stats import (
    SPECS,
    Categories,
    CategoriesSpec,
    Column,
    Moments,
    MomentsSpec,
    Profile,
    ProfileSpec,
    SketchSpec,
)
from edge_contract.stats.profile import state_from_json, state_to_json
from tests.laws.streams import Row, assert_close, mild_row

EVERY_KIND = ProfileSpec(
    tuple(
        Column(f"subject:{kind}:{number}", spec)
        for kind, cls in sorted(SPECS.items())
        for number, spec in enumerate(cls.examples())
    )
)

OBSERVATION = st.integers(0, len(EVERY_KIND.columns) - 1).flatmap(
    lambda index: st.tuples(st.just(index), mild_row(EVERY_KIND.columns[index].spec))
)
STREAM = st.lists(OBSERVATION, max_size=12)


def of(stream: list[tuple[int, Row]]) -> Profile:
    profile = EVERY_KIND.empty()
    for index, row in stream:
        profile.observe(index, row)
    return profile


def as_json(profile: Profile) -> str:
    return json.dumps(state_to_json(profile.to_state()), allow_nan=False)


def assert_same(a: Profile, b: Profile) -> None:
    assert a.to_state().keys() == b.to_state().keys()
    assert_close(list(a.to_state().values()), list(b.to_state().values()))


@given(stream=STREAM)
def test_merging_with_an_idle_window_changes_nothing(stream: list[tuple[int, Row]]) -> None:
    idle, busy = EVERY_KIND.empty(), of(stream)

    assert as_json(idle.merged(busy)) == as_json(busy) == as_json(busy.merged(idle))


@given(x=STREAM, y=STREAM)
def test_merge_equals_one_window_with_both_streams(
    x: list[tuple[int, Row]], y: list[tuple[int, Row]]
) -> None:
    assert_same(of(x).merged(of(y)), of(x + y))


@given(x=STREAM, y=STREAM, z=STREAM)
def test_merge_order_does_not_matter(
    x: list[tuple[int, Row]], y: list[tuple[int, Row]], z: list[tuple[int, Row]]
) -> None:
    a, b, c = of(x), of(y), of(z)

    assert_same(a.merged(b), b.merged(a))
    assert_same(a.merged(b).merged(c), a.merged(b.merged(c)))


@given(x=STREAM, y=STREAM, later=STREAM)
def test_observing_into_a_merged_profile_changes_no_operand(
    x: list[tuple[int, Row]], y: list[tuple[int, Row]], later: list[tuple[int, Row]]
) -> None:
    a, b = of(x), of(y)
    before = as_json(a), as_json(b)

    merged = a.merged(b)
    for index, row in later:
        merged.observe(index, row)

    assert (as_json(a), as_json(b)) == before


@given(stream=STREAM)
def test_a_profile_survives_the_wire_bit_for_bit(stream: list[tuple[int, Row]]) -> None:
    text = as_json(of(stream))

    received = state_from_json(Reader(json.loads(text), "profile", MessageError))

    assert as_json(EVERY_KIND.decode(received)) == text


def test_a_profile_spec_survives_the_package_it_stands_in() -> None:
    items = Reader(json.loads(json.dumps(EVERY_KIND.to_json())), "columns", PackageError).items()

    assert ProfileSpec.from_json(items) == EVERY_KIND


TWO_COLUMNS = ProfileSpec(
    (Column("feature:colour", CategoriesSpec(2)), Column("feature:size", MomentsSpec()))
)


def test_a_profile_finds_its_statistics_by_subject_and_kind() -> None:
    profile = TWO_COLUMNS.empty()
    profile.observe(1, (2.5,))

    assert profile.find("feature:size", "moments") == Moments(1, 0, 2.5, 0.0, 2.5, 2.5)
    assert profile.find("feature:colour", "categories") == Categories(CategoriesSpec(2))
    assert profile.find("feature:size", "sketch") is None
    assert len(profile) == 1


def test_columns_that_saw_nothing_take_no_room() -> None:
    profile = TWO_COLUMNS.empty()
    profile.observe(1, (2.0,))

    assert profile.to_state() == {1: [1, 0, 2.0, 0.0, 2.0, 2.0]}


@pytest.mark.parametrize("column", [2, 3, -1])
def test_a_column_that_the_package_does_not_have_is_refused(column: int) -> None:
    with pytest.raises(MessageError, match=rf"column {column}, but the package has 2 columns"):
        TWO_COLUMNS.decode({column: [0, 0, [[], []], []]})


def test_profiles_of_different_packages_do_not_merge() -> None:
    other = ProfileSpec((Column("feature:colour", SketchSpec()),))

    with pytest.raises(UsageError, match="different packages"):
        TWO_COLUMNS.empty().merged(other.empty())


@pytest.mark.parametrize(
    "columns",
    [
        [[1, []], [1, []]],  # twice
        [[1, []], [0, []]],  # falling
        [[0, [], []]],
        [[0]],
        [0],
        [["0", []]],
        [[-1, []]],
        {"0": []},
        None,
    ],
)
def test_columns_that_are_not_written_once_in_rising_order_are_refused(columns: object) -> None:
    with pytest.raises(MessageError):
        state_from_json(Reader(columns, "profile", MessageError))
