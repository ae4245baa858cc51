"""Where the values come from that an agent goes by."""

import tomllib
from pathlib import Path

import pytest

from edgefleet.commands.agent.config_file import KEYS
from tests.edgefleet.agent.conftest import Command

FILE = """
model = "digits"
interval = 30
providers = ["cuda", "cpu"]
password = "very secret"

[tags]
site = "oslo"
line = "3"

[serve]
http = "127.0.0.1:8710"

[limits]
memory_mb = 200
"""


@pytest.fixture
def file() -> str:
    Path("agent.toml").write_text(FILE)
    return "agent.toml"


def test_the_file_is_the_weakest_but_for_the_defaults(
    edgefleet: Command, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEFLEET_INTERVAL", "5")
    monkeypatch.setenv("EDGEFLEET_MAX_MEMORY", "300")
    outcome = edgefleet("config", "--config", file, "--max-memory", "400", "--device", "cam-7")

    assert outcome.code == 0
    found = tomllib.loads(outcome.out)
    assert found["model"] == "digits"
    assert found["interval"] == 5.0
    assert found["limits"]["memory_mb"] == 400
    assert found["providers"] == ["cuda", "cpu"]
    assert found["tags"] == {"site": "oslo", "line": "3"}
    assert found["log"]["format"] == "console"
    lines = outcome.out.splitlines()
    assert 'model = "digits"  # file' in lines
    assert "interval = 5.0  # environment" in lines
    assert "memory_mb = 400  # command line" in lines
    assert 'format = "console"  # default' in lines


def test_the_environment_may_name_the_file_and_the_model(
    edgefleet: Command, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEFLEET_CONFIG", file)
    monkeypatch.setenv("EDGEFLEET_MODEL", "letters")
    monkeypatch.setenv("EDGEFLEET_TAGS", "site=bergen line=4")

    found = tomllib.loads(edgefleet("config").out)

    assert found["model"] == "letters"
    assert found["interval"] == 30
    assert found["tags"] == {"site": "bergen", "line": "4"}


def test_an_argument_is_stronger_than_the_file(edgefleet: Command, file: str) -> None:
    found = tomllib.loads(edgefleet("config", "letters", "--config", file, "--tag", "a=b").out)
    assert found["model"] == "letters"
    assert found["tags"] == {"a": "b"}


def test_several_models_may_be_named_everywhere(
    edgefleet: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("two.toml").write_text('model = ["digits", "gate"]')
    printed = edgefleet("config", "--config", "two.toml").out
    assert 'model = ["digits", "gate"]  # file' in printed
    monkeypatch.setenv("EDGEFLEET_MODEL", "gate trees")
    assert 'model = ["gate", "trees"]  # environment' in edgefleet("config").out
    assert 'model = ["a", "b"]  # command line' in edgefleet("config", "a", "b").out


def test_secrets_are_not_shown(edgefleet: Command, file: str) -> None:
    outcome = edgefleet("config", "--config", file, "--salt", "a long random text")
    assert "very secret" not in outcome.out
    assert "random" not in outcome.out


def test_what_is_printed_is_a_file_that_can_be_used_again(edgefleet: Command, file: str) -> None:
    printed = edgefleet("config", "--config", file).out.replace("********", "secret")
    Path("again.toml").write_text(printed)
    again = edgefleet("config", "--config", "again.toml")
    assert again.code == 0
    before, after = tomllib.loads(printed), tomllib.loads(again.out)
    assert after | {"password": "secret"} == before


def test_every_key_can_be_set(edgefleet: Command) -> None:
    values = {
        "text": '"x"',
        "number": "1.5",
        "whole": "2",
        "flag": "true",
        "texts": '["cpu"]',
        "table": "{}",
        "names": '["digits", "gate"]',
    }
    lines = [f"{name} = {values[key.kind]}" for name, key in KEYS.items()]
    Path("all.toml").write_text("\n".join(lines))
    assert edgefleet("config", "--config", "all.toml").code == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("intervall = 3", "key 'intervall' is unknown; did you mean 'interval'?"),
        ("[limit]\nmemory_mb = 3", "did you mean 'limits.memory_mb'?"),
        ("http = '127.0.0.1:1'", "key 'http' is unknown; did you mean 'serve.http'?"),
        ("[serve]\nport = 1", "key 'serve.port' is unknown"),
        ("colour = 1", "key 'colour' is unknown"),
        ("interval = 'soon'", "interval must be a number, got 'soon'"),
        ("interval = true", "interval must be a number, got True"),
        ("[serve]\nbatch = 1.5", "serve.batch must be a whole number, got 1.5"),
        ("providers = 'cpu'", "providers must be a list of texts, got 'cpu'"),
        ("providers = [1]", "providers must be a list of texts, got [1]"),
        ("model = 3", "model must be a text or a list of texts, got 3"),
        ("tags = ['a=b']", "tags must be a table of texts"),
        ("[tags]\nline = 3", "tags must be a table of texts, got {'line': 3}"),
        ("serve = 3", "key 'serve' is unknown"),
        ("model = ", "is no TOML"),
        ("model = '\udcff'", "is no TOML"),
        (None, "cannot read 'agent.toml': No such file"),
    ],
)
def test_mistakes_in_the_file_are_one_line(edgefleet: Command, text: str | None, said: str) -> None:
    if text is not None:
        Path("agent.toml").write_bytes(text.encode(errors="surrogateescape"))
    for command in ("config", "run"):
        outcome = edgefleet(command, "--config", "agent.toml")
        assert outcome.code == 2
        assert said in outcome.err
        assert "'agent.toml'" in outcome.err
        assert outcome.err.count("\n") == 1


def test_an_agent_without_a_model_says_where_to_name_one(edgefleet: Command) -> None:
    outcome = edgefleet("run")
    assert outcome.code == 2
    assert "no model is named: give one as argument, as `model` in the file" in outcome.err


def test_an_agent_runs_by_its_file(edgefleet: Command, package: str, state: Path) -> None:
    Path("agent.toml").write_text(
        f"model = '{package}'\nstate = '{state}'\ndevice = 'cam-7'\n[tags]\nsite = 'oslo'\n"
    )
    row = '{"age": 30, "income": 41000, "city": "oslo"}\n'
    outcome = edgefleet("run", "--config", "agent.toml", stdin=row)
    assert outcome.code == 0
    assert "agent cam-7 keeps its state in" in outcome.err
