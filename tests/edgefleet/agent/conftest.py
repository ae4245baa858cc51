"""Calls ``edgefleet agent`` in this process, with a folder and a package of its own."""

import io
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge_agent.config import ring_folder
from edgefleet.__main__ import main
from tests.edgefleet.conftest import Outcome
from tests.support.packages import mixed

Command = Callable[..., Outcome]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "state"
    yield folder
    shutil.rmtree(ring_folder(folder), ignore_errors=True)


@pytest.fixture
def package(tmp_path: Path) -> str:
    path = tmp_path / "customers.modelpkg"
    path.write_bytes(mixed().package.to_archive())
    return str(path)


@pytest.fixture
def own_logging() -> Iterator[None]:
    """Takes back what a command does to the logging of this process."""
    loggers = logging.getLogger(), logging.getLogger("edgefleet")
    before = [(logger, logger.level, logger.handlers[:]) for logger in loggers]
    yield
    for logger, level, handlers in before:
        for handler in set(logger.handlers) - set(handlers):
            handler.close()
        logger.setLevel(level)
        logger.handlers[:] = handlers


@pytest.fixture
def edgefleet(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    own_logging: None,  # noqa: ARG001  it runs around the test
) -> Command:
    """Calls ``edgefleet agent`` with words as its arguments and text on standard input."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("EDGEFLEET_")]:
        monkeypatch.delenv(name)

    def call(*words: str, stdin: str | bytes = "") -> Outcome:
        monkeypatch.setattr("sys.argv", ["edgefleet", "agent", *words])
        text = stdin.encode() if isinstance(stdin, str) else stdin
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text), "utf-8"))
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        assert isinstance(code, int)
        return Outcome(code, *capsys.readouterr())

    return call
