"""What keeps a cloud or an agent from starting is said in one line, with an exit code."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.integration.processes import Cameras, CloudProcess, Outcome, cli, eventually, tail
from tests.support.brokers import MosquittoBroker

CLOUD = ["cloud", "run", "--http-port", "0", "--mqtt-port", "0"]


@pytest.fixture
def cloud(tmp_path: Path, packages: dict[str, Path]) -> Iterator[CloudProcess]:
    with CloudProcess(tmp_path) as cloud:
        cloud.client.push(packages["1.0.0"])
        yield cloud


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port on which another program listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        yield port


def assert_one_line(outcome: Outcome, *, code: int, says: list[str]) -> None:
    assert outcome.code == code, outcome
    assert outcome.out == ""
    assert outcome.err.startswith("error: "), outcome
    assert outcome.err.count("\n") == 1, outcome
    for words in says:
        assert words in outcome.err


def test_a_data_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "data"

    outcome = cli(*CLOUD, "--data", folder)

    assert_one_line(outcome, code=1, says=[f"cannot make data folder '{folder}'", "--data"])


def test_a_data_folder_in_which_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "data" / "warehouse.sqlite3").mkdir(parents=True)

    outcome = cli(*CLOUD, "--data", tmp_path / "data")

    assert_one_line(outcome, code=1, says=[str(tmp_path / "data" / "warehouse.sqlite3")])


@pytest.mark.parametrize("option", ["--http-port", "--mqtt-port"])
def test_a_port_that_is_taken(tmp_path: Path, taken_port: int, option: str) -> None:
    outcome = cli(*CLOUD, "--data", tmp_path, option, str(taken_port))

    says = [f"port {taken_port} on", "is taken by another program", "choose another port"]
    assert_one_line(outcome, code=1, says=says)


def test_a_data_folder_that_another_cloud_uses(cloud: CloudProcess) -> None:
    outcome = cli(*CLOUD, "--data", cloud.data)

    assert_one_line(outcome, code=2, says=[str(cloud.data), "is in use by another process"])
    assert cloud.client.summary().devices == 0


def test_a_state_folder_that_another_agent_uses(cloud: CloudProcess, tmp_path: Path) -> None:
    with Cameras(tmp_path / "devices", ["cam-1"], broker=cloud.broker_url) as camera:
        eventually("it predicts", lambda: camera.tally.returned)
        state = tmp_path / "devices" / "cam-1"

        words = ["--device", "cam-1", "--cloud", cloud.broker_url]
        outcome = cli("agent", "run", "gate", *words, "--state", state)

        assert_one_line(outcome, code=2, says=[str(state), "stop it"])
        camera.pause()
        told = camera.tally
        eventually("all rows", lambda: cloud.client.summary().rows_merged >= told.returned)
        assert (cloud.client.summary().rows_merged, told.failed) == (told.returned, 0)


def test_a_setting_that_is_wrong(tmp_path: Path) -> None:
    outcome = cli(*CLOUD, "--data", tmp_path, "--interval", "nan")

    assert_one_line(outcome, code=2, says=["interval must be from 0.5 to 86400 s, got nan"])


def test_an_agent_whose_state_folder_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    state = tmp_path / "file" / "state"

    outcome = cli("agent", "run", "gate", "--cloud", "mqtt://127.0.0.1:1", "--state", state)

    assert_one_line(outcome, code=1, says=[f"cannot write to folder '{state}'"])


def test_an_agent_without_a_model_and_without_a_cloud() -> None:
    outcome = cli("agent", "run", "gate")

    assert_one_line(outcome, code=2, says=["there is no cloud to get it from"])


def test_a_device_that_was_there_before_the_cloud_is_asked_who_it_is(
    tmp_path: Path, packages: dict[str, Path]
) -> None:
    broker = MosquittoBroker(tmp_path / "mosquitto")
    broker.start()
    with ExitStack() as stack:
        stack.callback(broker.stop)
        model = str(packages["1.0.0"])
        cameras = Cameras(tmp_path / "devices", ["cam-1"], broker=broker.url, model=model)
        stack.enter_context(cameras)
        eventually("it is connected", lambda: "connected" in tail(cameras.log))

        cloud = stack.enter_context(CloudProcess(tmp_path, broker=broker.url))

        eventually("it is there", cloud.client.devices)
        eventually("its hardware is known", lambda: "cpus" in cloud.client.device("cam-1").facts)
