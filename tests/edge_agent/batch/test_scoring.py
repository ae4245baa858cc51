import json
import math
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from edge_agent.agent import Agent
from edge_contract.errors import UnavailableError, UsageError
from tests.edge_agent.batch.conftest import CSV, LINES, run_job, written
from tests.edge_agent.conftest import MakeAgent
from tests.support.disks import files_of_at_most
from tests.support.packages import binary, digits, mixed, regression


def scored(agent: Agent, source: Path) -> list[dict[str, object]]:
    """The answers to a file of which every row fits, without their numbers."""
    target = source.with_name("out.jsonl")
    summary = run_job(agent, source, target)
    answers = [json.loads(line) for line in target.read_text().splitlines()]
    assert (summary.rows, summary.rejected) == (len(answers), 0)
    assert [answer.pop("row") for answer in answers] == list(range(1, len(answers) + 1))
    return answers


def test_the_same_rows_as_csv_and_as_json_lines_get_the_same_answers(
    customers: Agent, tmp_path: Path
) -> None:
    by_csv = scored(customers, written(tmp_path / "rows.csv", CSV))
    by_lines = scored(customers, written(tmp_path / "rows.jsonl", LINES))

    assert by_csv == by_lines
    assert [set(answer) for answer in by_csv] == [{"label", "probabilities"}] * 3


def test_the_same_rows_as_parquet_get_the_same_answers(customers: Agent, tmp_path: Path) -> None:
    by_csv = scored(customers, written(tmp_path / "rows.csv", CSV))
    columns = {
        "city": pyarrow.array(["oslo", "bergen", None]),
        "age": pyarrow.array([30, None, 61], pyarrow.int16()),
        "income": pyarrow.array([41000.5, 39000.0, None]),
    }
    parquet.write_table(pyarrow.table(columns), tmp_path / "rows.parquet", row_group_size=2)

    by_parquet = scored(customers, tmp_path / "rows.parquet")

    assert by_parquet == by_csv


def test_answers_are_those_of_predict(make_agent: MakeAgent, tmp_path: Path) -> None:
    example = digits()
    np.savez(tmp_path / "rows.npz", X=example.rows[:5])

    answers = scored(make_agent(example.package), tmp_path / "rows.npz")

    assert [answer["label"] for answer in answers] == example.labels[:5].tolist()


def test_numbers_in_a_csv_file_stay_texts_where_the_model_takes_texts(
    customers: Agent, tmp_path: Path
) -> None:
    rows = written(tmp_path / "rows.csv", "city,age,income\n0123,30,1\n")
    prediction = customers.predict({"city": "0123", "age": 30, "income": 1})
    assert prediction.probabilities is not None
    assert scored(customers, rows)[0]["probabilities"] == prediction.probabilities[0].tolist()


def test_csv_answers_have_a_column_for_each_probability(
    make_agent: MakeAgent, tmp_path: Path
) -> None:
    np.savez(tmp_path / "rows.npz", binary().rows[:2])

    run_job(make_agent(binary().package), tmp_path / "rows.npz", tmp_path / "out.csv")

    header, first, _ = (tmp_path / "out.csv").read_text().splitlines()
    assert header == "row,label,probability_0,probability_1"
    row, label, no, yes = first.split(",")
    assert row == "1"
    assert label in ("no", "yes")
    assert float(no) + float(yes) == pytest.approx(1.0)


def test_predicted_numbers_are_values_and_one_that_is_not_finite_is_null(
    make_agent: MakeAgent, tmp_path: Path
) -> None:
    np.savez(tmp_path / "rows.npz", np.array([[1.0, 1.0], [math.inf, 0.0]]))
    first, second = scored(make_agent(regression().package), tmp_path / "rows.npz")
    assert first["value"] == pytest.approx(4.0)
    assert second == {"value": None}


def test_a_file_without_rows_gives_an_empty_one(customers: Agent, tmp_path: Path) -> None:
    assert scored(customers, written(tmp_path / "rows.csv", "city,age,income\n")) == []
    assert scored(customers, written(tmp_path / "rows.jsonl", "\n")) == []


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_are_read_however_they_were_saved(
    make_agent: MakeAgent, tmp_path: Path, save: Callable[..., None], order: str
) -> None:
    rows = np.asarray(np.resize(digits().rows, (4000, 64)), order=order)  # type: ignore[call-overload]
    save(tmp_path / "rows.npz", X=rows)

    answers = scored(make_agent(digits().package), tmp_path / "rows.npz")

    labels = [answer["label"] for answer in answers]
    assert labels == np.resize(digits().labels, 4000).tolist()


def test_an_archive_may_hold_an_array_for_each_input(customers: Agent, tmp_path: Path) -> None:
    table = mixed().rows.head(3)
    np.savez(
        tmp_path / "rows.npz",
        age=table["age"].to_numpy(),
        income=table["income"].to_numpy(),
        city=table["city"].to_numpy().astype("U"),
    )
    answers = scored(customers, tmp_path / "rows.npz")
    assert [answer["label"] for answer in answers] == mixed().labels[:3].tolist()


def test_endings_in_capital_letters_are_the_same(customers: Agent, tmp_path: Path) -> None:
    summary = run_job(customers, written(tmp_path / "ROWS.CSV", CSV), tmp_path / "OUT.CSV")

    assert summary.complete
    assert (tmp_path / "OUT.CSV").read_text().startswith("row,")


def test_an_earlier_output_stays_until_the_new_one_is_complete(
    customers: Agent, tmp_path: Path
) -> None:
    target = written(tmp_path / "out.jsonl", "earlier\n")
    bad = written(tmp_path / "bad.csv", f"{CSV}oslo,old,1\n")
    with pytest.raises(UsageError):
        run_job(customers, bad, target, strict=True)
    assert target.read_text() == "earlier\n"

    good = written(tmp_path / "good.csv", CSV)
    assert run_job(customers, good, target).rows == 3
    assert len(target.read_text().splitlines()) == 3


def test_a_full_disk_and_a_missing_folder_leave_nothing(
    make_agent: MakeAgent, tmp_path: Path
) -> None:
    agent = make_agent(digits().package)
    agent.wait_ready()
    np.savez(tmp_path / "rows.npz", digits().rows)
    with (
        files_of_at_most(4096),
        pytest.raises(UnavailableError, match=r"cannot write '.*out\.csv': File too large"),
    ):
        run_job(agent, tmp_path / "rows.npz", tmp_path / "out.csv")
    with pytest.raises(UnavailableError, match="No such file or directory"):
        run_job(agent, tmp_path / "rows.npz", tmp_path / "no" / "out.csv")

    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.npz", "state"]


def numbered_rows(rows: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.arange(2 * rows, dtype=np.float32).reshape(rows, 2)


@pytest.mark.parametrize(("kind", "rows"), [("csv", 50_000), ("npz", 200_000)])
def test_a_large_file_is_scored_in_little_memory_and_every_row_is_observed(
    sums: Agent, tmp_path: Path, kind: str, rows: int
) -> None:
    table, source = numbered_rows(rows), tmp_path / f"rows.{kind}"
    if kind == "npz":
        np.savez(source, table)
    else:
        np.savetxt(source, table, fmt="%d", delimiter=",", header="x0,x1", comments="")
    sums.wait_ready()
    tracemalloc.start()

    done = run_job(sums, source, tmp_path / "out.csv").rows
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert done == sums.rows_observed() == rows
    assert peak_bytes < 8_000_000
    *_, last = (tmp_path / "out.csv").read_text().splitlines()
    assert float(last.split(",")[1]) == pytest.approx(2 * (2 * rows - 2) - (2 * rows - 1) + 3)
