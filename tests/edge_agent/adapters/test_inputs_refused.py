"""Rows that do not fit are refused, with what was found and what was expected."""

import datetime

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from edge_agent.adapters.inputs import InputEncoder, Rows
from edge_agent.adapters.values import RowError
from edge_contract.errors import UsageError
from edge_contract.package import Feature, TensorSpec
from tests.edge_agent.adapters.input_encoders import (
    customers,
    images,
    manifest_of,
    refused,
    table_encoder,
)


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


class InTraining:
    """Will not be an array, like a tensor whose gradients are wanted."""

    shape = (1, 2)

    def __array__(self, dtype: object = None, copy: bool | None = None) -> NDArray[np.generic]:
        raise RuntimeError("detach it first")


def test_rows_that_refuse_to_be_an_array_are_refused_in_their_own_words() -> None:
    with pytest.raises(UsageError, match=r"rows are no array \(InTraining\): detach it first"):
        table_encoder("a", "b").encode(InTraining())  # type: ignore[arg-type]
