import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_contract.errors import EdgeError, UnavailableError, UsageError
from edgefleet.logs import LogOptions, log_to_stderr, start_logging
from tests.support.disks import files_of_at_most

LOGGER = logging.getLogger("edgefleet.agent")


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("edgefleet")
    before = root.level, root.handlers[:], ours.level
    yield
    for handler in set(root.handlers) - set(before[1]):
        handler.close()
    root.setLevel(before[0])
    root.handlers[:] = before[1]
    ours.setLevel(before[2])


def test_people_get_a_line_a_fact(capsys: pytest.CaptureFixture[str]) -> None:
    start_logging(LogOptions())
    LOGGER.info("model %r serves", "digits")
    LOGGER.debug("nobody wants to know")
    logging.getLogger("paho").info("others' facts neither")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("INFO    edgefleet.agent: model 'digits' serves")


def test_programs_get_an_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    start_logging(LogOptions(form="json", level="debug"))
    LOGGER.debug("first\nand second line")
    try:
        int("why")
    except ValueError:
        LOGGER.exception("it failed")

    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert first["text"] == "first\nand second line"
    assert (first["level"], first["logger"]) == ("debug", "edgefleet.agent")
    assert first["at"].endswith("Z")
    assert "ValueError: invalid literal" in second["traceback"]


def test_a_full_file_is_moved_aside_and_only_some_are_kept(tmp_path: Path) -> None:
    start_logging(LogOptions(file=tmp_path / "logs" / "agent.log", file_bytes=2048, files=2))
    for number in range(300):
        LOGGER.info("fact %d", number)
    names = sorted(path.name for path in (tmp_path / "logs").iterdir())
    assert names == ["agent.log", "agent.log.1", "agent.log.2"]
    assert all(path.stat().st_size <= 2048 for path in (tmp_path / "logs").iterdir())
    assert "fact 299" in (tmp_path / "logs" / "agent.log").read_text()


def test_a_full_disk_is_told_once_and_ends_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start_logging(LogOptions(file=tmp_path / "agent.log"))
    with files_of_at_most(100):
        for _ in range(10):
            LOGGER.info("a fact that is about as long as facts are")
    assert capsys.readouterr().err.count("cannot log into") == 1
    LOGGER.info("there is room again")
    assert "there is room again" in (tmp_path / "agent.log").read_text()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"form": "xml"}, "log format 'xml' is unknown: choose console or json"),
        ({"level": "loud"}, "log level 'loud' is unknown: choose debug, info, warning, error"),
        ({"file_bytes": 10}, "log files must hold at least 1 KiB"),
        ({"files": -1}, "their number must be 0 or more"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        LogOptions(**options)  # type: ignore[arg-type]


def test_a_file_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in its place")
    with pytest.raises(UnavailableError, match="cannot log into"):
        start_logging(LogOptions(file=tmp_path / "file" / "agent.log"))


def test_the_environment_may_set_the_level(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEFLEET_LOG", "error")
    log_to_stderr()
    assert logging.getLogger("edgefleet").level == logging.ERROR
    monkeypatch.setenv("EDGEFLEET_LOG", "loud")
    with pytest.raises(EdgeError, match="log level 'loud' is unknown"):
        log_to_stderr()
