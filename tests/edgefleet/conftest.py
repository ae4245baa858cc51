"""A cloud in memory behind the real API on loopback, and two ways to talk to it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from cloud_sync.api.server import ApiServer
from edgefleet.__main__ import main
from edgefleet.client import Cloud
from tests.support.memory_cloud import MemoryCloud


class Outcome(NamedTuple):
    """What a call of the command left behind."""

    code: int
    out: str
    err: str


@pytest.fixture
def backend(tmp_path: Path) -> MemoryCloud:
    return MemoryCloud(tmp_path)


@pytest.fixture
def server(backend: MemoryCloud) -> Iterator[ApiServer]:
    with ApiServer(backend, port=0) as running:
        yield running


@pytest.fixture
def cloud(server: ApiServer) -> Iterator[Cloud]:
    with Cloud(server.url) as client:
        yield client


@pytest.fixture
def run(
    server: ApiServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Outcome]:
    """Calls ``edgefleet`` with words as its arguments, in this process."""
    monkeypatch.setenv("EDGEFLEET_CLOUD", server.url)
    monkeypatch.setattr("edgefleet.waiting.POLL_S", 0.01)

    def call(*words: str) -> Outcome:
        monkeypatch.setattr("sys.argv", ["edgefleet", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        assert isinstance(code, int)
        return Outcome(code, *capsys.readouterr())

    return call
