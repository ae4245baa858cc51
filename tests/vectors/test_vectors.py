"""The vectors that all languages are checked against are the contract as it stands."""

import json

from edge_contract.messages import MESSAGES
from edge_contract.stats import SPECS
from tests.vectors.check import differences
from tests.vectors.make import HERE, VECTORS


def test_the_files_are_up_to_date() -> None:
    assert differences() == []


def test_every_file_is_one_that_is_made() -> None:
    assert sorted(path.stem for path in HERE.glob("*.json")) == sorted(VECTORS)


def test_every_kind_of_message_and_statistic_has_a_vector() -> None:
    messages = json.loads((HERE / "messages.json").read_text("utf-8"))
    profile = json.loads((HERE / "profile.json").read_text("utf-8"))

    assert {message["kind"] for message in messages} == set(MESSAGES)
    assert {column["kind"] for column in profile["columns"]} == set(SPECS)
    assert len(profile["state"]) == len(profile["columns"])
