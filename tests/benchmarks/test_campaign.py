"""Campaigns of many runs go on where they stopped, and what came of faults stands in the docs."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from benchmarks.campaign import Notebook, Order
from benchmarks.faults import figures_of
from benchmarks.faults_page import fault_tables
from benchmarks.harness import RESULTS
from benchmarks.report import DOCS
from edge_contract.errors import MessageError
from edge_contract.reading import JsonValue

ORDERS = [Order("network cut", 7), Order("network cut", 8), Order("clocks jump", 7)]


def test_a_campaign_goes_on_where_it_stopped_and_begins_anew_otherwise(tmp_path: Path) -> None:
    path, asked = tmp_path / "faults.jsonl", list[Order]()

    def run(order: Order) -> Mapping[str, JsonValue]:
        asked.append(order)
        if asked == ORDERS[:2]:
            raise OSError("the machine goes away")
        return {"rows": order.seed}

    with pytest.raises(OSError, match="goes away"):
        Notebook.opened(path, resumes=False).fill(ORDERS, run)
    entries = Notebook.opened(path, resumes=True).fill(ORDERS, run)

    assert asked == [ORDERS[0], ORDERS[1], ORDERS[1], ORDERS[2]]
    assert [entry.order for entry in entries] == ORDERS
    assert [entry.outcome["rows"].integer() for entry in entries] == [7, 8, 7]
    assert len(path.read_text().splitlines()) == 3
    Notebook.opened(path, resumes=False).fill(ORDERS[:1], run)
    assert len(path.read_text().splitlines()) == 1


def test_ctrl_c_keeps_what_has_ended_and_says_so() -> None:
    notebook, asked = Notebook(), list[Order]()

    def run(order: Order) -> Mapping[str, JsonValue]:
        asked.append(order)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return {}

    entries = notebook.fill(ORDERS, run)

    assert [entry.order for entry in entries] == ORDERS[:1]
    assert notebook.was_interrupted


def test_a_line_that_was_cut_is_named(tmp_path: Path) -> None:
    path = tmp_path / "faults.jsonl"
    path.write_text('{"name": "network cut", "se')

    with pytest.raises(MessageError, match=r"faults\.jsonl, line 1 is no JSON: .*; take it away"):
        Notebook.opened(path, resumes=True)


def test_a_broken_promise_is_counted_and_told() -> None:
    outcomes: list[Mapping[str, JsonValue]] = [
        {"faults": ["network cut"] * 2, "observed": 30, "merged": 30, "wrong": []},
        {"faults": ["network cut"], "observed": 20, "merged": 19, "wrong": ["a row was lost"]},
    ]
    waiting = iter(outcomes)
    entries = Notebook().fill(ORDERS[:2], lambda _order: next(waiting))

    figures = {figure.name: figure for figure in figures_of(entries, ordered=3)}
    lines = list(fault_tables(entries))

    assert figures["runs"].met is False
    assert figures["runs in which a promise was broken"].value == 1
    assert figures["broken: network cut"].peer == "2 runs, 3 faults, 50 rows; a row was lost"
    assert "| network cut | 2 | 3 | 50 | 49 | 1 |" in lines
    assert "| network cut | 3 | 2 | 1 |" in lines


def test_the_tables_of_the_docs_are_those_of_the_kept_runs_and_every_kind_of_fault_happened() -> (
    None
):
    notebook = Notebook.opened(RESULTS / "faults.jsonl", resumes=True)

    lines = list(fault_tables(list(notebook.entries.values())))

    assert len(notebook.entries) == 240
    assert "\n".join(lines) in (DOCS / "faults.md").read_text()
    kinds = lines[lines.index("| kind of fault | times | in runs | of them with a violation |") :]
    assert len(kinds) == 18
    assert not [line for line in kinds if "| 0 | 0 |" in line]
    kept = json.loads((RESULTS / "faults.json").read_text())
    assert kept["figures"][0]["value"] == len(notebook.entries)
