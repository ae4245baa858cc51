"""Files that batch scoring refuses, and what it says of them."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge_agent.agent import Agent
from edge_contract.errors import UnavailableError, UsageError
from tests.edge_agent.batch.conftest import CSV, LINES, run_job, written
from tests.edge_agent.conftest import MakeAgent
from tests.support.packages import digits


def refused(agent: Agent, source: Path) -> str:
    """What the caller is told who wants no row set aside; nothing is left of the output."""
    before = {path.name for path in source.parent.iterdir()}
    with pytest.raises(UsageError) as error:
        run_job(agent, source, source.with_name("out.jsonl"), strict=True)
    assert {path.name for path in source.parent.iterdir()} == before
    return str(error.value)


class TestRowsThatDoNotFit:
    def test_a_bad_value_is_named_with_its_row_of_the_file(
        self, customers: Agent, tmp_path: Path
    ) -> None:
        good = "oslo,30,1\n"
        text = f"city,age,income\n{good * 4000}oslo,old,1\n{good * 10}"
        assert refused(customers, written(tmp_path / "rows.csv", text)) == (
            "rows.csv, row 4001: feature 'age' of model 'customers@1.0.0' is float32, "
            "got text 'old'"
        )

    def test_a_row_of_another_length(self, customers: Agent, tmp_path: Path) -> None:
        text = "city,age,income\noslo,30,1\noslo,30\n"
        assert refused(customers, written(tmp_path / "rows.csv", text)) == (
            "rows.csv, row 2 has 2 values, its header 3"
        )

    def test_a_feature_that_is_missing_in_all_rows(self, customers: Agent, tmp_path: Path) -> None:
        assert refused(customers, written(tmp_path / "rows.csv", "city,age\noslo,30\n")) == (
            "rows.csv, from row 1 on: model 'customers@1.0.0' needs the features 'age', 'income', "
            "'city', missing: 'income'"
        )

    def test_a_record_with_other_features(self, customers: Agent, tmp_path: Path) -> None:
        lines = LINES + '{"city": "oslo", "age": 30}\n'
        assert refused(customers, written(tmp_path / "rows.jsonl", lines)) == (
            "rows.jsonl, row 4: model 'customers@1.0.0' needs the features 'age', 'income', "
            "'city', missing: 'income'"
        )

    def test_a_line_that_is_no_json(self, customers: Agent, tmp_path: Path) -> None:
        said = refused(customers, written(tmp_path / "rows.jsonl", LINES + "{'city'"))
        assert said.startswith("rows.jsonl, line 6 is no JSON: Expecting property name")

    def test_a_column_named_twice(self, customers: Agent, tmp_path: Path) -> None:
        lines = "age,city,age\n1,oslo,2\n"
        assert refused(customers, written(tmp_path / "rows.csv", lines)) == (
            "rows.csv has several columns of the same name: 'age'; rename them"
        )

    def test_a_file_without_header(self, customers: Agent, tmp_path: Path) -> None:
        assert refused(customers, written(tmp_path / "rows.csv", "")) == (
            "rows.csv is empty: its first line must name the features"
        )

    def test_arrays_of_different_length(self, customers: Agent, tmp_path: Path) -> None:
        np.savez(tmp_path / "rows.npz", age=np.zeros(3), city=np.zeros(2))
        assert refused(customers, tmp_path / "rows.npz") == (
            "rows.npz must hold arrays of one length, got {'age': 3, 'city': 2}"
        )

    def test_an_archive_of_objects(self, customers: Agent, tmp_path: Path) -> None:
        np.savez(tmp_path / "rows.npz", np.array([{"age": 1}], object))
        assert refused(customers, tmp_path / "rows.npz") == (
            "rows.npz is damaged or no npz: arr_0.npy has type object and shape (1,): save rows "
            "of plain numbers or texts"
        )


class TestFilesThatCannotBeRead:
    @pytest.mark.parametrize("name", ["rows.npz", "rows.csv"])
    def test_a_file_of_something_else(self, customers: Agent, tmp_path: Path, name: str) -> None:
        (tmp_path / name).write_bytes(b"\xff\xfe\x00something else")
        kind = name[-3:]
        assert refused(customers, tmp_path / name).startswith(f"{name} is damaged or no {kind}: ")

    @pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
    def test_a_damaged_archive(
        self, make_agent: MakeAgent, tmp_path: Path, save: Callable[..., None]
    ) -> None:
        path = tmp_path / "rows.npz"
        save(path, digits().rows)
        data = bytearray(path.read_bytes())
        data[5000:6000] = bytes(1000)
        path.write_bytes(data)
        said = refused(make_agent(digits().package), path)
        assert said.startswith("rows.npz is damaged or no npz: ")

    def test_an_array_that_is_cut_off(self, make_agent: MakeAgent, tmp_path: Path) -> None:
        np.save(tmp_path / "whole.npy", digits().rows)
        with zipfile.ZipFile(tmp_path / "rows.npz", "w") as archive:
            archive.writestr("X.npy", (tmp_path / "whole.npy").read_bytes()[:-100])
        (tmp_path / "whole.npy").unlink()
        assert refused(make_agent(digits().package), tmp_path / "rows.npz") == (
            "rows.npz is damaged or no npz: the file is cut off"
        )

    def test_parquet_that_is_none(self, customers: Agent, tmp_path: Path) -> None:
        (tmp_path / "rows.parquet").write_bytes(b"PAR1 and nothing more")
        assert refused(customers, tmp_path / "rows.parquet").startswith(
            "rows.parquet is damaged or no parquet: "
        )

    def test_a_file_that_is_not_there(self, customers: Agent, tmp_path: Path) -> None:
        assert refused(customers, tmp_path / "rows.csv").startswith("there is no file '")

    def test_an_unknown_ending(self, customers: Agent, tmp_path: Path) -> None:
        assert refused(customers, tmp_path / "rows.xlsx") == (
            "cannot read 'rows.xlsx': known endings are .csv, .jsonl, .ndjson, .npz, .parquet, "
            ".arrow, .arrows, .feather"
        )

    def test_a_packed_file_and_how_it_can_be_read(self, customers: Agent, tmp_path: Path) -> None:
        assert refused(customers, tmp_path / "rows.jsonl.gz") == (
            "cannot read 'rows.jsonl.gz': unpack it on the way, as by "
            f"zcat {tmp_path}/rows.jsonl.gz | edgefleet agent score --model MODEL "
            "--input-format jsonl - OUT"
        )

    def test_text_that_is_not_in_utf_8(self, customers: Agent, tmp_path: Path) -> None:
        (tmp_path / "rows.csv").write_bytes("age,city\n1,Malmö\n".encode("latin-1"))
        assert refused(customers, tmp_path / "rows.csv").endswith(": save it as UTF-8")


def test_a_side_file_that_cannot_be_written_is_named(customers: Agent, tmp_path: Path) -> None:
    rows = written(tmp_path / "rows.csv", CSV)
    with pytest.raises(UnavailableError, match=r"cannot write '.*/nowhere/bad\.jsonl': No such"):
        run_job(customers, rows, tmp_path / "out.csv", rejects=tmp_path / "nowhere/bad.jsonl")


def test_an_unknown_ending_of_the_output_is_refused(customers: Agent, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot write 'out\.npz': name it \.csv, \.jsonl, "):
        run_job(customers, written(tmp_path / "rows.csv", CSV), tmp_path / "out.npz")


def test_input_and_output_must_differ(customers: Agent, tmp_path: Path) -> None:
    rows = written(tmp_path / "rows.csv", CSV)
    with pytest.raises(UsageError, match=r"'rows\.csv' is to be read and written"):
        run_job(customers, rows, rows)
    assert rows.read_text() == CSV
