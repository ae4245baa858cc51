"""Files of labels in the forms that people have them in."""

import json
from pathlib import Path

import pandas as pd
import pytest

from edge_contract.errors import UsageError
from edgefleet.labelling.label_files import LabelColumns, LabelLine, labels_in, portions

COLUMNS = LabelColumns()


def read(path: Path, columns: LabelColumns = COLUMNS) -> list[LabelLine]:
    return list(labels_in(path, columns))


def test_a_csv_file_is_read_with_whatever_else_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "truths.csv"
    path.write_bytes(
        b'\xef\xbb\xbfnote,prediction_id,truth,reason\n"a,b",x.1, 3 ,"drifted,random"\n'
        b",x.2,,drifted\n,x.3,d\xc3\xb8r,\n"
    )

    found = read(path)

    assert found == [
        LabelLine("x.1", "3", reasons=("drifted", "random")),
        LabelLine("x.2", None, reasons=("drifted",)),
        LabelLine("x.3", "dør"),
    ]
    assert [line.is_chosen for line in found] == [False, True, False]


def test_a_parquet_file_keeps_numbers_and_lists(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": ["a", "b", None], "y": [1.0, float("nan"), 2.5], "device": "cam-1"})
    frame.to_parquet(tmp_path / "y.parquet")
    lists = pd.DataFrame({"prediction_id": ["a"], "truth": [[1, 2]]})
    lists.to_parquet(tmp_path / "lists.parquet")

    found = read(tmp_path / "y.parquet", LabelColumns("id", "y", "device"))

    assert [(line.prediction_id, line.truth) for line in found] == [
        ("a", 1.0),
        ("b", None),
        ("", 2.5),
    ]
    assert found[0].device == "cam-1"
    assert read(tmp_path / "lists.parquet") == [LabelLine("a", [1, 2])]


def test_json_lines_are_read_too(tmp_path: Path) -> None:
    rows = [{"prediction_id": "a", "truth": 3}, {"prediction_id": "b", "truth": True}]
    (tmp_path / "y.jsonl").write_text("\n\n".join(map(json.dumps, rows)))

    assert read(tmp_path / "y.jsonl") == [LabelLine("a", 3), LabelLine("b", "True")]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("y.txt", b"", "holds no labels: give a file that ends in .csv, .parquet, .jsonl"),
        ("y.csv", b"id,truth\na,1\n", "has no column 'prediction_id' .*--id-column"),
        ("y.csv", b"prediction_id,y\na,1\n", "has no column 'truth' .*--truth-column"),
        ("y.csv", b"", "is empty: its first line names the columns"),
        ("y.csv", b"prediction_id,truth\na,1\nb,2,3\n", "line 3: it has 3 fields, the first line"),
        ("y.csv", b'prediction_id,truth\n"a,1\nb,2\n', "after line 1: unexpected end of data"),
        ("y.csv", b"prediction_id,truth\n\xff\xfe,1\n", "is not UTF-8"),
        ("y.parquet", b"no parquet", "is no readable Parquet file"),
        ("y.jsonl", b"{", "row 1 is no JSON"),
        ("y.jsonl", b"[1]", "row 1 is no object"),
        ("y.jsonl", b'{"prediction_id": "a", "truth": {"b": 1}}', "row 1: truth .* is neither"),
    ],
)
def test_what_holds_no_labels_is_refused_in_one_line(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(UsageError, match=message):
        read(path)


def test_a_file_that_is_not_there_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*y.csv.*No such file"):
        read(tmp_path / "y.csv")
    with pytest.raises(UsageError, match=r"cannot read .*y.parquet"):
        read(tmp_path / "y.parquet")


def test_portions_are_what_a_cloud_takes_at_once() -> None:
    lines = [LabelLine("x" * 50, "1") for _ in range(4500)] + [LabelLine("y" * 300_000, "1")] * 2

    sizes = [len(portion) for portion in portions(iter(lines))]

    assert sizes == [2000, 2000, 501, 1]
