"""``edgefleet agent run`` with several models."""

import json
from pathlib import Path

import pytest

from tests.edgefleet.agent.conftest import Command
from tests.support.packages import words


@pytest.fixture
def trees(tmp_path: Path) -> str:
    path = tmp_path / "trees.modelpkg"
    path.write_bytes(words().package.to_archive())
    return str(path)


def test_a_line_says_which_model_it_is_for(
    edgefleet: Command, package: str, trees: str, state: Path
) -> None:
    customer = {"age": 30, "income": 41000, "city": "oslo"}
    lines = [
        {"model": "customers", "row": customer},
        {"model": "trees", "row": words().rows[0].tolist()},
        {"model": "gate", "row": [1.0]},
        customer,
        {"model": "trees", "row": [1.0]},
    ]

    outcome = edgefleet(
        *("run", package, trees, "--state", str(state)),
        stdin="\n".join(map(json.dumps, lines)),
    )

    answers = [json.loads(line) for line in outcome.out.splitlines()]
    assert [answer.get("model") for answer in answers[:2]] == ["customers@1.0.0", "trees@1.0.0"]
    assert [answer["error"].partition(": ")[2] for answer in answers[2:4]] == [
        f"agent '{device(outcome.err)}' runs no model 'gate' (it runs 'customers', 'trees')",
        "a line for an agent of several models ('customers', 'trees') is an object with model "
        'and row, got {"age": 30, "income": 41000, "city": "oslo"}',
    ]
    assert "'trees@1.0.0' is float32[batch, 4], got" in answers[4]["error"]
    assert outcome.code == 1


def device(told: str) -> str:
    return told.split()[1]


def test_the_status_tells_of_all_models(
    edgefleet: Command, package: str, trees: str, state: Path
) -> None:
    row = json.dumps({"model": "trees", "row": words().rows[0].tolist()})
    edgefleet("run", package, trees, "--state", str(state), "--device", "cam-7", stdin=row)

    told = edgefleet("status", "--state", str(state)).out

    rows = [line.replace("│", " ").split()[:4] for line in told.splitlines()]
    assert ["customers", "A", "active", "(serves)"] in rows
    assert ["trees", "A", "active", "(serves)"] in rows
    found = json.loads(edgefleet("status", "--state", str(state), "--json").out)
    assert sorted(found["models"]) == ["customers", "trees"]


def test_a_path_in_the_environment_may_hold_spaces(
    edgefleet: Command, trees: str, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(trees).rename(Path(trees).with_name("my trees.modelpkg"))
    monkeypatch.setenv("EDGEFLEET_MODEL", str(path))

    told = edgefleet("run", "--state", str(state), stdin=json.dumps(words().rows[0].tolist()))

    assert (told.code, json.loads(told.out)["model"]) == (0, "trees@1.0.0")
