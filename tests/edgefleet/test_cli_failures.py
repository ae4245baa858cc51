"""What the command line says when it cannot do what it was asked."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cloud_sync.api.server import ApiServer
from tests.edgefleet.conftest import Outcome
from tests.support.memory_cloud import MemoryCloud
from tests.support.tiny_package import tiny_package

Run = Callable[..., Outcome]

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("fleet", "device", "cam-99"), 2, "error: no device 'cam-99' in fleet 'lab'\n"),
        (("model", "show", "digits"), 2, "write it like digits@1.2.0"),
        (("model", "show", "digits@new"), 2, "is not a semantic version"),
        (("rollout", "start", "digits@1.0.0", "--steps", "a,b"), 2, "write steps like 0.1,0.5,1"),
        (("rollout", "start", "digits@1.0.0", "--steps", "1,0.5"), 2, "steps must rise"),
        (("rollout", "pause"), 2, "no rollout 'latest'"),
        (("fleet", "command", "ping", "--arg", "seconds"), 2, "write it like seconds=5"),
        (("fleet", "list", "--status", "asleep"), 2, "status"),
        (("model", "push", "nowhere.modelpkg"), 2, "No such file"),
    ],
)
def test_a_mistake_is_told_in_one_line(
    run: Run, words: tuple[str, ...], code: int, message: str
) -> None:
    refused = run(*words)

    assert refused.code == code
    assert refused.out == ""
    assert refused.err.startswith("error: ")
    assert message in refused.err
    assert refused.err.count("\n") == 1


def test_a_damaged_package_fails_with_1(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "digits.modelpkg"
    path.write_bytes(b"no package")

    refused = run("model", "push", str(path))

    assert refused.code == 1
    assert "not a readable model package" in refused.err


def test_an_address_on_the_command_line_comes_before_the_environment(run: Run) -> None:
    refused = run("fleet", "list", "--cloud", "http://127.0.0.1:9")

    assert refused.code == 1
    assert refused.err == (
        "error: cannot reach the cloud at http://127.0.0.1:9: connection refused; "
        "is `edgefleet cloud run` running?\n"
    )


def test_devices_that_cannot_be_told_apart_so_end_the_cloud_before_it_starts(
    run: Run, tmp_path: Path
) -> None:
    refused = run("cloud", "run", "--data", str(tmp_path), "--segment", "none", "--segment", "site")

    assert refused.code == 2
    assert "cannot tell devices apart by 'none': give 'tag:NAME'" in refused.err
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_command_is_a_usage_error(run: Run) -> None:
    refused = run("fleet", "explode")

    assert refused.code == 2
    assert "No such command" in refused.err


def python(program: str, *, isolated: bool = False) -> subprocess.CompletedProcess[str]:
    """Run a program that finds the repository; isolated, it finds no other package."""
    flags = ["-I", "-S"] if isolated else ["-I"]
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{program}"
    return subprocess.run(
        [sys.executable, *flags, "-c", program], capture_output=True, text=True, check=False
    )


def test_without_any_extra_the_command_says_what_to_install() -> None:
    ended = python("from edgefleet.__main__ import main; main()", isolated=True)

    assert ended.returncode == 1
    assert ended.stderr.startswith("error: this needs 'typer', which is not installed: pip install")
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("module", "extra"),
    [("httpx", "cloud"), ("onnxruntime", "agent"), ("sklearn", "convert"), ("torch", "torch")],
)
def test_a_missing_package_names_the_extra_that_brings_it(module: str, extra: str) -> None:
    program = (
        f"import importlib, edgefleet.__main__ as m\nsys.modules[{module!r}] = None\n"
        f"m._run = lambda: importlib.import_module({module!r})\nm.main()"
    )

    ended = python(program)

    assert ended.returncode == 1
    assert ended.stderr == (
        f"error: this needs {module!r}, which is not installed: pip install 'edgefleet[{extra}]'\n"
    )


def test_a_fault_of_ours_is_not_hidden() -> None:
    ended = python(
        "import edgefleet.__main__ as m\nm._run = lambda: sys.modules['no such module']\nm.main()"
    )

    assert ended.returncode == 1
    assert "Traceback" in ended.stderr


def test_asking_for_help_loads_nothing_heavy() -> None:
    program = (
        "import json\nfrom edgefleet.cli import build_app\nbuild_app()\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )

    loaded = json.loads(python(program).stdout)

    heavy = {"fastapi", "httpx", "numpy", "onnx", "onnxruntime", "pandas", "pydantic", "sklearn"}
    assert "typer" in loaded
    assert heavy & set(loaded) == set()


def test_the_version_is_printed() -> None:
    ended = python(
        "sys.argv = ['edgefleet', '--version']; from edgefleet.__main__ import main; main()"
    )

    assert ended.returncode == 0
    assert ended.stdout.startswith("edgefleet 0.")


def test_a_reader_who_has_seen_enough_gets_no_complaint() -> None:
    command = f"{sys.executable} -m edgefleet --help | true"

    ended = subprocess.run(
        ["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert ended.stderr == ""


def test_ctrl_c_ends_the_watching_but_not_the_rollout(
    server: ApiServer, backend: MemoryCloud
) -> None:
    backend.push(tiny_package("digits", "1.0.0").to_archive(), by="test")
    watching = subprocess.Popen(
        [sys.executable, "-m", "edgefleet", "rollout", "start", "digits@1.0.0", "--wait"],
        cwd=ROOT,
        env=os.environ | {"EDGEFLEET_CLOUD": server.url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert watching.stdout is not None
    first_line = watching.stdout.readline()

    watching.send_signal(signal.SIGINT)
    _, complaint = watching.communicate(timeout=30)

    assert "started by cli" in first_line
    assert watching.returncode == 130
    assert complaint == ""
    assert backend.rollout("latest").state == "running"
