"""``edgefleet cloud``: tokens, the record, the configuration, backups."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.edgefleet.conftest import Outcome
from tests.support.memory_cloud import MemoryCloud
from tests.support.views import device

Run = Callable[..., Outcome]


def test_tokens_are_made_used_listed_and_revoked(
    run: Run, backend: MemoryCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend.put_device(device("cam-01"))
    first = run("cloud", "token", "create", "viewer-first")
    admin = run("cloud", "token", "create", "root", "--role", "admin").out.strip()
    locked = run("fleet", "list")
    monkeypatch.setenv("EDGEFLEET_TOKEN", admin)
    viewer = run("cloud", "token", "create", "grafana", "--expires", "30d", "--json")
    listed = run("cloud", "token", "list")
    token_id = json.loads(viewer.out)["token"]["token_id"]
    revoked = run("cloud", "token", "revoke", token_id)
    last = run("cloud", "token", "revoke", admin.split("_")[1])

    assert first.code == 2
    assert "the first token must be an admin's" in first.err
    assert admin.startswith("ef_")
    assert locked.code == 2
    assert "asks for a token; set EDGEFLEET_TOKEN" in locked.err
    assert "grafana" in listed.out
    assert admin not in listed.out
    assert revoked.out == "the viewer token of grafana is revoked\n"
    assert last.code == 2
    assert "nobody could give tokens any more" in last.err


def test_the_record_says_who_did_what(run: Run, backend: MemoryCloud) -> None:
    backend.put_device(device("cam-01"))
    run("fleet", "group", "set", "all", "--filter", "boots > 0")
    run("fleet", "command", "ping", "--no-wait")

    every = run("cloud", "audit")
    commands = run("cloud", "audit", "--action", "command", "--json")

    assert "group.put" in every.out
    assert "cli at 127.0.0.1" in every.out
    assert [line["action"] for line in json.loads(commands.out)] == ["command.ping"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("token", "create", "bob", "--role", "king"), "role 'king' is unknown"),
        (("token", "create", "bob", "--role", "admin", "--expires", "soon"), "no span of time"),
        (("token", "revoke", "000000000000"), "there is no token '000000000000'"),
        (("audit", "--action", "Rollout!"), "action"),
    ],
)
def test_mistakes_are_told(run: Run, words: tuple[str, ...], message: str) -> None:
    outcome = run("cloud", *words)

    assert outcome.code == 2
    assert message in outcome.err


def test_the_file_the_environment_and_the_command_line_configure_the_cloud(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "cloud.toml"
    file.write_text(
        'fleet = "lab"\ninterval = 30\n[api]\nport = 8123\ntoken = "hush"\n'
        '[watch]\nsegments = ["tag:site"]\n'
    )
    monkeypatch.setenv("EDGEFLEET_HTTP_PORT", "9000")
    monkeypatch.delenv("EDGEFLEET_DATA", raising=False)

    outcome = run("cloud", "config", "--config", str(file), "--mqtt-port", "2883")

    found = tomllib.loads(outcome.out)
    assert (found["fleet"], found["interval"], found["data"]) == ("lab", 30.0, "edgefleet-data")
    assert (found["api"]["port"], found["broker"]["mqtt_port"]) == (9000, 2883)
    assert found["watch"]["segments"] == ["tag:site"]
    assert "hush" not in outcome.out
    assert "port = 9000  # environment" in outcome.out


def test_an_unknown_key_of_the_file_is_told_with_the_right_one(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "cloud.toml"
    file.write_text("[api]\nprot = 8123\n")

    outcome = run("cloud", "config", "--config", str(file))

    assert outcome.code == 2
    assert "key 'api.prot' is unknown; did you mean 'api.port'?" in outcome.err


def test_a_backup_of_nothing_is_refused(run: Run, tmp_path: Path) -> None:
    saved = run("cloud", "backup", str(tmp_path / "b.tar"), "--data", str(tmp_path / "nowhere"))
    restored = run("cloud", "restore", str(tmp_path / "b.tar"), "--data", str(tmp_path / "new"))

    assert (saved.code, restored.code) == (2, 1)
    assert "is no data folder of a cloud" in saved.err
    assert "cannot restore" in restored.err
    assert not (tmp_path / "new").exists()
