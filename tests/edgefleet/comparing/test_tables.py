import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from edge_contract.errors import UsageError
from edgefleet.comparing.tables import MIXED, as_numbers, as_texts, kind_of, tables_of


def columns_of(path: Path, *, texts: tuple[str, ...] = ()) -> dict[str, list[object]]:
    """All values of a file, as a reader sees them: numbers rounded, texts as texts."""
    found: dict[str, list[object]] = {}
    for table in tables_of(path, texts=texts):
        for name, values in table.columns.items():
            kind = kind_of(values)
            listed = as_numbers(values).tolist() if kind == "number" else as_texts(values)
            found.setdefault(name, []).extend(listed)
    return found


def test_the_same_rows_in_every_format_are_the_same_columns(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("age,city\n30,oslo\n61.5,bergen\n")
    lines = [{"age": 30, "city": "oslo"}, {"age": 61.5, "city": "bergen"}]
    (tmp_path / "rows.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    table = pyarrow.table({"age": [30.0, 61.5], "city": ["oslo", "bergen"]})
    parquet.write_table(table, tmp_path / "rows.parquet")
    np.savez(tmp_path / "rows.npz", age=np.array([30.0, 61.5]), city=np.array(["oslo", "bergen"]))

    for ending in ("csv", "jsonl", "parquet", "npz"):
        assert columns_of(tmp_path / f"rows.{ending}") == {
            "age": [30.0, 61.5],
            "city": ["oslo", "bergen"],
        }


def test_a_matrix_gives_numbered_columns(tmp_path: Path) -> None:
    np.savez(tmp_path / "rows.npz", X=np.array([[1.0, 2.0], [3.0, 4.0]]), y=np.array([0, 1]))
    (tmp_path / "rows.jsonl").write_text("[1, 2]\n[3, 4]\n")

    assert columns_of(tmp_path / "rows.npz") == {"x0": [1.0, 3.0], "x1": [2.0, 4.0], "y": [0, 1]}
    assert columns_of(tmp_path / "rows.jsonl") == {"x0": [1.0, 3.0], "x1": [2.0, 4.0]}


def test_what_is_missing_is_nan_or_no_text(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("age,city\n,oslo\n30,\n")
    (tmp_path / "rows.jsonl").write_text('{"age": null, "city": "oslo"}\n{"age": 30}\n')

    for ending in ("csv", "jsonl"):
        found = columns_of(tmp_path / f"rows.{ending}")
        assert np.isnan(found["age"][0])  # type: ignore[call-overload]
        assert found["age"][1] == 30.0
        assert found["city"] == ["oslo", None]


def test_a_column_may_be_read_as_text_though_it_looks_like_numbers(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("zip\n0150\n5003\n")

    assert columns_of(tmp_path / "rows.csv") == {"zip": [150.0, 5003.0]}
    assert columns_of(tmp_path / "rows.csv", texts=("zip",)) == {"zip": ["0150", "5003"]}


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2.5, True, None], "number"),
        (["a", None, ""], "text"),
        ([None, float("nan"), ""], ""),
        ([1, "a"], MIXED),
        ([Decimal("1.5"), None], "number"),
        ([{"a": 1}], "nested values"),
        ([datetime(2026, 1, 1, tzinfo=UTC)], "times"),
        ([b"raw"], "bytes"),
        (np.array([1.0]), "number"),
        (np.array(["a"]), "text"),
    ],
)
def test_a_column_holds_numbers_texts_nothing_or_something_else(
    values: list[object], kind: str
) -> None:
    assert kind_of(values) == kind


def test_lines_of_mixed_shape_are_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"a": 1}\n[2]\n')

    with pytest.raises(UsageError, match=r"rows\.jsonl: every line must be an object, or every"):
        list(tables_of(tmp_path / "rows.jsonl"))


def test_tables_know_which_rows_they_hold(tmp_path: Path) -> None:
    np.savez(tmp_path / "rows.npz", x=np.arange(5000))

    tables = list(tables_of(tmp_path / "rows.npz"))

    assert [(table.first_row, table.rows) for table in tables] == [
        (1, 2048),
        (2049, 2048),
        (4097, 904),
    ]
    assert tables[-1].fraction == 1.0


def test_the_numbers_that_pandas_gives_its_rows_are_no_column(tmp_path: Path) -> None:
    table = pyarrow.table({"age": [30.0], "__index_level_0__": [17]})
    parquet.write_table(table, tmp_path / "rows.parquet")

    assert columns_of(tmp_path / "rows.parquet") == {"age": [30.0]}
