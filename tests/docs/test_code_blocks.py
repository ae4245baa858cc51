"""What the pages show works: Python and bash blocks run, and print what the pages say."""

import doctest
import os
import re
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from tests.docs.pages import NETWORKS, Block, blocks_of, commands_in_prose, need_of, pages, text_of
from tests.docs.shell import WrongCommandError, check_script
from tests.support.frameworks import run_apart, skip_without

SHOWN_AS = {"bash", "python", "js", "text", "json", "mermaid"}

API, BROKER = "http://127.0.0.1:8080", "mqtt://127.0.0.1:1883"
"""The addresses that pages show; the test's cloud has free ports."""


class Page:
    """Runs the blocks of one page in order, in one folder and one Python namespace."""

    def __init__(self, name: str, folder: Path, *, api: str, broker: str) -> None:
        self.name = name
        self._folder = folder
        self._addresses = {API: api, BROKER: broker}
        self._namespace: dict[str, object] = {"__name__": "__main__"}
        self._printed = ""

    def run(self, block: Block) -> None:
        text = block.text
        for shown, real in self._addresses.items():
            text = text.replace(shown, real)
        match block.language, block.mark:
            case "python", "":
                self._printed = self._run_python(text, block.line)
            case "python", "parsed only":
                compile(text, self.name, "exec")
            case "bash", "parsed only":
                self._printed = ""
            case "bash", "":
                self._printed = self._run_bash(text, block.line)
            case "js", "":
                self._parse_javascript(text, block.line)
            case "text", "output":
                self._check_output(text, block.line)

    def _run_python(self, text: str, line: int) -> str:
        code = compile("\n" * (line - 1) + text, self.name, "exec")
        out = StringIO()
        with redirect_stdout(out):
            exec(code, self._namespace)
        return out.getvalue()

    def _run_bash(self, text: str, line: int) -> str:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=self._folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{self.name}:{line} failed:\n{done.stdout}{done.stderr}"
        return done.stdout

    def _parse_javascript(self, text: str, line: int) -> None:
        """Parse it only: a browser would run it, as the tests of the page do."""
        done = subprocess.run(
            ["node", "--input-type=module", "--check"],
            input=text,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{self.name}:{line} is no JavaScript:\n{done.stderr}"

    def _check_output(self, wanted: str, line: int) -> None:
        flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        same = doctest.OutputChecker().check_output(wanted, self._printed, flags)
        assert same, f"{self.name}:{line} shows\n{wanted}\nbut it printed\n{self._printed}"


@pytest.mark.filterwarnings("ignore:the reference has .* rows, below 5000")
@pytest.mark.filterwarnings("ignore:.* strata have fewer than 5000 rows")
@pytest.mark.parametrize("name", [name for name in pages() if need_of(text_of(name)) != NETWORKS])
def test_every_block_of_a_page_works_in_the_order_of_the_page(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    page = text_of(name)
    api, broker = API, BROKER
    need = need_of(page)
    if need:
        api, broker = request.getfixturevalue(f"{need}_addresses")
    if need == "fleet":
        packages = request.getfixturevalue("digit_packages")
        shutil.copytree(packages, tmp_path, dirs_exist_ok=True)
    for variable in [name for name in os.environ if name.startswith("EDGEFLEET_")]:
        monkeypatch.delenv(variable)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDGEFLEET_CLOUD", api)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("COLUMNS", "100")
    runner = Page(name, tmp_path, api=api, broker=broker)

    for block in blocks_of(page):
        runner.run(block)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_pages_that_show_networks_work_where_their_frameworks_are(tmp_path: Path) -> None:
    skip_without("torch", "onnxscript", "keras", "jax", "jax2onnx")

    run_apart("tests/docs/network_pages.py", tmp_path)


@pytest.mark.parametrize("name", pages())
def test_every_block_says_what_it_is_and_every_command_in_it_exists(name: str) -> None:
    page = text_of(name)
    blocks = blocks_of(page)

    assert page.count("```") == 2 * len(blocks)
    assert {block.language for block in blocks} <= SHOWN_AS
    assert all(block.mark in ("", "parsed only", "output", "diagram") for block in blocks)
    for block in blocks:
        if block.language == "bash":
            assert check_script(block.text) > 0
        if block.mark == "output":
            assert block.language == "text"
        if block.mark == "parsed only":
            assert block.language in {"bash", "python"}


@pytest.mark.parametrize("name", pages())
def test_every_command_in_a_sentence_exists(name: str) -> None:
    for command in commands_in_prose(text_of(name)):
        check_script(command)


def test_the_python_example_of_the_readme_has_twenty_lines_at_most() -> None:
    [example] = [block for block in blocks_of(text_of("README.md")) if block.language == "python"]

    assert 10 <= len(example.text.splitlines()) <= 20


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("edgefleet flet devices", "no command 'flet'"),
        ("edgefleet fleet list --statsu online", "--statsu"),
        ("edgefleet rollout start digits@1.0.0 --bake soon", "--bake"),
        ("edgefleet model push", "Missing argument"),
        ("make demonstration", "no target 'demonstration'"),
        ("pip install '.[clouds]'", "no extra 'clouds'"),
        ("edgefleet alarms | jqq .", "jqq"),
    ],
)
def test_a_command_that_does_not_exist_is_found(script: str, complaint: str) -> None:
    with pytest.raises(WrongCommandError, match=re.escape(complaint)):
        check_script(script)
