"""Rows that come by the names of their features: records, columns, frames, Arrow."""

import math
import sys
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from edge_agent.adapters.inputs import Rows
from edge_contract.stats.text_hash import category_code
from tests.edge_agent.adapters.input_encoders import customers, refused, table_encoder


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


@pytest.mark.parametrize("missing", [None, pd.NA, pd.NaT, math.nan])
def test_one_row_by_name_may_lack_a_value(missing: object) -> None:
    found = customers().encode({"age": missing, "visits": Decimal(3), "city": missing})

    assert math.isnan(found.feeds["age"].item())
    assert found.feeds["visits"].item() == 3
    assert found.feeds["city"].item() == ""
