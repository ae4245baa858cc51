"""``edgefleet agent install``."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edgefleet.systemd_unit import ServiceUnit
from tests.edgefleet.agent.conftest import Command

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="systemd is a part of Linux")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_a_unit_for_the_user_is_written_and_the_next_steps_are_told(
    edgefleet: Command, home: Path
) -> None:
    config = home / ".config" / "edgefleet" / "agent.toml"
    config.parent.mkdir(parents=True)
    config.write_text('model = "digits"\n')

    outcome = edgefleet("install", "--user")

    unit = home / ".config" / "systemd" / "user" / "edgefleet-agent.service"
    lines = unit.read_text().splitlines()
    assert outcome.code == 0
    assert f"wrote {unit}" in outcome.out
    assert "systemctl --user enable --now edgefleet-agent" in outcome.out
    assert f"ExecStart={sys.executable} -m edgefleet agent run --config {config}" in lines
    assert {"Type=notify", "WatchdogSec=60", "Restart=always"} <= set(lines)
    assert "WantedBy=default.target" in lines
    assert unit.stat().st_mode & 0o777 == 0o644


def test_the_system_s_unit_can_be_printed_and_systemd_takes_it(
    edgefleet: Command, tmp_path: Path
) -> None:
    outcome = edgefleet(
        "install", "--print", "--config", "/etc/my agent.toml", "--run-as", "daemon"
    )

    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert {"User=daemon", "NoNewPrivileges=yes", "ProtectSystem=strict"} <= set(lines)
    assert lines[-1] == "WantedBy=multi-user.target"
    verify = shutil.which("systemd-analyze")
    if verify is None:
        pytest.skip("no systemd-analyze here")
    unit = tmp_path / "edgefleet-agent.service"
    unit.write_text(outcome.out)
    checked = subprocess.run(
        [verify, "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )
    if "Failed to initialize manager" in checked.stderr:
        pytest.skip("systemd cannot look at units here")
    assert (checked.returncode, checked.stderr) == (0, "")


def test_a_service_without_a_user_gets_one_made_for_it() -> None:
    text = ServiceUnit(config=Path("/etc/edgefleet/agent.toml")).text()
    assert "DynamicUser=yes\n" in text
    assert "EnvironmentFile=-/etc/edgefleet/agent.env\n" in text


def test_what_systemd_would_read_otherwise_is_quoted() -> None:
    unit = ServiceUnit(config=Path("/etc/100% $mine/agent.toml"), python=Path("/usr/bin/python3"))
    command = '/usr/bin/python3 -m edgefleet agent run --config "/etc/100%% $$mine/agent.toml"'
    assert f"ExecStart={command}\n" in unit.text()


@pytest.mark.parametrize(
    ("words", "content", "said"),
    [
        (("--name", "a b"), 'model = "digits"', "'a b' cannot name a service"),
        (("--run-as", "Bob!"), 'model = "digits"', "cannot run as 'Bob!'"),
        (("--run-as", "bob", "--user"), 'model = "digits"', "cannot run as 'bob'"),
        (("--user",), "", "names no model: add a line like model = 'digits'"),
        (("--user",), "modle = 1", "key 'modle' is unknown; did you mean 'model'?"),
        (("--user",), None, "there is no configuration at"),
    ],
)
def test_what_could_not_start_is_refused(
    edgefleet: Command, home: Path, words: tuple[str, ...], content: str | None, said: str
) -> None:
    config = home / "agent.toml"
    if content is not None:
        config.write_text(content)

    outcome = edgefleet("install", "--config", str(config), *words)

    assert outcome.code == 2
    assert said in outcome.err
    assert not (home / ".config" / "systemd").exists()


def test_a_folder_that_cannot_be_written_is_told(edgefleet: Command, home: Path) -> None:
    (home / "agent.toml").write_text('model = "digits"')
    (home / ".config").write_text("in its place")

    outcome = edgefleet("install", "--user", "--config", str(home / "agent.toml"))

    assert outcome.code == 1
    assert "cannot write" in outcome.err
