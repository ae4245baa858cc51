"""An application says when versions may begin: on real threads, with a real device."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge_agent.adapters.onnxruntime_engine import OnnxRuntimeEngine
from edge_agent.agent import Agent
from edge_contract.errors import UsageError
from tests.support.agent_device import Device, Shelf
from tests.support.links import wait_until
from tests.support.packages import digits

LATER = digits("1.1.0").package


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Device]]:
    devices: list[Device] = []

    def made(*, download_only: bool = False) -> Device:
        """A device on which 1.0.0 serves and which shall have 1.1.0."""
        shelf = Shelf([digits().package, LATER])
        device = Device(tmp_path, shelf, OnnxRuntimeEngine(), download_only=download_only)
        devices.append(device)
        device.start(digits().package)
        device.wait_for_version("1.0.0")
        return device

    yield made
    for device in devices:
        device.let_go()


def waits(device: Device) -> bool:
    """Whether the cloud was told that a version waits."""
    return any(slot.waits for slot in device.reports[-1].models["digits"].slots)


def test_within_the_block_nothing_changes_and_after_it_what_came_begins(
    make: Callable[..., Device],
) -> None:
    device = make()

    with device.shell.updates.hold("the arm moves"):
        device.desire(1, LATER)
        wait_until(lambda: waits(device))
        time.sleep(0.05)
        assert device.version == "1.0.0"
        assert device.shell.updates.ready() == {"digits": "1.1.0"}

    device.wait_for_version("1.1.0")


def test_an_error_within_the_block_lets_go(make: Callable[..., Device]) -> None:
    device = make()
    device.desire(1, LATER)

    with pytest.raises(ZeroDivisionError), device.shell.updates.hold(""):
        raise ZeroDivisionError

    device.wait_for_version("1.1.0")


def test_blocks_of_many_threads_overlap(make: Callable[..., Device]) -> None:
    device = make()
    inside, go_on = threading.Barrier(4), threading.Event()

    def work() -> None:
        with device.shell.updates.hold("busy"), device.shell.updates.hold("busy"):
            inside.wait(10.0)
            go_on.wait(10.0)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    inside.wait(10.0)
    device.desire(1, LATER)
    wait_until(lambda: waits(device))
    assert device.version == "1.0.0"
    go_on.set()
    for thread in threads:
        thread.join()

    device.wait_for_version("1.1.0")


def test_a_device_that_only_downloads_serves_the_version_once_it_is_told(
    make: Callable[..., Device],
) -> None:
    device = make(download_only=True)
    assert device.shell.updates.install() == {}
    device.desire(1, LATER)
    wait_until(lambda: waits(device))
    assert device.version == "1.0.0"

    assert device.shell.updates.install() == {"digits": "1.1.0"}

    assert device.version == "1.1.0"
    assert device.shell.updates.ready() == {}


def test_a_version_that_waits_is_still_there_after_a_restart(
    make: Callable[..., Device],
) -> None:
    device = make(download_only=True)
    device.desire(1, LATER)
    wait_until(lambda: waits(device))
    device.let_go()

    device = make(download_only=True)
    wait_until(lambda: waits(device))

    assert device.version == "1.0.0"
    assert device.shell.updates.install() == {"digits": "1.1.0"}


def test_an_agent_holds_updates_and_a_closed_one_says_so() -> None:
    window = "22:00-05:00 UTC"
    package = digits().package
    with Agent(package, device="cam-7", download_only=True, maintenance_window=window) as agent:
        agent.wait_ready()
        with agent.hold_updates(), agent.hold_updates("twice"):
            assert agent.predict([[0.0] * 64]).model == "digits@1.0.0"
        assert agent.updates_ready == {}
        assert agent.install_update() == {}

    with (
        pytest.raises(UsageError, match="agent 'cam-7' is closed"),
        agent.hold_updates(),
    ):
        pass


def test_the_agents_own_thread_cannot_wait_for_itself(make: Callable[..., Device]) -> None:
    device = make()
    found: list[str] = []

    def ask(_now_s: float) -> list[object]:
        try:
            device.shell.updates.ready()
        except UsageError as error:
            found.append(str(error))
        return []

    device.shell.updates._loop.put(ask)  # type: ignore[arg-type]

    wait_until(lambda: bool(found))
    assert "would wait for itself" in found[0]


def test_a_window_that_is_none_is_refused_before_anything_starts() -> None:
    with pytest.raises(UsageError, match="'nights' is none"):
        Agent(digits().package, maintenance_window="22:00-05:00 UTC; nights UTC")
