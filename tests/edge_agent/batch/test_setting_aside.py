"""Rows that do not fit are set aside, every one of them and no other."""

import json
import random
from pathlib import Path

import pytest

from edge_agent.agent import Agent
from edge_contract.errors import UnavailableError
from tests.edge_agent.batch.conftest import run_job
from tests.edge_agent.conftest import MakeAgent
from tests.support.packages import digits, touchy_digits


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_bad_rows_go_to_the_side_file_with_number_reason_and_values(
    customers: Agent, tmp_path: Path
) -> None:
    source, target = tmp_path / "rows.csv", tmp_path / "out.jsonl"
    source.write_text("city,age,income\noslo,30,1\noslo,old,1\nbergen,2\nbergen,61,poor\n,61,\n")

    summary = run_job(customers, source, target)

    assert (summary.rows, summary.rejected, summary.complete) == (2, 3, True)
    assert [answer["row"] for answer in lines(target)] == [1, 5]
    assert lines(tmp_path / "out.jsonl.rejected.jsonl") == [
        {
            "row": 2,
            "reason": "feature 'age' of model 'customers@1.0.0' is float32, got text 'old'",
            "values": {"city": "oslo", "age": "old", "income": "1"},
        },
        {
            "row": 3,
            "reason": "row 3 has 2 values, its header 3",
            "values": ["bergen", "2"],
        },
        {
            "row": 4,
            "reason": "feature 'income' of model 'customers@1.0.0' is float32, got text 'poor'",
            "values": {"city": "bergen", "age": "61", "income": "poor"},
        },
    ]


@pytest.mark.parametrize("share", [0.001, 0.1, 0.9, 1.0])
def test_whatever_share_of_the_rows_is_bad_the_others_get_their_answers(
    sums: Agent, tmp_path: Path, share: float
) -> None:
    chance = random.Random(7)
    source, target = tmp_path / "rows.jsonl", tmp_path / "out.jsonl"
    bad = {number for number in range(1, 5001) if chance.random() < share}
    source.write_text(
        "".join(
            json.dumps({"x0": "bad" if n in bad and n % 2 else n, "x1": "bad" if n in bad else 0})
            + "\n"
            for n in range(1, 5001)
        )
    )

    summary = run_job(sums, source, target)

    assert (summary.rows, summary.rejected) == (5000 - len(bad), len(bad))
    assert [answer["row"] for answer in lines(target)] == sorted(set(range(1, 5001)) - bad)
    assert all(a["value"] == pytest.approx(2 * a["row"] + 3) for a in lines(target))  # type: ignore[operator]
    rejected = lines(tmp_path / "out.jsonl.rejected.jsonl")
    assert [one["row"] for one in rejected] == sorted(bad)
    assert sums.rows_observed() == 5000 - len(bad)


def test_json_lines_of_any_form_are_taken_one_by_one(sums: Agent, tmp_path: Path) -> None:
    source, target = tmp_path / "rows.jsonl", tmp_path / "out.jsonl"
    source.write_text(
        '{"x1": 1}\n'
        '{"x0": 1, "x1": 2, "note": "more than the model needs"}\n'
        "[1, 2]\n"
        "[1, 2, 3]\n"
        "17\n"
        "{'x0': 1}\n"
        '{"x1": 2, "x0": 1}\n'
    )

    summary = run_job(sums, source, target)

    assert summary.rows == 3
    assert [answer["row"] for answer in lines(target)] == [2, 3, 7]
    assert [answer["value"] for answer in lines(target)] == pytest.approx([3.0] * 3)
    rejected = lines(tmp_path / "out.jsonl.rejected.jsonl")
    assert [one["row"] for one in rejected] == [1, 4, 5, 6]
    assert "missing: 'x0'" in str(rejected[0]["reason"])
    assert str(rejected[3]["reason"]).startswith("line 6 is no JSON: ")


def test_a_row_on_which_the_model_fails_is_set_aside_too(
    make_agent: MakeAgent, tmp_path: Path
) -> None:
    rows = digits().rows[:20].tolist()
    rows[7][0] = 100.0
    source, target = tmp_path / "rows.jsonl", tmp_path / "out.jsonl"
    source.write_text("".join(f"{json.dumps(row)}\n" for row in rows))

    summary = run_job(make_agent(touchy_digits()), source, target)

    assert (summary.rows, summary.rejected) == (19, 1)
    (rejected,) = lines(tmp_path / "out.jsonl.rejected.jsonl")
    assert rejected["row"] == 8
    assert "the model failed" in str(rejected["reason"])


def test_a_model_that_fails_on_all_rows_is_an_error_of_the_model(
    make_agent: MakeAgent, tmp_path: Path
) -> None:
    source = tmp_path / "rows.jsonl"
    source.write_text(f"{json.dumps([100.0] * 64)}\n" * 3)
    before = sorted(tmp_path.iterdir())

    with pytest.raises(UnavailableError, match="the model failed"):
        run_job(make_agent(touchy_digits()), source, tmp_path / "out.jsonl")

    assert sorted(set(tmp_path.iterdir()) - {tmp_path / "state"}) == before


def test_a_side_file_of_an_earlier_run_goes_when_all_rows_fit_now(
    sums: Agent, tmp_path: Path
) -> None:
    source, target = tmp_path / "rows.jsonl", tmp_path / "out.jsonl"
    source.write_text("[1, 2]\n[1]\n")
    run_job(sums, source, target)
    assert (tmp_path / "out.jsonl.rejected.jsonl").exists()

    source.write_text("[1, 2]\n[1, 1]\n")
    run_job(sums, source, target)

    assert not (tmp_path / "out.jsonl.rejected.jsonl").exists()
    assert len(lines(target)) == 2
