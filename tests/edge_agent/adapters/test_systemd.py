"""Against a real datagram socket, as the service manager holds one."""

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge_agent.adapters.systemd import ServiceManager

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="needs Unix sockets")


@pytest.fixture
def ear(tmp_path: Path) -> Iterator[socket.socket]:
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(5.0)
        yield listener


def test_it_is_told_how_the_service_is(ear: socket.socket) -> None:
    manager = ServiceManager({"NOTIFY_SOCKET": ear.getsockname()})

    manager.ready("serving http://127.0.0.1:8710/v2")
    manager.alive()
    manager.stopping()

    assert [ear.recv(200) for _ in range(3)] == [
        b"READY=1\nSTATUS=serving http://127.0.0.1:8710/v2",
        b"WATCHDOG=1",
        b"STOPPING=1\nSTATUS=leaving",
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has abstract names")
def test_its_socket_may_have_an_abstract_name() -> None:
    name = f"edgefleet-test-{os.getpid()}"
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as listener:
        listener.bind(f"\0{name}")
        listener.settimeout(5.0)

        ServiceManager({"NOTIFY_SOCKET": f"@{name}"}).alive()

        assert listener.recv(200) == b"WATCHDOG=1"


@pytest.mark.parametrize("address", ["", "vsock:2:1234", "relative"])
def test_without_a_socket_that_is_known_nothing_happens(address: str) -> None:
    manager = ServiceManager({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1000000"})
    manager.ready("runs")
    assert not manager.is_there
    assert manager.watchdog_s is None


def test_a_manager_that_is_gone_ends_nothing(tmp_path: Path) -> None:
    ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "gone")}).alive()


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ({"WATCHDOG_USEC": "60000000"}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({}, None),
    ],
)
def test_signs_of_life_are_due_as_often_as_it_says(
    given: dict[str, str], seconds: float | None
) -> None:
    assert ServiceManager({"NOTIFY_SOCKET": "/run/notify", **given}).watchdog_s == seconds
