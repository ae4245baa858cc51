"""Rows that come by place: arrays, lists, images, whatever a converted model takes."""

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.adapters.inputs import Encoded, InputEncoder, Rows
from tests.edge_agent.adapters.input_encoders import customers, images, refused, table_encoder
from tests.support.packages import digits, mixed

Change: TypeAlias = "Callable[[NDArray[np.generic]], NDArray[np.generic]]"


class TestRowsByPlace:
    def test_a_ready_array_is_used_as_it_is(self) -> None:
        rows = np.array([[1.0, 2.0]], np.float32)

        encoded = table_encoder("a", "b").encode(rows)

        assert encoded.feeds["X"] is rows
        assert encoded.observed is rows
        assert encoded.rows == 1

    @pytest.mark.parametrize(
        "rows",
        [
            [[1, 2], [3, 4]],
            ((1.0, 2.0), (3.0, 4.0)),
            [np.array([1, 2]), np.array([3, 4])],
            np.array([[1, 2], [3, 4]]),
            np.array([[1, 2], [3, 4]], np.float64),
            np.array([[1, 2], [3, 4]], ">f4"),
            np.array([[1, 3], [2, 4]], np.float32).T,
            np.array([["1", "2"], ["3", "4e0"]]),
            np.array([[1, "2"], [3, 4.0]], object),
        ],
        ids=["list", "tuple", "list of arrays", "ints", "doubles", "big endian", "columns first",
             "texts", "objects"],
    )  # fmt: skip
    def test_rows_of_any_kind_become_the_same_tensor(self, rows: Rows) -> None:
        encoded = table_encoder("a", "b").encode(rows)

        assert encoded.feeds["X"].dtype == np.dtype("float32")
        assert encoded.feeds["X"].flags.c_contiguous or encoded.feeds["X"] is rows
        assert encoded.feeds["X"].tolist() == [[1.0, 2.0], [3.0, 4.0]]
        assert encoded.observed.tolist() == [[1.0, 2.0], [3.0, 4.0]]
        assert encoded.rows == 2

    def test_a_single_row_comes_without_its_list(self) -> None:
        assert table_encoder("a", "b").encode([1, 2]).feeds["X"].tolist() == [[1.0, 2.0]]

    def test_numbers_for_a_model_of_one_feature_are_rows(self) -> None:
        encoder = table_encoder("a")
        assert encoder.encode([1, 2, 3]).feeds["X"].tolist() == [[1.0], [2.0], [3.0]]
        assert encoder.encode(np.float64(1.5)).feeds["X"].tolist() == [[1.5]]  # type: ignore[arg-type]

    def test_missing_numbers_become_nan(self) -> None:
        encoded = table_encoder("a", "b").encode([[None, 2.0], [math.nan, ""]])
        assert np.isnan(encoded.feeds["X"]).tolist() == [[True, False], [True, True]]

    def test_a_number_too_large_becomes_an_infinity(self) -> None:
        assert table_encoder("a").encode([1e300]).feeds["X"].tolist() == [[math.inf]]

    def test_a_whole_number_of_many_digits_becomes_an_infinity(self) -> None:
        encoded = table_encoder("a", "b").encode([[10**400, -(10**400)]])
        assert encoded.feeds["X"].tolist() == [[math.inf, -math.inf]]

    def test_what_is_masked_is_missing(self) -> None:
        rows = np.ma.masked_array([[1.0, 2.0], [3.0, 4.0]], [[True, False], [False, False]])
        for kind in (np.float32, np.float64, np.int64):
            found = table_encoder("a", "b").encode(rows.astype(kind)).feeds["X"]
            assert np.isnan(found).tolist() == [[True, False], [False, False]]
            assert found[1].tolist() == [3.0, 4.0]
        assert not np.isnan(table_encoder("a", "b").encode(rows[1:]).observed).any()

    @pytest.mark.parametrize(
        "change",
        [
            np.asfortranarray,
            lambda rows: rows[:, ::-1][:, ::-1],
            lambda rows: np.repeat(rows, 2, 0)[::2],
        ],
    )
    @pytest.mark.parametrize("kind", ["f2", ">f4", "f8", "g", "i1", "u2", ">i8", "?", "O", "U8"])
    def test_memory_and_type_of_an_array_change_nothing(self, change: Change, kind: str) -> None:
        rows = np.array([[0.0, 1.0], [1.0, 0.0]]).astype(kind)
        found = table_encoder("a", "b").encode(change(rows)).feeds["X"]
        assert found.dtype == np.float32
        assert found.flags.c_contiguous
        assert found.tolist() == [[0.0, 1.0], [1.0, 0.0]]

    @pytest.mark.parametrize("rows", [None, {1.0, 2.0}, (row for row in [[1.0, 2.0]]), object()])
    def test_what_is_no_rows_at_all_is_called_by_its_type(self, rows: object) -> None:
        assert refused(table_encoder("a", "b"), rows) == (
            f"model 'gate@1.4.0' got {type(rows).__name__}: give rows as an array, as lists, as "
            "columns by name, or as a table"
        )

    @pytest.mark.parametrize("kind", ["c8", "M8[s]", "m8[s]", "S3"])
    def test_types_that_are_no_numbers_are_named(self, kind: str) -> None:
        rows = np.zeros((1, 2), "f4").astype(kind) if kind != "S3" else np.array([[b"1", b"2"]])
        said = refused(table_encoder("a", "b"), rows)
        assert said.startswith("row 0: feature 'a' of model 'gate@1.4.0' is float32, got ")
        assert str(rows.dtype) in said

    def test_an_image_comes_alone_or_in_a_batch(self) -> None:
        image = [[[0, 1], [2, 3]]]
        one = images().encode(np.array(image, np.uint8))
        two = images().encode([image, image])
        named = images().encode({"image": [image, image]})

        assert one.feeds["image"].shape == (1, 1, 2, 2)
        assert two.feeds["image"].shape == named.feeds["image"].shape == (2, 1, 2, 2)
        assert one.observed.shape == (1, 0)

    def test_rows_of_mixed_values_come_in_the_order_of_the_features(self) -> None:
        encoded = customers().encode([[33, 5, "bergen"], [44.5, 6, None]])

        assert encoded.feeds["age"].tolist() == [[33.0], [44.5]]
        assert encoded.feeds["visits"].tolist() == [[5], [6]]
        assert encoded.feeds["city"].tolist() == [["bergen"], [""]]

    def test_whole_numbers_stay_exact(self) -> None:
        encoder = table_encoder("id", element_type="int64")
        assert encoder.encode([2**53 + 1]).feeds["X"].tolist() == [[2**53 + 1]]
        assert encoder.encode(np.array([3.0])).feeds["X"].tolist() == [[3]]


def test_every_way_to_give_a_converted_model_its_rows_feeds_the_same() -> None:
    example = mixed()
    encoder = InputEncoder(example.package.manifest)
    frame = example.rows.head(5)
    shuffled = frame[["city", "income", "age"]]

    columns = {str(name): frame[name].tolist() for name in frame.columns}
    records = [dict(zip(columns, row, strict=True)) for row in frame.to_numpy().tolist()]
    ways: list[Rows] = [frame, shuffled, columns, records, frame.to_numpy().tolist()]

    encoded = [encoder.encode(rows) for rows in ways]

    assert [feeds_of(one) for one in encoded] == [feeds_of(encoded[0])] * 5


def feeds_of(encoded: Encoded) -> dict[str, object]:
    return {name: (str(tensor.dtype), tensor.tolist()) for name, tensor in encoded.feeds.items()}


def test_an_array_of_digits_is_observed_whole() -> None:
    example = digits()
    rows: NDArray[np.float64] = example.rows[:3].astype(np.float64)

    encoded = InputEncoder(example.package.manifest).encode(rows)

    assert encoded.observed.tolist() == rows.tolist()
    assert encoded.feeds["X"].dtype == np.dtype("float32")
