import pytest

from edge_contract.errors import MessageError, UsageError
from edge_contract.stats import SHARES, WORTH_BINS, ClassProbabilitiesSpec
from edge_contract.stats.class_probabilities import worth_bin, worth_middle


def step(*worths: tuple[int, int]) -> ClassProbabilitiesSpec:
    """One table per class: what probabilities below a half are worth, and all others."""
    half = WORTH_BINS // 2
    return ClassProbabilitiesSpec(tuple((low,) * half + (high,) * half for low, high in worths))


def test_bins_are_narrow_where_models_are_sure() -> None:
    assert [worth_bin(p) for p in (0.0, 0.0001, 0.01, 0.25)] == [0, 4, 16, 49]
    assert [worth_bin(p) for p in (0.5, 0.75, 0.99, 0.9999)] == [64, 78, 111, 123]
    assert [worth_bin(p) for p in (1.0, 1.0001)] == [127, 127]


def test_the_middle_of_a_bin_lies_in_it() -> None:
    assert [worth_bin(worth_middle(index)) for index in range(WORTH_BINS)] == [*range(WORTH_BINS)]


def test_the_worths_of_a_row_are_scaled_to_one_row() -> None:
    spec = step((10_000, 30_000), (10_000, 60_000), (20_000, 40_000))

    shares = spec.shares([worth_bin(p) for p in (0.7, 0.2, 0.1)])

    assert shares == [SHARES // 2, round(SHARES / 6), round(SHARES / 3)]


def test_a_row_that_is_worth_nothing_is_shared_evenly() -> None:
    spec = step((0, 1), (0, 1), (0, 1))

    assert spec.shares([0, 0, 0]) == [SHARES // 3] * 3


def test_sums_are_the_expected_confusion() -> None:
    spec = step((16_384, 49_152), (16_384, 49_152))
    found = spec.empty()

    for row in [(0.0, 0.9, 0.1), (0.0, 0.8, 0.2), (1.0, 0.1, 0.9)]:
        found.observe(row)

    assert found.rows == 3
    assert found.right == [2 * 49_152, 49_152]
    assert found.expected == [2 * 49_152 + 16_384, 2 * 16_384 + 49_152]
    assert found.rivals == {0: {28: 1}, 1: {28: 1, 35: 1}}


@pytest.mark.parametrize(
    "row",
    [
        (2.0, 0.5, 0.5),
        (-1.0, 0.5, 0.5),
        (float("nan"), 0.5, 0.5),
        (0.0, 1.01, 0.0),
        (0.0, float("nan"), 0.0),
        (0.0, 0.5, -0.1),
    ],
)
def test_a_row_that_makes_no_sense_is_counted_apart(row: tuple[float, ...]) -> None:
    found = step((1, 2), (1, 2)).empty()

    found.observe(row)

    assert (found.invalid, found.rows, found.count) == (1, 0, 1)
    assert found.right == found.expected == [0, 0]


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ([0, 1, [0, 0], [0, 0], []], "1 classes that are not predicted in each row"),
        ([0, 1, [0, 0], [0, 0], [[0, [[1], [2]]]]], "1 classes that are not predicted"),
        ([0, 1, [5, 0], [0, 0], [[1, [[1], [1]]]]], "no more right ones than expected"),
        ([0, 1, [0, 5], [0, 5], [[1, [[1], [1]]]]], "no more right ones than expected"),
        ([0, 1, [0], [0, 0], [[1, [[1], [1]]]]], "2 sums"),
        ([0, 1, [0, 65537], [0, 65537], [[0, [[1], [1]]]]], "from 0 to 65536"),
    ],
)
def test_sums_that_no_stream_can_have_are_refused(state: list[object], why: str) -> None:
    with pytest.raises(MessageError, match=why):
        step((1, 2), (1, 2)).decode(state)


def test_tables_of_another_size_are_refused() -> None:
    with pytest.raises(UsageError, match="tables of 128 numbers from 0 to 65536 for 2 to 32"):
        ClassProbabilitiesSpec(((0,) * 64, (0,) * 64))
    with pytest.raises(UsageError, match="for 2 to 32 classes"):
        ClassProbabilitiesSpec(((0,) * WORTH_BINS,) * 33)
