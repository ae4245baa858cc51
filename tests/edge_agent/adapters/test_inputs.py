import datetime
import math
import sys
from collections.abc import Callable
from decimal import Decimal
from typing import TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from edge_agent.adapters.inputs import Encoded, InputEncoder, Rows
from edge_agent.adapters.values import RowError
from edge_contract.errors import UsageError
from edge_contract.package import (
    Feature,
    Manifest,
    OutputRole,
    OutputSpec,
    Task,
    TensorSpec,
)
from edge_contract.stats.text_hash import category_code
from tests.support.packages import digits, mixed

Change: TypeAlias = "Callable[[NDArray[np.generic]], NDArray[np.generic]]"


def manifest_of(*inputs: TensorSpec, features: tuple[Feature, ...] = ()) -> Manifest:
    return Manifest(
        name="gate",
        version="1.4.0",
        created="2026-02-03T04:05:06Z",
        task=Task.BINARY,
        inputs=inputs,
        outputs=(OutputSpec(TensorSpec("p", "float32", ("batch", 2)), OutputRole.PROBABILITIES),),
        features=features,
        classes=("no", "yes"),
    )


def table_encoder(*names: str, element_type: str = "float32") -> InputEncoder:
    """One input, a column of it for each name."""
    features = tuple(Feature(name, 0, column) for column, name in enumerate(names))
    return InputEncoder(
        manifest_of(TensorSpec("X", element_type, ("batch", len(names))), features=features)
    )


def customers() -> InputEncoder:
    """An input for each of age, visits and city."""
    features = (
        Feature("age", 0, 0),
        Feature("visits", 1, 0),
        Feature("city", 2, 0, is_category=True, categories=("oslo", "bergen")),
    )
    kinds = (("age", "float32"), ("visits", "int64"), ("city", "string"))
    inputs = (TensorSpec(name, kind, ("batch", 1)) for name, kind in kinds)
    return InputEncoder(manifest_of(*inputs, features=features), salt="north")


def images() -> InputEncoder:
    return InputEncoder(manifest_of(TensorSpec("image", "float32", ("batch", 1, 2, 2))))


class Streamed:
    """Hands out an Arrow stream and nothing else, as query engines do."""

    def __init__(self, table: "pa.Table | None") -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema) if self._table else None


class Interchanged:
    """Speaks the DataFrame interchange protocol and nothing else."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __dataframe__(self, *, nan_as_null: bool = False, allow_copy: bool = True) -> object:
        return self._table.__dataframe__(nan_as_null=nan_as_null, allow_copy=allow_copy)


class Lazy:
    """Has columns that nobody computed yet, as lazy frames do."""

    columns = ("age", "visits", "city")

    def __getitem__(self, name: str) -> object:
        raise TypeError("'Lazy' object is not subscriptable")


def refused(encoder: InputEncoder, rows: object) -> str:
    """What the caller is told."""
    with pytest.raises(UsageError) as error:
        encoder.encode(rows)  # type: ignore[arg-type]
    return str(error.value)


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


class TestRowsByName:
    ROWS = pytest.mark.parametrize(
        "rows",
        [
            {"b": [2, 4], "a": [1, 3]},
            {"b": np.array([2.0, 4.0]), "a": (1, 3), "other": ["x", "y"]},
            [{"b": 2, "a": 1}, {"a": 3, "b": 4}],
            pd.DataFrame({"b": [2, 4], "a": [1, 3], "other": ["x", "y"]}, index=[7, 9]),
            pd.DataFrame({"b": pd.array([2, 4], "Int64"), "a": ["1", "3"]}),
            {"X": [[1, 2], [3, 4]]},
            pd.DataFrame([[1, 2], [3, 4]]),
        ],
        ids=["lists", "arrays", "records", "frame", "nullable frame", "whole input",
             "frame without names"],
    )  # fmt: skip

    @ROWS
    def test_columns_are_put_in_the_order_of_the_features(self, rows: Rows) -> None:
        assert table_encoder("a", "b").encode(rows).feeds["X"].tolist() == [[1, 2], [3, 4]]

    @pytest.mark.parametrize(
        "row",
        [
            {"b": 2, "a": 1},
            pd.Series({"b": 2, "a": 1}),
            pd.DataFrame({"b": [2, 4], "a": [1, 3]}).iloc[0],
            pd.Series([1.0, 2.0]),
        ],
    )
    def test_a_single_row_is_taken_by_name_too(self, row: Rows) -> None:
        assert table_encoder("a", "b").encode(row).feeds["X"].tolist() == [[1.0, 2.0]]

    def test_a_frame_of_mixed_columns_feeds_every_input(self) -> None:
        frame = pd.DataFrame(
            {"city": ["oslo", None, "rome"], "visits": [1, 2, 3], "age": [20.5, None, 40.0]}
        )

        encoded = customers().encode(frame)

        assert encoded.feeds["city"].tolist() == [["oslo"], [""], ["rome"]]
        assert encoded.feeds["visits"].dtype == np.dtype("int64")
        assert encoded.observed[:, 1].tolist() == [1.0, 2.0, 3.0]
        assert np.isnan(encoded.observed[:, 0]).tolist() == [False, True, False]

    def test_arrow_tables_and_streams_feed_every_input(self) -> None:
        table = pa.table(
            {
                "city": pa.array(["oslo", None, "rome"]).dictionary_encode(),
                "visits": [1, 2, 3],
                "age": pa.array([20.5, None, 40.0], pa.float32()),
            }
        )

        for rows in (table, table.to_batches()[0], Streamed(table)):
            encoded = customers().encode(rows)
            assert encoded.feeds["city"].tolist() == [["oslo"], [""], ["rome"]]
            assert encoded.feeds["visits"].tolist() == [[1], [2], [3]]
            assert np.isnan(encoded.observed[:, 0]).tolist() == [False, True, False]

    def test_readers_struct_arrays_and_what_interchanges_frames_do_as_well(self) -> None:
        columns = {"city": ["oslo", "rome"], "visits": [1, 2], "age": [20.5, 40.0]}
        table = pa.table(columns)
        parts = [pa.array(values) for values in columns.values()]
        struct = pa.StructArray.from_arrays(parts, list(columns))
        for rows in (table.to_reader(), struct, Interchanged(table)):
            feeds = customers().encode(rows).feeds
            assert feeds["city"].tolist() == [["oslo"], ["rome"]]
            assert feeds["visits"].tolist() == [[1], [2]]
            assert feeds["age"].tolist() == [[20.5], [40.0]]

    def test_a_structured_array_is_taken_by_name(self) -> None:
        kinds = [("city", "U8"), ("age", "f8"), ("visits", "i4")]
        feeds = customers().encode(np.array([("oslo", 20.5, 3)], kinds)).feeds
        assert (feeds["city"].tolist(), feeds["age"].tolist()) == ([["oslo"]], [[20.5]])
        assert feeds["visits"].tolist() == [[3]]

    def test_what_cannot_be_read_by_columns_is_to_be_collected(self) -> None:
        said = refused(customers(), Lazy())
        assert said == "rows are a Lazy, whose columns cannot be read: collect it first"

    def test_bytes_in_place_of_a_text_are_utf_8(self) -> None:
        row = {"age": [1.0], "visits": [2], "city": [b"oslo"]}
        assert customers().encode(row).feeds["city"].tolist() == [["oslo"]]
        assert refused(customers(), {**row, "city": [b"\xff"]}) == (
            "row 0: feature 'city' of model 'gate@1.4.0' is string, got bytes that are no UTF-8: "
            "b'\\xff'"
        )

    def test_a_stream_that_needs_what_is_not_installed_says_so(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        said = refused(customers(), Streamed(pa.table({"age": [1.0]})))
        assert said.startswith("rows come as an Arrow stream (Streamed), which needs pyarrow: pip")

    def test_a_stream_of_something_else_is_refused(self) -> None:
        said = refused(customers(), Streamed(None))
        assert said.startswith("rows are no Arrow table (Streamed): ")

    def test_categories_are_observed_by_number_and_unknown_ones_by_a_salted_hash(self) -> None:
        observed = (
            customers()
            .encode(
                {
                    "age": [1, 1, 1, 1],
                    "visits": [1, 1, 1, 1],
                    "city": ["bergen", "oslo", "", "rome"],
                }
            )
            .observed[:, 2]
        )

        known = {"oslo": 0, "bergen": 1}
        assert observed[:2].tolist() == [1.0, 0.0]
        assert np.isnan(observed[2])
        assert observed[3] == category_code("rome", known, salt="north") < 0
        assert observed[3] != category_code("rome", known, salt="south")

    @pytest.mark.parametrize("nothing", [None, math.nan, np.nan, pd.NA, pd.NaT, ""])
    def test_whatever_says_missing_is_missing(self, nothing: object) -> None:
        encoded = customers().encode({"age": [nothing], "visits": [1], "city": [nothing]})

        assert encoded.feeds["city"].tolist() == [[""]]
        assert np.isnan(encoded.observed[0, [0, 2]]).all()

    def test_numbers_for_a_text_become_texts(self) -> None:
        encoded = customers().encode({"age": 1, "visits": 1, "city": 42})
        assert encoded.feeds["city"].tolist() == [["42"]]


class TestWhatDoesNotFit:
    def test_the_width_of_a_row(self) -> None:
        encoder = table_encoder("a", "b", "c")
        said = "input 'X' of model 'gate@1.4.0' is float32[batch, 3], got {}: give 3 values a row"
        assert refused(encoder, np.zeros((5, 2))) == said.format("float64[5, 2]")
        assert refused(encoder, [1, 2]) == said.format("int64[2]")
        assert refused(encoder, np.zeros((2, 3, 1), np.uint8)) == said.format("uint8[2, 3, 1]")
        assert refused(encoder, 5) == said.format("int64[]")

    def test_the_shape_of_an_image(self) -> None:
        assert refused(images(), np.zeros((3, 2, 2, 1), np.uint8)) == (
            "input 'image' of model 'gate@1.4.0' is float32[batch, 1, 2, 2], "
            "got uint8[3, 2, 2, 1]: transpose or reshape it first"
        )

    def test_a_text_where_a_number_should_be(self) -> None:
        said = "row 1: feature 'b' of model 'gate@1.4.0' is float32, got text 'much'"
        encoder = table_encoder("a", "b")
        assert refused(encoder, [[1, 2], [3, "much"]]) == said
        assert refused(encoder, {"a": [1, 3], "b": [2, "much"]}) == said
        assert refused(encoder, [{"a": 1, "b": 2}, {"a": 3, "b": "much"}]) == said
        assert refused(encoder, pd.DataFrame({"b": [2, "much"], "a": [1, 3]})) == said

    def test_a_part_of_a_whole_number_and_a_missing_one(self) -> None:
        said = "row 0: feature 'visits' of model 'gate@1.4.0' is int64, got "
        assert refused(customers(), {"age": 1, "visits": 1.5, "city": "x"}) == f"{said}1.5"
        assert refused(customers(), [1, None, "x"]) == f"{said}a missing value"
        assert refused(customers(), {"age": 1, "visits": 2.0**70, "city": "x"}).startswith(said)

    def test_a_number_too_large_for_a_small_type(self) -> None:
        encoder = table_encoder("a", "b", element_type="uint8")
        assert encoder.encode([255, 0]).feeds["X"].tolist() == [[255, 0]]
        assert refused(encoder, [[1, 300]]) == (
            "row 0: feature 'b' of model 'gate@1.4.0' is uint8, got 300"
        )
        assert refused(encoder, [[1, 0], [-1, 2]]) == (
            "row 1: feature 'a' of model 'gate@1.4.0' is uint8, got -1"
        )

    def test_an_object_that_is_neither_number_nor_text(self) -> None:
        assert refused(table_encoder("a"), [datetime.date(2026, 2, 3)]) == (
            "row 0: feature 'a' of model 'gate@1.4.0' is float32, got datetime.date(2026, 2, 3)"
        )
        assert refused(table_encoder("a"), np.array(["2026-02-03"], "datetime64[D]")) == (
            "row 0: feature 'a' of model 'gate@1.4.0' is float32, got datetime64[D]"
        )

    def test_an_element_of_an_image_is_named_by_its_input(self) -> None:
        image = np.array([[["a", "b"], ["c", "d"]]])
        assert refused(images(), image) == (
            "row 0: input 'image' of model 'gate@1.4.0' is float32, got text 'a'"
        )

    def test_a_feature_that_is_missing(self) -> None:
        assert refused(table_encoder("a", "b", "c"), {"b": 1, "d": 2}) == (
            "model 'gate@1.4.0' needs the features 'a', 'b', 'c', missing: 'a', 'c'; "
            "it does not know 'd'"
        )
        assert refused(images(), {"picture": [[1]]}) == (
            "model 'gate@1.4.0' needs the features 'image', missing: 'image'; "
            "it does not know 'picture'"
        )

    def test_an_input_that_is_missing_beside_others_that_are_whole(self) -> None:
        inputs = (
            TensorSpec("left", "float32", ("batch", 2)),
            TensorSpec("id", "int64", ("batch",)),
        )
        features = (Feature("a", 0, 0), Feature("b", 0, 1), Feature("id", 1, 0))
        encoder = InputEncoder(manifest_of(*inputs, features=features))
        assert refused(encoder, {"left": [[1.0, 2.0]], "ID": [1]}) == (
            "model 'gate@1.4.0' needs the inputs 'left', 'id', missing: 'id'; it does not know 'ID'"
        )

    def test_of_many_missing_features_the_first_are_named(self) -> None:
        encoder = table_encoder(*(f"x{number}" for number in range(20)))
        assert refused(encoder, {"x0": 1}).endswith(
            "missing: 'x1', 'x2', 'x3', 'x4', 'x5', 'x6', 'x7', 'x8' and 11 more"
        )

    def test_rows_that_differ_in_length(self) -> None:
        assert refused(table_encoder("a", "b"), [[1, 2], [3, 4], [5]]) == (
            "row 2: model 'gate@1.4.0' got 1 values, other rows have 2"
        )

    def test_records_that_differ_in_their_features(self) -> None:
        assert refused(table_encoder("a", "b"), [{"a": 1, "b": 2}, {"a": 1}]) == (
            "row 1: model 'gate@1.4.0' got features ['a'], other rows have ['a', 'b']"
        )
        assert refused(table_encoder("a", "b"), [{"a": 1, "b": 2}, 7]) == (
            "row 1: model 'gate@1.4.0' got features int, other rows have ['a', 'b']"
        )

    def test_columns_that_differ_in_length(self) -> None:
        assert refused(table_encoder("a", "b"), {"a": [1, 2, 3], "b": [1]}) == (
            "model 'gate@1.4.0' got columns of different length: {'a': 3, 'b': 1}"
        )
        images_and_masks = InputEncoder(
            manifest_of(
                TensorSpec("image", "float32", ("batch", 1, 2, 2)),
                TensorSpec("mask", "float32", ("batch", 4)),
            )
        )
        assert (
            refused(images_and_masks, {"image": np.zeros((3, 1, 2, 2)), "mask": np.zeros((2, 4))})
            == "model 'gate@1.4.0' got inputs of different length: {'image': 3, 'mask': 2}"
        )

    def test_a_column_that_is_a_table(self) -> None:
        assert refused(table_encoder("a", "b"), {"a": [[1, 2]], "b": [1]}) == (
            "model 'gate@1.4.0' feature 'a' is one value a row, got int64[1, 2]"
        )

    def test_rows_of_mixed_values_that_are_too_short(self) -> None:
        assert refused(customers(), [[1, 2], [3, 4]]) == (
            "model 'gate@1.4.0' takes rows of 3 features ('age', 'visits', 'city'), got "
            "objects[2, 2]: give rows of that many values, columns by name, or a DataFrame"
        )

    def test_an_input_that_its_features_do_not_fill(self) -> None:
        encoder = InputEncoder(
            manifest_of(TensorSpec("X", "float32", ("batch", 3)), features=(Feature("a", 0, 0),))
        )
        assert refused(encoder, {"a": 1}) == (
            "model 'gate@1.4.0' input 'X' is float32[batch, 3], which 1 features cannot fill: "
            "give it whole, as {'X': array}"
        )
        assert encoder.encode({"X": [1, 2, 3]}).observed.tolist() == [[1.0]]

    @pytest.mark.parametrize(
        "nothing",
        [[], {"a": [], "b": []}, np.zeros((0, 2), np.float32), pd.DataFrame({"a": [], "b": []})],
        ids=["list", "columns", "array", "frame"],
    )
    def test_no_rows_at_all(self, nothing: Rows) -> None:
        assert refused(table_encoder("a", "b"), nothing) == "model 'gate@1.4.0' got no rows"

    def test_the_row_can_be_read_by_a_program(self) -> None:
        with pytest.raises(RowError) as error:
            table_encoder("a", "b").encode([[1, 2], [3, "much"]])
        assert error.value.row == 1
        assert error.value.text == "feature 'b' of model 'gate@1.4.0' is float32, got text 'much'"


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


@pytest.mark.parametrize("missing", [None, pd.NA, pd.NaT, math.nan])
def test_one_row_by_name_may_lack_a_value(missing: object) -> None:
    found = customers().encode({"age": missing, "visits": Decimal(3), "city": missing})

    assert math.isnan(found.feeds["age"].item())
    assert found.feeds["visits"].item() == 3
    assert found.feeds["city"].item() == ""


class InTraining:
    """Will not be an array, like a tensor whose gradients are wanted."""

    shape = (1, 2)

    def __array__(self, dtype: object = None, copy: bool | None = None) -> NDArray[np.generic]:
        raise RuntimeError("detach it first")


def test_rows_that_refuse_to_be_an_array_are_refused_in_their_own_words() -> None:
    with pytest.raises(UsageError, match=r"rows are no array \(InTraining\): detach it first"):
        table_encoder("a", "b").encode(InTraining())  # type: ignore[arg-type]
